//! What a decision does to the world, and what became of it.

use serde_json::Value;

use crate::{
    answer::Silence,
    failure::Failure,
    ids::TaskId,
    intent::Retention,
    observation::{Headless, Job, Volume, Workload},
    task_type::TaskType,
};

/// A change of the world. Every effect may be repeated: a crash right after it costs one pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create the data PVC; one that exists already is read instead.
    CreateVolume,
    /// Annotate the data PVC with our UID, and tie it to the SeiNode or let it loose.
    MarkVolume(Retention),
    /// Server-side apply of the StatefulSet.
    ApplyWorkload,
    /// Set the replicas of the StatefulSet, and nothing else of it.
    Scale(Replicas),
    /// Server-side apply of the headless Service.
    ApplyService,
    /// Server-side apply of the Service of the bootstrap Job.
    ApplyBootstrapService,
    /// Create the bootstrap Job; one that exists already is read instead.
    CreateJob,
    /// Suspend the bootstrap Job or let it go on.
    SuspendJob(JobRun),
    /// Delete the bootstrap Job of this UID, its pods first.
    DeleteJob(String),
    /// Delete the bootstrap Service of this UID.
    DeleteService(String),
    /// Delete the node's pod of this name, UID and version, so that its StatefulSet makes another.
    DeletePod {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
        /// Its `resourceVersion`.
        version: String,
    },
    /// Hand a task to the sidecar.
    Submit(Submission),
    /// Take the earlier operator's finalizer off the SeiNode.
    RemoveLegacyFinalizer,
}

/// How many pods a StatefulSet of ours may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// None: the node is paused, or its bootstrap Job has the volume.
    Zero,
    /// One: never more.
    One,
}

/// Whether a Job is to have a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobRun {
    /// It is.
    Running,
    /// It is not.
    Suspended,
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

/// What became of an effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The data PVC as it is now, made by us or found.
    Volume(Volume),
    /// The StatefulSet as the API server returned it.
    Workload(Workload),
    /// The Service as the API server returned it.
    Service(Headless),
    /// The Job as the API server returned it.
    Job(Job),
    /// It is deleted, or was gone already.
    Deleted,
    /// The sidecar took the task.
    Submitted,
    /// The sidecar refused the task for what it is (400), in its own words.
    Rejected(String),
    /// The sidecar did not answer.
    Silent(Silence),
    /// The finalizer is off.
    FinalizerRemoved,
    /// The API server did not do it.
    Failed(Failure),
}
