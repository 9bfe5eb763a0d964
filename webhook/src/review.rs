//! `AdmissionReview` v1: a body in, a response out. Never fails: a body that cannot be read is answered with a 4xx that
//! says why.
//!
//! Objects are never read as a whole: a verdict looks at the members that it needs, where they lie in the body. So a
//! patch cannot lose a field that this version does not know, and a large object costs no more memory than its bytes.

mod response;

use crate::{
    endpoint::Endpoint,
    request::Request,
    verdict::{self, Verdict},
};

/// The response to one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status: 200 for every review that could be read, whatever the verdict; 4xx otherwise.
    pub status: u16,
    /// JSON: an `AdmissionReview`, or a `Status` that says what is wrong with the body.
    pub body: Vec<u8>,
    /// The labels of metrics.
    pub summary: Summary,
}

/// The labels of metrics. Every value is out of a fixed set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`; empty for a body that could not be read.
    pub operation: &'static str,
    /// `scale`, or empty.
    pub subresource: &'static str,
    /// `true` when the request may go on.
    pub allowed: bool,
    /// Code inside the review: 200 for a request that is allowed; the HTTP status for a body that could not be read.
    pub code: u16,
    /// `true` for a dry run.
    pub dry_run: bool,
    /// The fields that were patched.
    pub patched: Vec<&'static str>,
}

/// Responds to one body that was sent to an endpoint.
///
/// A pure function of its arguments: no clock, no request to anybody, the same response for a dry run.
#[must_use]
pub fn respond(endpoint: Endpoint, body: &[u8]) -> Response {
    match Request::read(endpoint, body) {
        Ok(request) => {
            let verdict = verdict::evaluate(endpoint, &request);
            Response {
                status: 200,
                body: response::review(endpoint, &request, &verdict),
                summary: summary(endpoint, &request, &verdict),
            }
        }
        Err(problem) => {
            let code = 400;
            let summary = Summary { code, ..Summary::default() };
            Response { status: code, body: response::problem(code, &problem), summary }
        }
    }
}

fn summary(endpoint: Endpoint, request: &Request<'_>, verdict: &Verdict) -> Summary {
    Summary {
        operation: request.operation.as_str(),
        subresource: endpoint.resource().2,
        allowed: verdict.violations.is_empty(),
        code: verdict.code(),
        dry_run: request.dry_run,
        patched: verdict.patch.fields(),
    }
}

#[cfg(test)]
mod tests;
