//! Requests as an API server makes them, whole: header and body.

use seinode_webhook::endpoint::Endpoint;
use serde_json::{Value, json};

/// A change of a SeiNode that breaks no rule.
pub fn small() -> Vec<u8> {
    request(&json!({}))
}

/// The same with 3 MiB of annotations, in both objects together.
pub fn large() -> Vec<u8> {
    let annotations: Value =
        (0..1500).map(|number| (format!("a.example.com/{number}"), Value::from("x".repeat(1024)))).collect();
    request(&annotations)
}

fn request(annotations: &Value) -> Vec<u8> {
    let node = |image: &str| {
        json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {
                "name": "a", "namespace": "sei", "uid": "3f0c5a0e-0000-4000-8000-000000000001",
                "resourceVersion": "7", "generation": 2, "annotations": annotations,
            },
            "spec": {
                "chainId": "pacific-1", "image": image, "fullNode": {},
                "peers": [{ "static": { "addresses": ["0123456789012345678901234567890123456789@a.example.com:26656"] } }],
                "overrides": { "evm.http_port": "8545", "network.rpc.max_open_connections": "900" },
            },
        })
    };
    let kind = json!({ "group": "sei.io", "version": "v1alpha1", "kind": "SeiNode" });
    let resource = json!({ "group": "sei.io", "version": "v1alpha1", "resource": "seinodes" });
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": kind, "resource": resource,
            "requestKind": kind, "requestResource": resource, "name": "a", "namespace": "sei",
            "operation": "UPDATE", "userInfo": { "username": "admin", "groups": ["system:authenticated"] },
            "object": node("registry.example.com/seid:v2"), "oldObject": node("registry.example.com/seid:v1"),
            "dryRun": false, "options": { "apiVersion": "meta.k8s.io/v1", "kind": "UpdateOptions" },
        },
    });
    let body = serde_json::to_vec(&review).unwrap();
    let path = Endpoint::ValidateSeiNode.path();
    let head = format!(
        "POST {path}?timeout=3s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}
