//! The table of the CRD's cases against the webhook: what schema and CEL refuse, the parser refuses at the same place,
//! and what they let in it lets in, but for what the table lists as the parser's alone. No cluster: the other half of
//! the comparison is `crd::every_rule_has…`.

use scenario::scenario;
use seinode_webhook::{endpoint::Endpoint, review};
use serde_json::{Value, json};

use super::wording;
use crate::crd::table::{Case, cases, merged, parser_only};

/// Errors that the API server reports at another place than the parser: the server has no name for the whole object.
const ELSEWHERE: [(&str, &str); 1] = [("", "metadata.name")];

#[scenario]
async fn parser_and_api_server_reject_at_the_same_place() {
    let mut output = Vec::new();
    for case in cases() {
        let (accepted, refused) = play(&case);
        assert!(accepted.is_empty(), "{}: what is let in is refused here: {accepted:#?}", case.label);
        let place = place(&case.field);
        assert!(refused.iter().any(|(field, _)| field == place), "{}: {place}: {refused:#?}", case.label);
        output.extend(refused);
    }
    for case in parser_only() {
        let (accepted, refused) = play(&case);
        assert!(accepted.is_empty(), "{}: {accepted:#?}", case.label);
        let [cause] = &*refused else { panic!("{}: one cause: {refused:#?}", case.label) };
        assert!(is(&case, cause), "{}: {cause:#?}", case.label);
        output.extend(refused);
    }
    let messages: Vec<_> = output.into_iter().map(|(_, message)| message).collect();
    let unheard = wording::unheard(&messages);
    assert!(
        unheard.is_empty(),
        "no case of tests/it/crd/cases.yaml has the parser say these: add one to `cases` where the API server refuses \
         the same, else to `parser_only`: {unheard:#?}"
    );
}

/// The field of the parser for a field of the API server.
pub fn place(field: &str) -> &str {
    ELSEWHERE.iter().find(|(there, _)| *there == field).map_or(field, |(_, here)| here)
}

/// `true` when a cause is the one that a case is denied for.
pub fn is(case: &Case, (field, message): &Cause) -> bool {
    *field == case.field && message.contains(&case.says)
}

/// The field and the message of a violation.
pub type Cause = (String, String);

/// The causes of the webhook for the object that should be accepted, and for the one that should not.
fn play(case: &Case) -> (Vec<Cause>, Vec<Cause>) {
    match &case.stored {
        None => (causes(&case.accept, &Value::Null), causes(&case.refuse, &Value::Null)),
        Some(stored) => {
            let after = |patch| merged(stored.clone(), patch);
            (causes(&after(&case.accept), stored), causes(&after(&case.refuse), stored))
        }
    }
}

/// The causes of a denial, as field and message.
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
    let response = review::respond(Endpoint::ValidateSeiNode, body.to_string().as_bytes());
    assert_eq!(response.status, 200);
    let review: Value = serde_json::from_slice(&response.body).unwrap();
    let causes = review["response"]["status"]["details"]["causes"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    causes.iter().map(|cause| (text(&cause["field"]), text(&cause["message"]))).collect()
}
