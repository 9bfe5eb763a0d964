//! Facts that no watch brings: what is fetched from a sidecar or read live from the API server.

use crate::{
    adoption::Estate,
    exclusive::{Resource, Rivals},
    failure::Failure,
    ids::TaskId,
    import::ImportFinding,
    node::NodeId,
    observation::{DataCheck, Job, KeyCheck, LiveService, LiveStatefulSet, Pod, PodRefusal},
    sidecar::{Answer, Health, RunningTask, TaskReport},
    storage::BindingMode,
};

/// A fact to fetch. Fetching changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// State of a task, from the sidecar.
    Task(TaskId),
    /// Tasks under way, from the sidecar.
    RunningTasks,
    /// State of the gate, from the sidecar.
    Health,
    /// The node's id, from the sidecar in the pod of this UID.
    NodeId(String),
    /// The pod whose sidecar tasks are submitted to, live: another pod may have its address by now.
    Pod,
    /// Contents of the Secrets of the node's keys.
    Keys,
    /// Fitness of the volume that the node imports.
    Import,
    /// Other users of an exclusive resource, live: the watches may be behind.
    Rivals(Resource),
    /// The bootstrap Job, live.
    Job,
    /// The StatefulSet and its edits by hand, live.
    StatefulSet,
    /// The Service and its edits by hand, live.
    Service,
    /// State of the data PVC, live.
    Data,
    /// Binding mode of this storage class.
    BindingMode(String),
    /// Report of the controller of this UID on the pod that it is to make.
    PodRefusal(String),
    /// Children under the node's name, live, that may have been left by the SeiNode of this UID.
    LeftBehind(String),
}

/// A fetched fact. Each variant names what it is about, so it can be folded without the query.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched {
    /// State of this task.
    Task(TaskId, Answer<TaskReport>),
    /// Tasks under way.
    RunningTasks(Answer<Vec<RunningTask>>),
    /// State of the gate.
    Health(Answer<Health>),
    /// The node's id, from the sidecar in the pod of this UID.
    NodeId(String, Answer<NodeId>),
    /// The pod; `None` when there is none of its name.
    Pod(Option<Box<Pod>>),
    /// Contents of the Secrets.
    Keys(KeyCheck),
    /// Fitness of the imported volume.
    Import(ImportFinding),
    /// Other users of this resource.
    Rivals(Resource, Rivals),
    /// The bootstrap Job.
    Job(Option<Job>),
    /// The StatefulSet.
    StatefulSet(LiveStatefulSet),
    /// The Service.
    Service(LiveService),
    /// The data PVC.
    Data(DataCheck),
    /// The binding mode.
    BindingMode(BindingMode),
    /// The controller's report.
    PodRefusal(PodRefusal),
    /// The children, and everybody who may own or use them.
    LeftBehind(Estate),
    /// The API server did not answer.
    Failed(Failure),
}
