//! The table of the CRD's cases against the webhook: what schema and CEL refuse, the parser refuses at the same place,
//! and what they let in it lets in. No cluster: the other half of the comparison is `crd::every_rule_has…`.

use seinode_webhook::{endpoint::Endpoint, review};
use serde_json::{Value, json};

use crate::crd::table::{Case, cases, merged};

/// What the API server says of another place than the parser: the server has no name for the whole object.
pub const ELSEWHERE: [(&str, &str); 1] = [("", "metadata.name")];

/// What only the parser and the rules of changes refuse. The API server lets these in.
pub const ONLY_HERE: [&str; 1] = ["cannot be added to a node that exists"];

pub async fn what_the_api_server_refuses_the_parser_refuses_at_the_same_place() {
    for case in cases() {
        let (accepted, refused) = play(&case);
        let beyond: Vec<_> =
            accepted.iter().filter(|(_, said)| !ONLY_HERE.iter().any(|only| said.contains(only))).collect();
        assert!(beyond.is_empty(), "{}: what is let in is refused here: {beyond:#?}", case.label);
        let place = ELSEWHERE.iter().find(|(there, _)| *there == case.field).map_or(&*case.field, |it| it.1);
        assert!(refused.iter().any(|(field, _)| field == place), "{}: {place}: {refused:#?}", case.label);
    }
}

/// The field of a violation and what is said of it.
pub type Cause = (String, String);

/// What the webhook says to what should be let in, and to what should not.
fn play(case: &Case) -> (Vec<Cause>, Vec<Cause>) {
    match &case.stored {
        None => (causes(&case.accept, &Value::Null), causes(&case.refuse, &Value::Null)),
        Some(stored) => {
            let after = |patch| merged(stored.clone(), patch);
            (causes(&after(&case.accept), stored), causes(&after(&case.refuse), stored))
        }
    }
}

/// The causes of a refusal, as field and message.
pub fn causes(object: &Value, old: &Value) -> Vec<Cause> {
    let typed = |object: &Value| match object {
        Value::Null => Value::Null,
        object => merged(object.clone(), &json!({ "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode" })),
    };
    let body = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": if old.is_null() { "CREATE" } else { "UPDATE" },
            "resource": { "group": "sei.io", "version": "v1alpha1", "resource": "seinodes" },
            "object": typed(object), "oldObject": typed(old),
        },
    });
    let answer = review::answer(Endpoint::ValidateSeiNode, body.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    let review: Value = serde_json::from_slice(&answer.body).unwrap();
    let causes = review["response"]["status"]["details"]["causes"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    causes.iter().map(|cause| (text(&cause["field"]), text(&cause["message"]))).collect()
}
