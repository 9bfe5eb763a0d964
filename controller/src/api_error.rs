//! Meaning of an error of the API server: a class that says what may help, and words fit for status.
//!
//! Total over every error there is. kube's own `Display` prints whole response objects; these words do not.

use kube::core::Status;
use seinode_core::{
    failure::{Class, Failure},
    text,
};

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

/// The same of a JSON patch that begins with a `test`: where that fails, the API server answers 422 without causes, and
/// someone else was first (Kubernetes: `applyJSPatch` of the API server).
pub(crate) fn read_guarded(error: &kube::Error, what: &str) -> Failure {
    let mut failure = read(error, what);
    if let kube::Error::Api(status) = error
        && status.code == 422
        && !has_causes(status)
        && !is_denial(status)
    {
        failure.class = Class::Conflict;
    }
    failure
}

/// True if the object is not there. An admission webhook may deny with any code and reason, and says nothing of that.
pub(crate) fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found() && !is_denial(status))
}

/// True if an object of the name is there already.
pub(crate) fn is_taken(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists() && !is_denial(status))
}

/// True if somebody else wrote the object meanwhile, or made it.
pub(crate) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && !is_denial(status))
}

fn refused(status: &Status, what: &str) -> Failure {
    let class = match status.code {
        429 | 500.. => Class::Transient,
        _ if is_denial(status) => Class::User,
        409 => Class::Conflict,
        404 => Class::Transient,
        401 => Class::Denied,
        403 if is_terminating(status) => Class::Transient,
        403 if is_refused_by_admission(status) => Class::User,
        403 => Class::Denied,
        400..=499 => Class::User,
        _ => Class::Transient,
    };
    let remedy = match class {
        Class::Denied => " (grant the operator this right: see its ClusterRole)",
        Class::Conflict | Class::Transient | Class::User | Class::Invariant => "",
    };
    failure(class, format!("{what}: {}{remedy}", text::words(&status.message)))
}

/// True if an admission webhook or a policy denied the request. Code and reason are of its own choice then; the API server
/// begins the message (Kubernetes: `ToStatusErr` of the admission webhooks, `Validate` of ValidatingAdmissionPolicy).
fn is_denial(status: &Status) -> bool {
    let by = |who: &str, what: &str| {
        let behind = status.message.split_once(who).map(|(_, behind)| behind);
        behind.is_some_and(|behind| behind.contains(what))
    };
    by("admission webhook \"", "denied the request") || by("ValidatingAdmissionPolicy '", "denied request")
}

/// True if it is the object that is forbidden, by a quota or a Pod Security level, and not a right that its writer lacks.
fn is_refused_by_admission(status: &Status) -> bool {
    let reason = status.message.split_once(" is forbidden: ").map(|(_, reason)| reason);
    reason.is_some_and(|reason| !reason.starts_with("User "))
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
        check(422, "", Class::User);
        check(422, r#","details":{"causes":[{"reason":"FieldValueInvalid"}]}"#, Class::User);
        check(400, "", Class::User);
        check(429, "", Class::Transient);
        check(500, "", Class::Transient);
        check(503, "", Class::Transient);
    }

    /// A denial with a code and a reason that the webhook chose.
    fn denial(code: u16, reason: &str) -> kube::Error {
        let message = r#"admission webhook "w.example.com" denied the request: no"#;
        kube::Error::Api(Box::new(Status {
            code,
            reason: reason.into(),
            message: message.into(),
            ..Status::default()
        }))
    }

    #[test]
    fn a_denial_is_no_lost_race_whatever_its_code() {
        for (code, reason) in
            [(409, "Conflict"), (409, "AlreadyExists"), (404, "NotFound"), (422, ""), (401, ""), (403, "")]
        {
            let error = denial(code, reason);
            assert_eq!(read(&error, "x").class, Class::User, "{code}");
            assert_eq!(read_guarded(&error, "x").class, Class::User, "{code}");
            assert!(!is_missing(&error) && !is_taken(&error) && !is_conflict(&error), "{code} {reason}");
        }
        assert_eq!(read(&denial(429, ""), "x").class, Class::Transient);
        assert_eq!(read(&denial(503, ""), "x").class, Class::Transient);
    }

    #[test]
    fn a_failed_test_of_a_patch_is_a_lost_race_and_nothing_else_is() {
        let said = |code: u16, message: &str, details: &str| {
            let json = format!(r#"{{"message":"{message}","code":{code}{details}}}"#);
            let status: Status = serde_json::from_str(&json).unwrap();
            read_guarded(&kube::Error::Api(Box::new(status)), "x").class
        };
        let cause = r#","details":{"causes":[{"reason":"FieldValueInvalid"}]}"#;
        let failed = "the server rejected our request due to an error in our request";
        assert_eq!(said(422, failed, ""), Class::Conflict);
        assert_eq!(said(422, "spec is invalid", cause), Class::User);
        assert_eq!(said(400, "no such path", ""), Class::User);
    }

    #[test]
    fn a_quota_is_no_missing_right() {
        let class = |message: &str| {
            let status = Status { code: 403, message: message.into(), ..Status::default() };
            read(&kube::Error::Api(Box::new(status)), "x").class
        };
        assert_eq!(class(r#"pods "n0-0" is forbidden: exceeded quota: q"#), Class::User);
        assert_eq!(
            class(r#"pods "n0-0" is forbidden: violates PodSecurity "restricted:latest""#),
            Class::User
        );
        assert_eq!(class(r#"pods is forbidden: User "u" cannot list resource "pods""#), Class::Denied);
        let policy = "statefulsets.apps \"n0\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
        assert_eq!(class(policy), Class::User);
    }

    #[test]
    fn words_of_the_api_server_are_shortened() {
        let status = Status { code: 422, message: "x".repeat(1 << 20), ..Status::default() };
        assert!(read(&kube::Error::Api(Box::new(status)), "apply").message.len() < 3_000);
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
