//! Requests as an API server makes them, and objects after a patch.

use serde_json::{Value, json};

use crate::{
    endpoint::Endpoint,
    request::{Operation, Request},
    verdict::{Verdict, evaluate},
};

/// A request with objects of its own, which a [`Request`] borrows.
#[derive(Clone, Debug)]
pub struct Call {
    pub operation: Operation,
    pub object: Value,
    pub old: Value,
}

/// A request to create an object.
pub fn creation(object: Value) -> Call {
    Call { operation: Operation::Create, object, old: Value::Null }
}

/// A request to make another object of one.
pub fn update(old: Value, object: Value) -> Call {
    Call { operation: Operation::Update, object, old }
}

/// A request to delete an object.
pub fn deletion(old: Value) -> Call {
    Call { operation: Operation::Delete, object: Value::Null, old }
}

impl Call {
    /// The verdict of an endpoint.
    pub fn verdict(&self, endpoint: Endpoint) -> Verdict {
        let (object, old) = (self.object.to_string(), self.old.to_string());
        let request = Request {
            uid: "1".into(),
            operation: self.operation,
            name: "a".into(),
            object: serde_json::from_str(&object).unwrap(),
            old: serde_json::from_str(&old).unwrap(),
            dry_run: false,
        };
        evaluate(endpoint, &request)
    }

    /// The object after the patch of a mutating endpoint.
    pub fn mutated(&self, endpoint: Endpoint) -> Value {
        applied(&self.verdict(endpoint), &self.object)
    }
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
            "selector": { "matchLabels": { "sei.io/node": "a" } },
            "template": {
                "metadata": { "labels": { "sei.io/node": "a" } },
                "spec": { "terminationGracePeriodSeconds": 30 },
            },
        },
    });
    if let Value::Object(members) = spec {
        members.into_iter().for_each(|(name, value)| object["spec"][name] = value);
    }
    object
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
