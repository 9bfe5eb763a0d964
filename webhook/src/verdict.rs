//! What is said to a request: go on, with these warnings and this patch, or no, for all of these violations.
//!
//! Pure. Knows the request and nothing else, so that it can be asked a thousand times and says the same.

mod patch;
mod scale;
mod seinode;
mod stateful_set;

use seinode_api::SeiNode;
use seinode_core::violation::Violation;

pub use patch::Patch;

use crate::{endpoint::Endpoint, request::Request};

/// What is said to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Why it is refused, all at once; allowed when empty.
    pub violations: Vec<Violation>,
    /// What a person should hear all the same.
    pub warnings: Vec<String>,
    /// What is changed before it is stored; empty for every endpoint that does not mutate.
    pub patch: Patch,
}

impl Verdict {
    /// The code of the answer: 422 as the API server's own for an invalid object, or 200.
    #[must_use]
    pub fn code(&self) -> u16 {
        if self.violations.is_empty() { 200 } else { 422 }
    }
}

/// Judges a request.
#[must_use]
pub fn judge(endpoint: Endpoint, request: &Request) -> Verdict {
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

/// Judges SeiNodes that were read, as [`judge`] does at [`Endpoint::ValidateSeiNode`]; `None` when there is none.
pub(crate) fn of_nodes(request: &Request<Option<Box<SeiNode>>>) -> Option<Verdict> {
    let new = request.object.as_ref()?;
    Some(seinode::judge(request.operation, new, request.old.as_deref()))
}
