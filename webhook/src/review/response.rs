//! What is sent back: a review with the verdict, or what is wrong with the body.

use k8s_openapi::{
    ByteString,
    apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails},
};
use seinode_core::violation::Violation;
use serde::Serialize;

use crate::{
    endpoint::Endpoint,
    request::{Problem, Request},
    verdict::Verdict,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

/// What every answer to a review has; `kubectl` prints `status` of one that does not allow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<ByteString>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

/// An `AdmissionReview` that answers a request.
pub(super) fn review<T>(endpoint: Endpoint, request: &Request<T>, verdict: &Verdict) -> Vec<u8> {
    let refused = !verdict.violations.is_empty();
    let patch = (!refused).then(|| verdict.patch.to_json()).flatten();
    let response = Response {
        uid: &request.uid,
        allowed: !refused,
        status: refused.then(|| refusal(endpoint, request, verdict)),
        patch_type: patch.as_ref().map(|_| "JSONPatch"),
        patch: patch.map(ByteString),
        warnings: &verdict.warnings,
    };
    let review = Review { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response };
    // Members that are text and numbers always serialise.
    serde_json::to_vec(&review).unwrap_or_default()
}

/// A refusal, so that `kubectl` prints every path: reason Invalid, with a cause for each violation of the object that is
/// named.
fn refusal<T>(endpoint: Endpoint, request: &Request<T>, verdict: &Verdict) -> Status {
    let causes = verdict.violations.iter().map(|Violation { field, rule, remedy }| StatusCause {
        field: Some(field.clone()),
        message: Some(format!("{rule}; {remedy}")),
        reason: Some("FieldValueInvalid".into()),
    });
    let said: Vec<_> = verdict.violations.iter().map(ToString::to_string).collect();
    Status {
        status: Some("Failure".into()),
        message: Some(said.join("\n")),
        reason: Some("Invalid".into()),
        code: Some(i32::from(verdict.code())),
        details: Some(StatusDetails {
            group: Some(endpoint.resource().0.into()),
            kind: Some(endpoint.kind().into()),
            name: Some(request.name.clone()),
            causes: Some(causes.collect()),
            ..StatusDetails::default()
        }),
        ..Status::default()
    }
}

/// A `Status` that says what is wrong with a body.
pub(super) fn problem(code: u16, problem: &Problem) -> Vec<u8> {
    let status = Status {
        status: Some("Failure".into()),
        message: Some(problem.to_string()),
        reason: Some("BadRequest".into()),
        code: Some(i32::from(code)),
        ..Status::default()
    };
    // Members that are text and numbers always serialise.
    serde_json::to_vec(&status).unwrap_or_default()
}
