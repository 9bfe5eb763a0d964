//! Why a request failed, and what may help: retry or stop is a type, not a guess.

/// Why a request failed, and what may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Remedy that may help.
    pub class: Class,
    /// Description of what happened, in words fit for status.
    pub message: String,
}

/// Remedy that may help after an error: total over every error there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody else was first: look again and decide anew.
    Conflict,
    /// It may work later: try again with growing pauses.
    Transient,
    /// A right is missing: a person has to grant it.
    Denied,
    /// The request itself is refused: a person has to change the spec or the platform.
    User,
    /// An impossible state: a defect of this operator.
    Invariant,
}
