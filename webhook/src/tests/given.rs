//! Requests as an API server makes them, and what a patch makes of an object.

use serde_json::{Value, json};

use crate::{
    endpoint::Endpoint,
    request::{Operation, Request},
    verdict::{Verdict, judge},
};

/// A request to create an object.
pub fn creation(object: Value) -> Request {
    asked(Operation::Create, object, Value::Null)
}

/// A request to make another object of one.
pub fn update(old: Value, object: Value) -> Request {
    asked(Operation::Update, object, old)
}

/// A request to delete an object.
pub fn deletion(old: Value) -> Request {
    asked(Operation::Delete, Value::Null, old)
}

fn asked(operation: Operation, object: Value, old: Value) -> Request {
    Request { uid: "1".into(), operation, name: "a".into(), object, old, dry_run: false }
}

/// The request as an API server sends it.
pub fn sent(endpoint: Endpoint, request: &Request) -> Vec<u8> {
    let (group, resource, subresource) = endpoint.resource();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": request.uid, "name": request.name, "operation": request.operation.as_str(),
            "resource": { "group": group, "version": "v1", "resource": resource }, "subResource": subresource,
            "object": request.object, "oldObject": request.old, "dryRun": request.dry_run,
        },
    });
    review.to_string().into_bytes()
}

/// A SeiNode with this spec.
pub fn node(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": { "name": "a", "namespace": "sei" },
    });
    object["spec"] = spec;
    object
}

/// The StatefulSet of node `a` as the API server completes it, with these members of its spec in place of the usual.
pub fn set(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": "a", "labels": { "sei.io/node": "a" },
            "ownerReferences": [
                { "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "a", "uid": "u", "controller": true },
            ],
        },
        "spec": {
            "replicas": 1, "updateStrategy": { "type": "OnDelete" },
            "template": { "metadata": {}, "spec": { "terminationGracePeriodSeconds": 30 } },
        },
    });
    if let Value::Object(members) = spec {
        members.into_iter().for_each(|(name, value)| object["spec"][name] = value);
    }
    object
}

/// The object after the patch of a mutating endpoint.
pub fn mutated(endpoint: Endpoint, request: &Request) -> Value {
    applied(&judge(endpoint, request), &request.object)
}

/// The object after the patch of a verdict.
pub fn applied(verdict: &Verdict, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(patch) = verdict.patch.to_json() {
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
    }
    object
}

/// The fields of a verdict's violations.
pub fn fields(verdict: &Verdict) -> Vec<&str> {
    verdict.violations.iter().map(|violation| violation.field.as_str()).collect()
}
