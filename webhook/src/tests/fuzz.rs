//! Fuzzing: real reviews of which a few members are others. Never a panic, always a well-formed response of bounded length.

use hostile::{Choices, Effort, Target, mutate};
use serde_json::{Value, json};

use super::fixtures;
use crate::{endpoint::Endpoint, review::respond};

/// Most bytes of an input: each is a choice.
const CHOICES: usize = 128;
const TARGET: Target =
    Target { corpus: concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/fuzz/corpus"), longest: CHOICES };
/// Inputs in the ordinary `cargo test`.
const FEW: Effort = Effort::Inputs(2000);
/// Most bytes of a response, whatever the request holds.
const LONGEST: usize = 1 << 20;

fn play(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let endpoint = *choices.pick(&Endpoint::ALL).unwrap();
    let mut review = review(endpoint, choices);
    let whole = choices.below(4) == 3;
    let place = if whole { Some(&mut review) } else { review.pointer_mut("/request") };
    mutate(place.unwrap(), choices);
    let response = respond(endpoint, review.to_string().as_bytes());
    assert!(response.body.len() < LONGEST, "{} bytes", response.body.len());
    let said: Value = serde_json::from_slice(&response.body).unwrap();
    match response.status {
        200 => assert!(said["response"]["allowed"].is_boolean(), "{said}"),
        400 => assert_eq!(said["kind"], "Status"),
        other => panic!("{other}: {said}"),
    }
}

/// A review of an object that is right, changed to another that is right.
fn review(endpoint: Endpoint, choices: &mut Choices<'_>) -> Value {
    let (group, resource, subresource) = endpoint.resource();
    let node = || {
        fixtures::node(json!({
            "chainId": "pacific-1", "image": "seid:v1", "paused": false, "podLabels": {"team": "rpc"},
            "fullNode": {"snapshot": {"s3": {"targetHeight": 5}, "bootstrapImage": "seid:boot", "trustPeriod": "168h"}},
            "overrides": {"evm.http_port": "8545"}, "sidecar": {"port": 7777, "resources": {"requests": {"cpu": "1"}}},
            "dataVolume": {"retain": true, "resources": {"requests": {"storage": "1Ti"}}},
            "peers": [{"label": {"selector": {"role": "sentry"}}}, {"static": {"addresses": ["x@h:1"]}}],
        }))
    };
    let set = || fixtures::set(json!({"updateStrategy": {"type": "OnDelete"}, "ordinals": {"start": 0}}));
    let scale = || json!({"metadata": {"name": "a"}, "spec": {"replicas": 1}, "status": {"selector": "sei.io/node=a"}});
    let (object, old) = match (resource, subresource) {
        ("seinodes", _) => (node(), node()),
        (_, "scale") => (scale(), scale()),
        _ => (set(), set()),
    };
    let operation = choices.pick(&["CREATE", "UPDATE", "DELETE"]).unwrap();
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "name": "a", "namespace": "sei", "operation": operation, "subResource": subresource,
            "resource": {"group": group, "version": "v1", "resource": resource},
            "userInfo": {"username": "somebody", "groups": ["system:authenticated"]},
            "object": object, "oldObject": old,
        },
    })
}

#[test]
fn hostile_reviews_get_a_well_formed_response() {
    TARGET.play(FEW, play);
}

#[test]
#[ignore = "cargo prove tries for a minute"]
fn hostile_reviews_get_a_well_formed_response_for_a_minute() {
    TARGET.play(Effort::MINUTE, play);
}
