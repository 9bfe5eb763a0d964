//! Hostile bodies: never a panic, always a well-formed response or a 4xx.

use serde_json::{Value, json};

use super::generate::{self, Chance, anything};
use crate::{endpoint::Endpoint, review::respond};

const BODIES: u64 = 20_000;

#[test]
fn every_body_gets_a_well_formed_response() {
    let (mut reviews, mut denied) = (0, 0);
    for seed in 0..BODIES {
        let chance = &mut Chance::new(seed + 1);
        let endpoint = chance.pick(&Endpoint::ALL);
        let body = body(chance, endpoint);
        let response = respond(endpoint, &body);
        let review: Value = serde_json::from_slice(&response.body).unwrap();
        match response.status {
            200 => {
                reviews += 1;
                assert_eq!(review["kind"], "AdmissionReview");
                // Text that is not Unicode may stand in a member that is not read.
                if let Ok(sent) = serde_json::from_slice::<Value>(&body) {
                    assert_eq!(review["response"]["uid"], sent["request"]["uid"], "{review}");
                }
                let allowed = review["response"]["allowed"].as_bool().unwrap();
                assert_eq!(allowed, response.summary.allowed);
                denied += u32::from(!allowed);
                let causes = review["response"]["status"]["details"]["causes"].as_array();
                assert_eq!(allowed, causes.is_none_or(Vec::is_empty), "{review}");
            }
            400 => assert_eq!((&review["kind"], &review["reason"]), (&json!("Status"), &json!("BadRequest"))),
            other => panic!("{other}: {review}"),
        }
    }
    // Neither kind of response is rare, or the bodies would try nothing.
    assert!(reviews > BODIES / 4 && reviews < BODIES * 3 / 4 && denied > 500, "{reviews} {denied}");
}

fn body(chance: &mut Chance, endpoint: Endpoint) -> Vec<u8> {
    let (group, resource, subresource) = endpoint.resource();
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "name": "a",
            "operation": chance.pick(&["CREATE", "UPDATE", "DELETE", "CONNECT"]),
            "resource": { "group": group, "version": "v1", "resource": resource },
            "object": object(chance), "oldObject": object(chance),
        },
    });
    if !subresource.is_empty() {
        review["request"]["subResource"] = json!(subresource);
    }
    if chance.one_in(4) {
        let pointers =
            ["", "/request", "/request/object/metadata", "/request/object/spec", "/request/resource"];
        if let Some(place) = review.pointer_mut(chance.pick(&pointers)) {
            *place = anything(chance, 4);
        }
    }
    let mut bytes = review.to_string().into_bytes();
    if chance.one_in(4) {
        let at = chance.below(bytes.len());
        match chance.below(3) {
            0 => bytes.truncate(at),
            1 => bytes[at] = chance.below(256) as u8,
            _ => bytes.insert(at, b'['),
        }
    }
    bytes
}

fn object(chance: &mut Chance) -> Value {
    match chance.below(4) {
        0 => anything(chance, 5),
        1 => generate::node(chance),
        2 => generate::set(chance),
        _ => json!({ "spec": anything(chance, 2), "status": { "selector": "sei.io/node=a" } }),
    }
}
