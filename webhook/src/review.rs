//! `AdmissionReview` v1: a body in, what is judged of it out. Never fails: what cannot be read is
//! answered with a 4xx that says why.
//!
//! Objects that may be patched stay raw JSON: a typed round trip would lose fields that this version does not know.

mod response;

use seinode_api::SeiNode;

use crate::{
    endpoint::Endpoint,
    request::Request,
    verdict::{self, Verdict},
};

/// What is sent back for one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status: 200 for every review that could be read, whatever the verdict; 4xx otherwise.
    pub status: u16,
    /// JSON: an `AdmissionReview`, or a `Status` that says what is wrong with the body.
    pub body: Vec<u8>,
    /// What is counted.
    pub facts: Facts,
}

/// What is counted of an answer. Every value but a list's length is out of a fixed set, as labels of metrics must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`; empty for what could not be read.
    pub operation: &'static str,
    /// `scale`, or empty.
    pub subresource: &'static str,
    /// Whether the request may go on.
    pub allowed: bool,
    /// Code inside the review: 200 for what is allowed; for what could not be read the HTTP status.
    pub code: u16,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// The fields that were patched.
    pub patched: Vec<&'static str>,
}

/// Answers one body that was sent to an endpoint.
///
/// A pure function of its arguments: no clock, no request to anybody, the same answer for a dry run.
#[must_use]
pub fn answer(endpoint: Endpoint, body: &[u8]) -> Answer {
    // SeiNodes that can be read need not become raw JSON first. What cannot be read is looked at again, to say where.
    if endpoint == Endpoint::ValidateSeiNode
        && let Ok(request) = Request::<Option<Box<SeiNode>>>::read(endpoint, body)
        && let Some(verdict) = verdict::of_nodes(&request)
    {
        return said(endpoint, &request, &verdict);
    }
    match Request::read(endpoint, body) {
        Ok(request) => said(endpoint, &request, &verdict::judge(endpoint, &request)),
        Err(problem) => {
            let code = 400;
            let facts = Facts { code, ..Facts::default() };
            Answer { status: code, body: response::problem(code, &problem), facts }
        }
    }
}

fn said<T>(endpoint: Endpoint, request: &Request<T>, verdict: &Verdict) -> Answer {
    let facts = Facts {
        operation: request.operation.as_str(),
        subresource: endpoint.resource().2,
        allowed: verdict.violations.is_empty(),
        code: verdict.code(),
        dry_run: request.dry_run,
        patched: verdict.patch.fields(),
    };
    Answer { status: 200, body: response::review(endpoint, request, verdict), facts }
}

#[cfg(test)]
mod tests;
