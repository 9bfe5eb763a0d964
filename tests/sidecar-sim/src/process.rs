//! From a pod object to the sidecar process in it. Pure: no clock, no client.
//!
//! The container's own status decides, not the pod's phase: a restartable init container answers while the pod
//! is still `Pending` because `seid` waits at the gate or cannot pull its image.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;

use crate::address::NodeKey;

/// The label by which pods name their node.
pub(crate) const NODE_LABEL: &str = "sei.io/node";
const CONTAINER: &str = "sei-sidecar";
const VOLUME: &str = "data";

/// The sidecar process of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProcessState {
    /// There is none and there will be none: the pod has ended or has no sidecar.
    Absent,
    /// It has not started, or not yet again.
    Starting,
    /// It runs.
    Running(ProcessId),
}

/// Identity of a process: any difference means that another process runs, without the memory of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId {
    pub(crate) pod_uid: String,
    pub(crate) container_id: Option<String>,
    pub(crate) restarts: i32,
    pub(crate) started_at: Option<Timestamp>,
}

/// Source of the volume named `data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VolumeSource {
    /// The claim of this name in the pod's namespace.
    Claim(String),
    /// Storage that ends with the pod.
    Pod,
    /// The volume of this number, made by a test.
    Bare(u64),
}

/// The fields of a pod that the simulation uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodView {
    pub(crate) node: NodeKey,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) terminating: bool,
    pub(crate) process: ProcessState,
    pub(crate) volume: VolumeSource,
}

impl PodView {
    /// `None` for a pod of no node, and for a second replica: its sidecar is a process of its own, which nobody asks.
    pub(crate) fn of(pod: &Pod) -> Option<Self> {
        let node = pod.labels().get(NODE_LABEL)?;
        if is_second_replica(node, &pod.name_any()) {
            return None;
        }
        Some(Self {
            node: NodeKey::new(&pod.namespace()?, node),
            name: pod.name_any(),
            uid: pod.uid()?,
            created_at: pod.creation_timestamp().map(|time| time.0),
            terminating: pod.metadata.deletion_timestamp.is_some(),
            process: process_state(pod),
            volume: volume_source(pod),
        })
    }

    fn has_ended(&self) -> bool {
        self.process == ProcessState::Absent
    }
}

/// True for the pods of a node's StatefulSet other than that of ordinal 0.
fn is_second_replica(node: &str, pod: &str) -> bool {
    let ordinal = pod.strip_prefix(node).and_then(|rest| rest.strip_prefix('-'));
    ordinal.and_then(|ordinal| ordinal.parse::<u32>().ok()).is_some_and(|ordinal| ordinal > 0)
}

/// The pod whose sidecar answers for a node when there are several, as when a bootstrap pod has not gone before the
/// production pod comes: the youngest that has not ended, also while it does not answer yet. Whoever dials the address
/// of that pod reaches nobody until then. Creation times are whole seconds; of equals the one that stays answers.
pub(crate) fn answering<'a>(pods: impl Iterator<Item = &'a PodView>) -> Option<&'a PodView> {
    pods.max_by_key(|pod| (!pod.has_ended(), pod.created_at, !pod.terminating, &pod.uid))
}

fn process_state(pod: &Pod) -> ProcessState {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) || !has_sidecar(pod) {
        return ProcessState::Absent;
    }
    let status = pod
        .status
        .as_ref()
        .and_then(|status| status.init_container_statuses.as_ref())
        .and_then(|statuses| statuses.iter().find(|status| status.name == CONTAINER));
    match (status, pod.uid()) {
        (Some(status), Some(pod_uid)) if is_started(status) => ProcessState::Running(ProcessId {
            pod_uid,
            container_id: status.container_id.clone(),
            restarts: status.restart_count,
            started_at: started_at(status),
        }),
        _ => ProcessState::Starting,
    }
}

fn has_sidecar(pod: &Pod) -> bool {
    let containers = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    containers.is_some_and(|containers| containers.iter().any(|container| container.name == CONTAINER))
}

fn is_started(status: &ContainerStatus) -> bool {
    let stopped =
        status.state.as_ref().is_some_and(|state| state.waiting.is_some() || state.terminated.is_some());
    status.started == Some(true) && !stopped
}

fn started_at(status: &ContainerStatus) -> Option<Timestamp> {
    Some(status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0)
}

fn volume_source(pod: &Pod) -> VolumeSource {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.volumes.as_ref())
        .and_then(|volumes| volumes.iter().find(|volume| volume.name == VOLUME))
        .and_then(|volume| volume.persistent_volume_claim.as_ref())
        .map_or(VolumeSource::Pod, |claim| VolumeSource::Claim(claim.claim_name.clone()))
}

#[cfg(test)]
mod tests;
