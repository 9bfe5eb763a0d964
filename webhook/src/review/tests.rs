use serde_json::{Value, json};

use super::*;

fn review(endpoint: Endpoint, body: &Value) -> (u16, Value) {
    let response = respond(endpoint, body.to_string().as_bytes());
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn deletion() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "7b3", "operation": "DELETE", "name": "a",
            "resource": { "group": "sei.io", "version": "v1alpha1", "resource": "seinodes" },
            "object": null, "oldObject": { "metadata": { "name": "a" }, "spec": {} }, "dryRun": true,
        },
    })
}

#[test]
fn the_uid_is_echoed_and_a_dry_run_is_counted() {
    let (status, review) = review(Endpoint::WarnSeiNodeDeletion, &deletion());
    assert_eq!((status, &review["response"]["uid"]), (200, &json!("7b3")), "{review}");
    assert_eq!(review["response"]["allowed"], json!(true));
    assert!(review["response"].get("patch").is_none() && review["response"].get("patchType").is_none());
    let summary = respond(Endpoint::WarnSeiNodeDeletion, deletion().to_string().as_bytes()).summary;
    assert_eq!((summary.operation, summary.dry_run, summary.code), ("DELETE", true, 200));
}

#[test]
fn a_body_that_is_not_a_request_is_a_4xx_with_a_reason() {
    let changed = |pointer: &str, value: Value| {
        let mut body = deletion();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (request, reason) in [
        (json!(null), "not an AdmissionReview"),
        (json!({}), "missing field"),
        (changed("/request", Value::Null), "missing field `request`"),
        (changed("/kind", json!("Pod")), "send AdmissionReview"),
        (changed("/apiVersion", json!("admission.k8s.io/v1beta1")), "admission.k8s.io/v1"),
        (changed("/request/uid", json!("")), "request.uid"),
        (changed("/request/uid", json!("u".repeat(129))), "request.uid"),
        (changed("/request/operation", json!("PATCH")), "unknown variant"),
        (changed("/request/resource/resource", json!("pods")), "pods.sei.io, and /warn/seinode"),
        (changed("/request/oldObject", json!([])), "request.oldObject is not an object"),
    ] {
        let (status, body) = review(Endpoint::WarnSeiNodeDeletion, &request);
        assert_eq!((status, &body["reason"]), (400, &json!("BadRequest")), "{body}");
        assert!(body["message"].as_str().unwrap().contains(reason), "{reason}: {body}");
    }
    assert_eq!(respond(Endpoint::ValidateScale, b"{").status, 400);
    assert_eq!(respond(Endpoint::ValidateScale, "[".repeat(100_000).as_bytes()).status, 400);
}

#[test]
fn a_response_is_bounded_whatever_the_request_holds() {
    let overrides = |count: usize, length: usize| -> Value {
        (0..count).map(|number| (format!("{number}{}", "x".repeat(length)), json!("1"))).collect()
    };
    for (overrides, most) in [(overrides(2000, 10), 64 << 10), (overrides(3, 500_000), 16 << 10)] {
        let mut body = deletion();
        let spec = json!({ "chainId": "c", "image": "i", "fullNode": {}, "overrides": overrides });
        body["request"]["operation"] = json!("CREATE");
        body["request"]["object"] = json!({ "metadata": { "name": "a" }, "spec": spec });
        let response = respond(Endpoint::ValidateSeiNode, body.to_string().as_bytes());
        assert!(!response.summary.allowed && response.body.len() < most, "{}", response.body.len());
        let (_, review) = review(Endpoint::ValidateSeiNode, &body);
        let causes = review["response"]["status"]["details"]["causes"].as_array().unwrap().len();
        let message = review["response"]["status"]["message"].as_str().unwrap();
        assert_eq!(message.contains("and 1950 more violations"), causes == 50, "{message}");
    }
}
