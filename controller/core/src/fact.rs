//! What comes back when a question is asked.

use crate::{
    answer::{Health, Silence, TaskReport},
    exclusive::Rivals,
    failure::Failure,
    import::ImportFinding,
    observation::{DataCheck, Job, KeyCheck, LiveService, LiveWorkload, Slot},
};

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// What the sidecar says of a task.
    Task(TaskReport),
    /// What it says of its gate.
    Gate(Health),
    /// It did not answer.
    Silent(Silence),
    /// What is in the Secrets.
    Keys(KeyCheck),
    /// What is to be said of the imported volume.
    Import(ImportFinding),
    /// Who else may use the thing.
    Rivals(Rivals),
    /// The bootstrap Job.
    Job(Option<Job>),
    /// The StatefulSet.
    Workload(LiveWorkload),
    /// The Service.
    Service(LiveService),
    /// The data PVC.
    Data(DataCheck),
    /// Whether a rollout may begin.
    Slot(Slot),
    /// The API server did not answer.
    Failed(Failure),
}
