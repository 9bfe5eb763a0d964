//! Observation of a node's world, as values. A reader need not know where they came from.
//!
//! Kubernetes objects are read here once, into types that say what a decision needs and nothing more.

mod children;
#[cfg(test)]
pub(crate) mod examples;
mod pod;
mod pod_refusal;
mod rivals;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1 as batch;
use seinode_api::{names, status::SidecarStatus};

pub use children::{
    Binding, DataCheck, Mark, OwnerRef, Serves, ServiceView, StatefulSetView, Strategy, Volume,
};
pub(crate) use pod::UNSCHEDULABLE;
pub use pod::{
    Container, DATA, Halt, KEY_COPY, KeySource, Pod, Run, SEID, SIDECAR, SIGNING_KEY, Standing, Trouble,
};
pub(crate) use pod::{HANGS_AFTER, UNREADY_AFTER};
pub(crate) use pod_refusal::REPORT_AGAIN;
pub use pod_refusal::{FAILED_CREATE, PodRefusal};
pub use rivals::RivalsOf;

use crate::{
    adoption::Estate,
    edits::Edit,
    exclusive::{Resource, Rivals},
    failure::Failure,
    ids::TaskId,
    import::ImportFinding,
    intent::VolumeSource,
    keys::{Digest, Finding, Fingerprint, SigningKey},
    node::{Deletion, NodeId, NodeRef, Owner},
    peers::Peers,
    platform::ResultExport,
    retention::RetentionPolicy,
    sidecar::{Answer, Health, RunningTask, TaskReport},
    storage::BindingMode,
};

/// Time that `seid` has to be up, unless the settings have another.
pub(crate) const SETTLE: SignedDuration = SignedDuration::from_secs(30);

/// Observation of a node's world in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The time of the pass.
    pub now: Timestamp,
    /// The data PVC `data-<name>`.
    pub volume: Option<Volume>,
    /// The StatefulSet.
    pub stateful_set: Option<StatefulSetView>,
    /// The headless Service.
    pub service: Option<ServiceView>,
    /// The node's pods, by name; more than one only while one is going.
    pub pods: Vec<Pod>,
    /// The bootstrap Job.
    pub job: Option<Job>,
    /// SeiNodes that the label sources select.
    pub peers: Peers,
    /// Knowledge of the node's own id, as its sidecar tells it.
    pub own_id: OwnId,
    /// Others that may use what the node wants, as far as the watches know.
    pub rivals: Rivals,
    /// The same, asked live for one thing.
    pub live_rivals: Option<(Resource, Rivals)>,
    /// Last findings in the Secrets of its keys.
    pub keys: Option<KeyCheck>,
    /// The pod that tasks are submitted to, read live in this pass; `None` in it when there is none of its name.
    pub live_pod: Option<Option<Pod>>,
    /// Finding about the volume that it imports, in this pass.
    pub import: Option<ImportFinding>,
    /// The bootstrap Job as the API server reported it in this pass, whatever the watches know.
    pub live_job: Option<Option<Job>>,
    /// The StatefulSet and what was changed of it by hand, asked live in this pass.
    pub live_stateful_set: Option<LiveStatefulSet>,
    /// The Service, and what was changed of it by hand, asked live in this pass.
    pub live_service: Option<LiveService>,
    /// Safety of the node's data if its pod goes, fetched live in this pass.
    pub data: Option<DataCheck>,
    /// Children under the node's name that a SeiNode which is gone may have left, asked live in this pass.
    pub left_behind: Option<Estate>,
    /// Last report of its controller on the pod that is missing.
    pub pod_refusal: Option<PodRefusal>,
    /// Time at which that report is due; `None` while no pod is missing.
    pub pod_refusal_due: Option<Timestamp>,
    /// Slot for a rollout of this node, if one was asked for in this pass.
    pub slot: Option<Slot>,
    /// Time that `seid` has to be up behind an open gate before a rollout is over.
    pub settle: SignedDuration,
    /// Hashes of what would be rendered today.
    pub rendering: Option<Rendering>,
    /// Hash of the bootstrap Job that would be rendered today.
    pub job_rendering: Option<String>,
    /// Binding mode of the storage class of the data PVC, read in this pass.
    pub binding_mode: Option<BindingMode>,
    /// The sidecar flaps: its gate is not opened again before this time.
    pub mark_ready_at: Option<Timestamp>,
    /// Destination of replayers' results.
    pub export: ResultExport,
    /// Data volumes that outlive their nodes.
    pub retention: RetentionPolicy,
    /// The sidecar's answer about one task.
    pub report: Option<(TaskId, Answer<TaskReport>)>,
    /// The sidecar's answer about what it is at work on.
    pub running_tasks: Option<Answer<Vec<RunningTask>>>,
    /// The sidecar's answer about its gate.
    pub gate: Option<Answer<Health>>,
    /// Failure of a repair of this pass: the rest of it goes on without repairs.
    pub failed_repair: Option<Failure>,
    /// Failure of an effect of this pass.
    pub failed_request: Option<Failure>,
}

/// A StatefulSet as the API server has it, and what somebody changed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveStatefulSet {
    /// The StatefulSet; `None` when there is none.
    pub stateful_set: Option<StatefulSetView>,
    /// Fields that were changed by hand.
    /// Fields that were changed by hand.
    pub edits: Vec<Edit>,
    /// The field manager that set its replicas last; `None` when that was us.
    pub scaled_by: Option<String>,
}

/// A Service as the API server has it, and what somebody changed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveService {
    /// The Service; `None` when there is none.
    pub service: Option<ServiceView>,
    /// Its changes by hand.
    pub edits: Vec<Edit>,
}

/// Slot for a rollout: a node may begin one, or has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// It may, and has its slot.
    Granted,
    /// It may without one: it is surely down.
    NotNeeded,
    /// It has to wait: the bound, and the nodes that take it up.
    Taken(String),
}

/// Hashes of what would be rendered today, to be compared with what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// Hash of the StatefulSet.
    pub template: String,
    /// Hash of the Service.
    pub service: String,
}

/// Knowledge of a node's own id, as the sidecar of its pod tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnId {
    /// The sidecar is to be asked: for the first time, or again.
    Due,
    /// It did not tell when it was asked last.
    Untold,
    /// The id.
    Is(NodeId),
}

/// A bootstrap Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its UID: its pods name it as their owner.
    pub uid: String,
    /// Owner of the Job.
    pub owner: Owner,
    /// State of the Job's deletion.
    pub deletion: Deletion,
    /// Target that the Job was made for.
    pub target: Option<String>,
    /// Hash of what we rendered, if it says so.
    pub template_hash: Option<String>,
    /// Progress of the Job.
    pub progress: JobProgress,
}

/// Progress of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobProgress {
    /// It runs, or is about to.
    Runs,
    /// `spec.suspend`: it has no pod.
    Suspended,
    /// It is done.
    Complete,
    /// It failed, in the words of its condition.
    Failed(String),
}

/// Findings in the Secrets of a validator's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCheck {
    /// Time at which the Secrets were read.
    pub at: Timestamp,
    /// The version of the node's pod at that time.
    pub pod: Option<String>,
    /// The container that `seid` ran in at that time.
    pub seid_id: Option<String>,
    /// The key that this container mounts from the Secret, as far as it is known. A copy has a digest instead.
    pub mounted: Option<Fingerprint>,
    /// The consensus key.
    pub signing: Finding<SigningKey>,
    /// The P2P key, by the id that it gives the node.
    pub node: Finding<NodeId>,
}

impl KeyCheck {
    /// The findings of just now. Which key the pod mounts is for [`crate::memory`] to say.
    #[must_use]
    pub fn new(seen: &Observation, signing: Finding<SigningKey>, node: Finding<NodeId>) -> Self {
        let (pod, seid_id) =
            (seen.pod().map(|pod| pod.version.clone()), seen.pod().and_then(|pod| pod.seid_id.clone()));
        Self { at: seen.now, pod, seid_id, mounted: None, signing, node }
    }
}

impl Observation {
    /// The file of a key, where it is the key that was found in the node's Secret.
    pub(crate) fn file_of(&self, resource: &Resource) -> Option<Digest> {
        match (&self.keys.as_ref()?.signing, resource) {
            (Finding::Valid(key), Resource::SigningKey(mine)) if key.fingerprint == *mine => Some(key.file),
            _ => None,
        }
    }

    /// The observation of a world in which nothing is there yet.
    #[must_use]
    pub fn empty(now: Timestamp, export: ResultExport) -> Self {
        Self {
            now,
            volume: None,
            stateful_set: None,
            service: None,
            pods: Vec::new(),
            job: None,
            peers: Peers::default(),
            own_id: OwnId::Untold,
            rivals: Rivals::default(),
            live_rivals: None,
            keys: None,
            live_pod: None,
            import: None,
            live_job: None,
            live_stateful_set: None,
            live_service: None,
            data: None,
            left_behind: None,
            pod_refusal: None,
            pod_refusal_due: None,
            slot: None,
            settle: SETTLE,
            rendering: None,
            job_rendering: None,
            binding_mode: None,
            mark_ready_at: None,
            export,
            retention: RetentionPolicy::default(),
            report: None,
            running_tasks: None,
            gate: None,
            failed_repair: None,
            failed_request: None,
        }
    }

    /// The sidecar's answer about this task, if it was asked for in this reconcile.
    pub(crate) fn report(&self, task: TaskId) -> Option<&Answer<TaskReport>> {
        self.report.as_ref().filter(|(id, _)| *id == task).map(|(_, answer)| answer)
    }

    /// UID of the PVC that the node's data is in, as far as it was looked at.
    pub(crate) fn volume_uid(&self, source: &VolumeSource) -> Option<&str> {
        match (source, &self.import) {
            (VolumeSource::Own, _) => self.volume.as_ref().map(|volume| volume.uid.as_str()),
            (VolumeSource::Import(_), Some(ImportFinding::Ready { uid } | ImportFinding::Waits { uid })) => {
                Some(uid)
            }
            (VolumeSource::Import(_), _) => None,
        }
    }

    /// The pod whose sidecar tasks are handed to: the node's own, or that of its bootstrap Job. There are never both.
    #[must_use]
    pub fn host(&self) -> Option<&Pod> {
        self.pod().or_else(|| self.bootstrap_pod())
    }

    /// True if the API server or the scheduler keeps the node's pod from running, as it is.
    pub(crate) fn is_held_back(&self) -> bool {
        let unschedulable =
            |pod: &Pod| pod.never_ran() && pod.trouble(self.now).is_some_and(|it| it.reason == UNSCHEDULABLE);
        self.refused().is_some() || self.host().is_some_and(unschedulable)
    }

    /// The pod of the bootstrap Job, as long as the Job runs.
    #[must_use]
    pub fn bootstrap_pod(&self) -> Option<&Pod> {
        let job =
            self.job.as_ref().filter(|job| job.owner == Owner::Us && job.progress == JobProgress::Runs)?;
        self.pods
            .iter()
            .find(|pod| pod.deletion == Deletion::Absent && pod.job_uid.as_deref() == Some(job.uid.as_str()))
    }

    /// The pod that runs the node, if its gate was open once: what it was configured with has worked.
    #[must_use]
    pub(crate) fn proven_pod(&self, sidecar: Option<&SidecarStatus>) -> Option<&Pod> {
        let opened = sidecar.and_then(|sidecar| sidecar.opened_pod.as_ref())?;
        self.pod().filter(|pod| pod.uid == *opened)
    }

    /// The first pod whose deletion hangs, with the time of its deletion, and that at which it should have been gone.
    pub(crate) fn hanging_pod(&self) -> Option<(&Pod, Timestamp, Timestamp)> {
        self.pods.iter().filter(|pod| pod.hangs(self.now)).find_map(|pod| {
            let (since, end) = pod.going?;
            Some((pod, since, end))
        })
    }

    /// The next time at which the pods are judged otherwise although nothing has changed.
    pub(crate) fn next_judgement(&self) -> Option<Timestamp> {
        self.pods.iter().filter_map(|pod| pod.next_judgement(self.now)).min()
    }

    /// The pod that runs the node: owned by the StatefulSet that we see, and staying.
    #[must_use]
    pub fn pod(&self) -> Option<&Pod> {
        let workload = self.stateful_set.as_ref().filter(|workload| workload.owner == Owner::Us)?;
        self.pods.iter().find(|pod| {
            pod.deletion == Deletion::Absent && pod.stateful_set_uid.as_deref() == Some(workload.uid.as_str())
        })
    }
}

impl Job {
    /// Reads a Job.
    #[must_use]
    pub fn of(node: &NodeRef, job: &batch::Job) -> Self {
        let conditions = || job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let met = |type_: &str| conditions().find(|it| it.type_ == type_ && it.status == "True");
        let progress = match (met("Complete"), met("Failed")) {
            (Some(_), _) => JobProgress::Complete,
            (None, Some(failed)) => {
                let reason = failed.reason.as_deref().unwrap_or("no reason given");
                JobProgress::Failed(failed.message.clone().unwrap_or_else(|| reason.to_owned()))
            }
            (None, None) if job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true)) => {
                JobProgress::Suspended
            }
            (None, None) => JobProgress::Runs,
        };
        let annotations = job.metadata.annotations.as_ref();
        Self {
            uid: job.metadata.uid.clone().unwrap_or_default(),
            owner: node.owner_of(&job.metadata),
            deletion: Deletion::of(&job.metadata),
            target: annotations.and_then(|all| all.get(names::TARGET_ANNOTATION)).cloned(),
            template_hash: annotations.and_then(|all| all.get(names::TEMPLATE_HASH_ANNOTATION)).cloned(),
            progress,
        }
    }
}
