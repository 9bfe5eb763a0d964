//! stub
use crate::failure::Failure;
/// stub
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportFinding {
    /// a
    Ready {
        /// a
        uid: String,
    },
    /// a
    NotReady(String),
    /// a
    Invalid(String),
    /// a
    Unread(Failure),
}
