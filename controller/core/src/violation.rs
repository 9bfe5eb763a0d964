//! A broken rule, said so that a person can mend it.

use std::fmt;

/// A broken rule: which field, which rule, which remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Path of the field, as `spec.fullNode.snapshot`.
    pub field: String,
    /// The rule that it breaks.
    pub rule: String,
    /// Remedy: what to do.
    pub remedy: String,
}

impl Violation {
    /// A violation of a rule at a field.
    #[must_use]
    pub fn new(field: &str, rule: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.to_owned(), rule: rule.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.rule, self.remedy)
    }
}
