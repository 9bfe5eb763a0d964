//! What a decision does to the world, and what became of it.

use serde_json::Value;

use crate::{
    answer::{Health, Silence, TaskReport},
    failure::Failure,
    ids::TaskId,
    observation::{Headless, Volume, Workload},
    task_type::TaskType,
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
