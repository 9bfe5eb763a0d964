//! What a decision asks the world for, and what the world answered.

use serde_json::Value;

use crate::{
    ids::TaskId,
    observation::{Headless, Volume, Workload},
    task::TaskType,
};

/// A change of the world. Every effect may be repeated: a crash right after it costs one pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create the data PVC; one that exists already is read instead.
    CreateVolume,
    /// Server-side apply of the StatefulSet.
    ApplyWorkload,
    /// Server-side apply of the headless Service.
    ApplyService,
    /// Hand a task to the sidecar.
    Submit(Submission),
    /// Take the earlier operator's finalizer off the SeiNode.
    RemoveLegacyFinalizer,
}

/// A task as it goes over the wire to the sidecar (plans-tasks-sidecar §2.7, §5).
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Identity of the attempt.
    pub id: TaskId,
    /// What to do.
    pub task: TaskType,
    /// With what; absent for tasks without parameters.
    pub params: Option<Value>,
}

/// A fact that has to be fetched, without changing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How is this task doing? Asked of the sidecar.
    Task(TaskId),
    /// Is the sidecar's gate open?
    Health,
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

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("the sidecar does not accept connections"),
            Self::Timeout => f.write_str("the sidecar does not answer in time"),
            Self::NoSuchHost => f.write_str("the sidecar's host name does not resolve"),
            Self::Unexpected(what) => write!(f, "the sidecar gave an unexpected answer: {what}"),
        }
    }
}

/// What became of an effect or a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The data PVC as it is now, made by us or found.
    Volume(Volume),
    /// The StatefulSet as the API server returned it.
    Workload(Workload),
    /// The Service as the API server returned it.
    Service(Headless),
    /// The sidecar took the task.
    Submitted,
    /// The sidecar refused the task for what it is (400), in its own words.
    Rejected(String),
    /// The sidecar's answer about a task.
    Reported(TaskReport),
    /// The sidecar's answer about its gate.
    Gate(Health),
    /// The sidecar did not answer.
    Silent(Silence),
    /// The finalizer is off.
    FinalizerRemoved,
    /// The API server did not do it.
    Failed(Failure),
}

/// Why a request failed, and what may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What may help.
    pub class: Class,
    /// What happened, in words fit for status.
    pub message: String,
}

/// What may help after an error: total over every error there is.
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
    /// What cannot be: a defect of this operator.
    Invariant,
}
