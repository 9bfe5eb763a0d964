//! Changes of the world that a decision asks for, and their outcomes.

use std::sync::Arc;

use seinode_api::SeiNode;
use serde_json::Value;

use crate::{
    adoption::Child,
    edits::Edit,
    failure::Failure,
    ids::TaskId,
    observation::{Job, ServiceView, StatefulSetView, Volume},
    retention::Retention,
    sidecar::{Answer, Unreachable},
    task_type::TaskType,
};

/// A change of the world. Every effect may be repeated: a crash right after it costs one reconcile.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Creates the data PVC; reads it instead when it exists already.
    CreateVolume(Retention),
    /// Annotates the data PVC with our UID, and adds or removes the SeiNode's owner reference.
    MarkVolume(Retention),
    /// Server-side apply of the StatefulSet.
    ApplyStatefulSet,
    /// The same, but for these edits of somebody else.
    RepairStatefulSet(Vec<Edit>),
    /// Sets the replicas of the StatefulSet, and nothing else of it.
    Scale(Replicas),
    /// Server-side apply of the headless Service.
    ApplyService,
    /// The same, but for these edits of somebody else.
    RepairService(Vec<Edit>),
    /// Server-side apply of the Service of the bootstrap Job.
    ApplyBootstrapService,
    /// Creates the bootstrap Job; reads it instead when it exists already.
    CreateJob,
    /// Suspends or resumes the bootstrap Job.
    SuspendJob(JobRun),
    /// Deletes the bootstrap Job of this UID, its pods first.
    DeleteJob(String),
    /// Deletes the bootstrap Service of this UID.
    DeleteService(String),
    /// Deletes the node's pod of this name, UID and version, so that its StatefulSet makes another.
    DeletePod {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
        /// Its `resourceVersion`.
        version: String,
    },
    /// Submits a task to the sidecar.
    Submit(Submission),
    /// Deletes the row of a task from the sidecar's store, so that no later sidecar takes the task up again.
    DropTask(TaskId),
    /// Removes the earlier operator's finalizer from the SeiNode.
    RemoveLegacyFinalizer,
    /// Makes a child of a SeiNode that is gone this one's.
    HandOver {
        /// Which.
        child: Child,
        /// Its UID.
        uid: String,
        /// UID of the SeiNode that is gone.
        from: String,
        /// Its volume's fate at the end of its new owner.
        retention: Retention,
    },
}

/// Pods that a StatefulSet of ours may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// None: the node is paused, or its bootstrap Job has the volume.
    Zero,
    /// One: never more.
    One,
}

/// Run of a Job: it is to have a pod, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobRun {
    /// It is.
    Running,
    /// It is not.
    Suspended,
}

/// A task as it goes over the wire to the sidecar (`POST /v0/tasks`).
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Identity of the attempt.
    pub id: TaskId,
    /// Type of the task.
    pub task: TaskType,
    /// Parameters; absent for tasks without any.
    pub params: Option<Value>,
}

/// Outcome of an effect. Each variant belongs to its effect, so it can be folded without it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The data PVC after it was created, found or marked.
    Volume(Volume),
    /// The StatefulSet after an apply, and the edits that it still has.
    StatefulSetApplied(StatefulSetView, Vec<Edit>),
    /// The StatefulSet after it was scaled.
    Scaled(StatefulSetView),
    /// The StatefulSet after it was handed over.
    StatefulSetHandedOver(StatefulSetView),
    /// The Service after it was handed over.
    ServiceHandedOver(ServiceView),
    /// No Job was created: the StatefulSet has the volume.
    VolumeInUse(StatefulSetView),
    /// The Service after an apply, and the edits that it still has.
    ServiceApplied(ServiceView, Vec<Edit>),
    /// The Service after an apply for the bootstrap Job.
    BootstrapServiceApplied(ServiceView),
    /// The Job after it was created, found, suspended or resumed.
    Job(Job),
    /// The Job is deleted, or was gone already.
    JobDeleted,
    /// The Service is deleted, or was gone already.
    ServiceDeleted,
    /// The pod of this UID is deleted, or was gone already.
    PodDeleted(String),
    /// The sidecar accepted a task of this type.
    Submitted(TaskType),
    /// The sidecar's store has no row of this task any more, or the sidecar did not answer.
    TaskDropped(TaskId, Answer<()>),
    /// The sidecar rejected the task for what it is (400), in its own words.
    Rejected(String),
    /// The sidecar did not answer to the submission of this task.
    Unreachable(TaskId, Unreachable),
    /// The finalizer is removed; the SeiNode as it is stored now, unless it is gone.
    FinalizerRemoved(Option<Arc<SeiNode>>),
    /// The API server did not do it.
    Failed(Failure),
}
