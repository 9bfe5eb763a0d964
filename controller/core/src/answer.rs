//! What is asked of the world beyond the watches, and what a sidecar may say: an answer of the contract, or silence.

use std::fmt;

use crate::{exclusive::Resource, ids::TaskId};

/// A fact that has to be fetched, without changing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// How is this task doing? Asked of the sidecar.
    Task(TaskId),
    /// Is the sidecar's gate open?
    Health,
    /// What is in the Secrets of the node's keys?
    Keys,
    /// May the volume be used that the node imports?
    Import,
    /// Who else may use this thing? Asked live: the watches may be behind.
    Rivals(Resource),
    /// Is there a bootstrap Job? Asked live.
    Job,
    /// Is the StatefulSet there, and who changed what of it? Asked live.
    Workload,
    /// Is the Service there, and who changed what of it? Asked live.
    Service,
    /// Is the data PVC bound, and does it stay? Asked live.
    Data,
    /// May a rollout begin?
    Slot,
}

/// What the sidecar says of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskReport {
    /// It does not know the id (404).
    Unknown,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Failed, in the sidecar's words.
    Failed(String),
}

/// What the sidecar says of its gate (plans-tasks-sidecar §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// 200: `seid` may run.
    Ready,
    /// 503: `seid` is held back until mark-ready.
    NotReady,
}

/// How the sidecar fails to answer. The words are stable: they go into status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nobody listens, or the connection was cut.
    Refused,
    /// No answer in time.
    Timeout,
    /// The host name does not resolve.
    NoSuchHost,
    /// An answer that the contract does not know.
    Unexpected(String),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the sidecar does not accept connections"),
            Self::Timeout => f.write_str("the sidecar does not answer in time"),
            Self::NoSuchHost => f.write_str("the sidecar's host name does not resolve"),
            Self::Unexpected(what) => write!(f, "the sidecar gave an unexpected answer: {what}"),
        }
    }
}
