//! The verdict on a request: allow, with these warnings and this patch, or deny, for all of these violations.
//!
//! Pure: it depends on the request and on nothing else, so the same request always gets the same verdict.

mod patch;
mod scale;
mod seinode;
mod stateful_set;

use seinode_core::violation::Violation;

pub use patch::Patch;

use crate::{endpoint::Endpoint, request::Request};

/// The verdict on a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Every reason to deny the request; allowed when empty.
    pub violations: Vec<Violation>,
    /// Warnings for the user, whether the request is allowed or denied.
    pub warnings: Vec<String>,
    /// Changes of the object before it is stored; empty for every endpoint that does not mutate.
    pub patch: Patch,
}

impl Verdict {
    /// The code of the response: 422 as the API server's own for an invalid object, or 200.
    #[must_use]
    pub fn code(&self) -> u16 {
        if self.violations.is_empty() { 200 } else { 422 }
    }
}

/// Evaluates a request.
#[must_use]
pub fn evaluate(endpoint: Endpoint, request: &Request<'_>) -> Verdict {
    match endpoint {
        Endpoint::MutateSeiNode => seinode::mutate(request),
        Endpoint::ValidateSeiNode => seinode::validate(request),
        Endpoint::WarnSeiNodeDeletion => seinode::deletion(request),
        Endpoint::MutateStatefulSet => stateful_set::mutate(request),
        Endpoint::ValidateStatefulSet => stateful_set::validate(request),
        Endpoint::WarnStatefulSetDeletion => stateful_set::deletion(request),
        Endpoint::ValidateScale => scale::validate(request),
    }
}
