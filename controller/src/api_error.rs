//! What an error of the API server means: a class that says what may help, and words fit for status.
//!
//! Total over every error there is. kube's own `Display` prints whole response objects; these words do not.

use kube::core::Status;
use seinode_core::failure::{Class, Failure};

use crate::fence::NotLeading;

/// Reads an error that came of `verb`ing `what`, as "apply StatefulSet n0".
pub(crate) fn read(error: &kube::Error, what: &str) -> Failure {
    match error {
        kube::Error::Api(status) => refused(status, what),
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) | kube::Error::InferKubeconfig(_) => {
            failure(Class::Invariant, format!("{what}: defect of the operator: {error}"))
        }
        kube::Error::Service(error) if error.is::<NotLeading>() => {
            failure(Class::Transient, format!("{what}: {NotLeading}"))
        }
        // Connection, TLS, time-out, a reader cut off: the request may or may not have been carried out.
        _ => failure(Class::Transient, format!("{what}: the API server cannot be reached")),
    }
}

fn refused(status: &Status, what: &str) -> Failure {
    let class = match status.code {
        409 => Class::Conflict,
        404 => Class::Transient,
        401 => Class::Denied,
        403 if is_terminating(status) => Class::Transient,
        403 => Class::Denied,
        // A failed `test` of a JSON patch: 422 without causes (kube5.md §4). Someone else was first.
        422 if !has_causes(status) => Class::Conflict,
        400..=499 if status.code != 429 => Class::User,
        _ => Class::Transient,
    };
    let remedy = match class {
        Class::Denied => " (grant the operator this right: see its ClusterRole)",
        Class::Conflict | Class::Transient | Class::User | Class::Invariant => "",
    };
    failure(class, format!("{what}: {}{remedy}", status.message))
}

/// A namespace that is being deleted refuses new objects; its end resolves that by itself.
fn is_terminating(status: &Status) -> bool {
    causes(status).any(|reason| reason == "NamespaceTerminating")
}

fn has_causes(status: &Status) -> bool {
    causes(status).next().is_some()
}

fn causes(status: &Status) -> impl Iterator<Item = &str> {
    status.details.iter().flat_map(|details| &details.causes).map(|cause| cause.reason.as_str())
}

fn failure(class: Class, message: String) -> Failure {
    Failure { class, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u16, details: &str, expected: Class) {
        let json = format!(r#"{{"status":"Failure","message":"words","reason":"R","code":{code}{details}}}"#);
        let status: Status = serde_json::from_str(&json).unwrap();
        let failure = read(&kube::Error::Api(Box::new(status)), "apply StatefulSet n0");
        assert_eq!(failure.class, expected, "{code}");
        assert!(failure.message.starts_with("apply StatefulSet n0: words"), "{}", failure.message);
    }

    #[test]
    fn every_answer_of_the_api_server_has_a_class() {
        check(409, "", Class::Conflict);
        check(404, "", Class::Transient);
        check(401, "", Class::Denied);
        check(403, "", Class::Denied);
        check(403, r#","details":{"causes":[{"reason":"NamespaceTerminating"}]}"#, Class::Transient);
        check(422, "", Class::Conflict);
        check(422, r#","details":{"causes":[{"reason":"FieldValueInvalid"}]}"#, Class::User);
        check(400, "", Class::User);
        check(429, "", Class::Transient);
        check(500, "", Class::Transient);
        check(503, "", Class::Transient);
    }

    #[test]
    fn a_missing_right_says_what_to_do() {
        let status: Status =
            serde_json::from_str(r#"{"message":"pods is forbidden","reason":"Forbidden","code":403}"#)
                .unwrap();
        let failure = read(&kube::Error::Api(Box::new(status)), "list pods");
        assert!(failure.message.contains("grant the operator this right"), "{}", failure.message);
    }
}
