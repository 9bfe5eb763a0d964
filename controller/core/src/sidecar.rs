//! A sidecar's answers: of the contract, or none. One type from the socket to the decision.

use std::fmt;

use jiff::Timestamp;

use crate::ids::TaskId;

/// An answer of the sidecar, or why there is none.
pub type Answer<T> = Result<T, Unreachable>;

/// State of a task, as the sidecar reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskReport {
    /// The sidecar does not know the id (404).
    Unknown,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Failed, in the sidecar's words.
    Failed(String),
}

/// A task that the sidecar is at work on, whoever submitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTask {
    /// Its id.
    pub id: TaskId,
    /// Name of its type, which this operator may not know.
    pub kind: String,
    /// Time at which it was submitted.
    pub submitted_at: Timestamp,
}

/// State of the gate, as the sidecar reports it (`GET /v0/healthz`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// 200: `seid` may run.
    Ready,
    /// 503: `seid` is held back until mark-ready.
    NotReady,
}

/// Why the sidecar gave no answer. The words are stable: they go into status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens, or the connection was cut.
    Refused,
    /// No answer in time.
    Timeout,
    /// The host name does not resolve.
    NoSuchHost,
    /// An answer that is not part of the contract.
    Unexpected(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the sidecar does not accept connections"),
            Self::Timeout => f.write_str("the sidecar does not answer in time"),
            Self::NoSuchHost => f.write_str("the sidecar's host name does not resolve"),
            Self::Unexpected(what) => write!(f, "the sidecar gave an unexpected answer: {what}"),
        }
    }
}
