//! Requests, whole: header and body.

use serde_json::json;

/// A valid change of a SeiNode, about 1 KiB.
pub fn genuine() -> Vec<u8> {
    let node = |image: &str| {
        json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode",
            "metadata": {"name": "a", "namespace": "sei", "uid": "3f0c5a0e-0000-4000-8000-000000000001"},
            "spec": {
                "chainId": "pacific-1", "image": image, "fullNode": {},
                "overrides": {"evm.http_port": "8545", "network.rpc.max_open_connections": "900"},
            },
        })
    };
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "resource": {"group": "sei.io", "version": "v1alpha1", "resource": "seinodes"},
            "name": "a", "namespace": "sei", "operation": "UPDATE",
            "object": node("registry.example.com/seid:v2"), "oldObject": node("registry.example.com/seid:v1"),
        },
    });
    let body = review.to_string();
    [head("/validate/seinode", body.len()), body.into_bytes()].concat()
}

/// A review of a StatefulSet whose object is a list of this item, up to the limit of a body.
pub fn hostile(item: &str) -> Vec<u8> {
    let list = [item].repeat((7 << 19) / (item.len() + 1) - 1000).join(",");
    let body = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE",
        "resource":{{"group":"apps","resource":"statefulsets"}},"object":{{"spec":{{"template":{{"spec":[{list}]}}}}}}}}}}"#
    );
    [head("/mutate/statefulset", body.len()), body.into_bytes()].concat()
}

/// A header that announces a body.
pub fn head(path: &str, length: usize) -> Vec<u8> {
    format!(
        "POST {path}?timeout=3s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}
