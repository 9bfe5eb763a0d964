use serde_json::{Value, json};

use super::*;

fn said(endpoint: Endpoint, body: &Value) -> (u16, Value) {
    let answer = answer(endpoint, body.to_string().as_bytes());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
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
fn the_uid_is_echoed_and_a_dry_run_is_told() {
    let (status, review) = said(Endpoint::WarnSeiNodeDeletion, &deletion());
    assert_eq!((status, &review["response"]["uid"]), (200, &json!("7b3")), "{review}");
    assert_eq!(review["response"]["allowed"], json!(true));
    assert!(review["response"].get("patch").is_none() && review["response"].get("patchType").is_none());
    let facts = answer(Endpoint::WarnSeiNodeDeletion, deletion().to_string().as_bytes()).facts;
    assert_eq!((facts.operation, facts.dry_run, facts.code), ("DELETE", true, 200));
}

#[test]
fn what_is_no_request_for_the_endpoint_is_a_4xx_with_the_reason() {
    let changed = |pointer: &str, value: Value| {
        let mut body = deletion();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, reason) in [
        (json!(null), "no AdmissionReview"),
        (json!({}), "missing field"),
        (changed("/request", Value::Null), "missing field `request`"),
        (changed("/kind", json!("Pod")), "send AdmissionReview"),
        (changed("/apiVersion", json!("admission.k8s.io/v1beta1")), "admission.k8s.io/v1"),
        (changed("/request/uid", json!("")), "request.uid"),
        (changed("/request/operation", json!("PATCH")), "unknown variant"),
        (changed("/request/resource/resource", json!("pods")), "pods.sei.io, and /warn/seinode"),
        (changed("/request/oldObject", json!([])), "request.oldObject is no object"),
    ] {
        let (status, answer) = said(Endpoint::WarnSeiNodeDeletion, &body);
        assert_eq!((status, &answer["reason"]), (400, &json!("BadRequest")), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(reason), "{reason}: {answer}");
    }
    assert_eq!(answer(Endpoint::ValidateScale, b"{").status, 400);
    assert_eq!(answer(Endpoint::ValidateScale, "[".repeat(100_000).as_bytes()).status, 400);
}
