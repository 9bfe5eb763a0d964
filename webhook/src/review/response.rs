//! The body of a response: a review with the verdict, or a `Status` that says what is wrong with the request.
//!
//! Both have a bounded length, whatever the request holds.

use k8s_openapi::{
    ByteString,
    apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails},
};
use seinode_core::{text::shortened, violation::Violation};
use serde::Serialize;

use crate::{
    endpoint::Endpoint,
    request::{Problem, Request},
    verdict::Verdict,
};

/// Most violations, and most warnings, that one response reports; the rest is counted.
const MOST: usize = 50;
/// Most characters of one part of a message, such as a path: objects hold texts of any length.
const LONGEST: usize = 512;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

/// The members of a response that are used here; `kubectl` prints `status` of one that does not allow.
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Writes the `AdmissionReview` that answers a request.
pub(super) fn review(endpoint: Endpoint, request: &Request<'_>, verdict: &Verdict) -> Vec<u8> {
    let denied = !verdict.violations.is_empty();
    let patch = (!denied).then(|| verdict.patch.to_json()).flatten();
    let response = Response {
        uid: &request.uid,
        allowed: !denied,
        status: denied.then(|| denial(endpoint, request, verdict)),
        patch_type: patch.as_ref().map(|_| "JSONPatch"),
        patch: patch.map(ByteString),
        warnings: listed(&verdict.warnings, |warning| shortened(warning, 2 * LONGEST), "warnings"),
    };
    let review = Review { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response };
    // Members that are text and numbers always serialise.
    serde_json::to_vec(&review).unwrap_or_default()
}

/// A denial of which `kubectl` prints every path: reason Invalid, with a cause for each violation of the object that is
/// named.
fn denial(endpoint: Endpoint, request: &Request<'_>, verdict: &Verdict) -> Status {
    let reported: Vec<_> = verdict.violations.iter().take(MOST).map(bounded).collect();
    let causes = reported.iter().map(|Violation { field, rule, remedy }| StatusCause {
        field: Some(field.clone()),
        message: Some(format!("{rule}; {remedy}")),
        reason: Some("FieldValueInvalid".into()),
    });
    let message = listed(&verdict.violations, |violation| bounded(violation).to_string(), "violations");
    Status {
        status: Some("Failure".into()),
        message: Some(message.join("\n")),
        reason: Some("Invalid".into()),
        code: Some(i32::from(verdict.code())),
        details: Some(StatusDetails {
            group: Some(endpoint.resource().0.into()),
            kind: Some(endpoint.kind().into()),
            name: Some(shortened(&request.name, LONGEST)),
            causes: Some(causes.collect()),
            ..StatusDetails::default()
        }),
        ..Status::default()
    }
}

/// Writes the `Status` that says what is wrong with a body.
pub(super) fn problem(code: u16, problem: &Problem) -> Vec<u8> {
    let status = Status {
        status: Some("Failure".into()),
        message: Some(shortened(&problem.to_string(), 2 * LONGEST)),
        reason: Some("BadRequest".into()),
        code: Some(i32::from(code)),
        ..Status::default()
    };
    // Members that are text and numbers always serialise.
    serde_json::to_vec(&status).unwrap_or_default()
}

/// The first lines of a list, and how many more there are.
fn listed<T>(all: &[T], line: impl Fn(&T) -> String, noun: &str) -> Vec<String> {
    let mut lines: Vec<_> = all.iter().take(MOST).map(line).collect();
    if let Some(more) = all.len().checked_sub(MOST).filter(|more| *more > 0) {
        lines.push(format!("and {more} more {noun}"));
    }
    lines
}

fn bounded(violation: &Violation) -> Violation {
    let Violation { field, rule, remedy } = violation;
    Violation {
        field: shortened(field, LONGEST),
        rule: shortened(rule, LONGEST),
        remedy: shortened(remedy, LONGEST),
    }
}
