//! Facts about a pod that decisions need.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1 as k8s, apimachinery::pkg::apis::meta::v1::OwnerReference};

use seinode_api::names;

use super::Deletion;
use crate::time::after;

mod halt;
mod key_source;
mod standing;
mod trouble;

pub use halt::Halt;
pub use key_source::{KEY_COPY, KeySource};
pub use standing::Standing;
pub use trouble::Trouble;
pub(crate) use trouble::UNSCHEDULABLE;

/// Name of the main container (crd-and-workload §3.2).
pub const SEID: &str = "seid";
/// Name of the restartable init container (crd-and-workload §3.2).
pub const SIDECAR: &str = "sei-sidecar";

/// Name of the volume with the node's data (crd-and-workload §3.2).
pub const DATA: &str = "data";
/// Name of the volume with the consensus key of a validator that signs (crd-and-workload §3.2).
pub const SIGNING_KEY: &str = "signing-key";

/// Time after its grace period at which a pod that is being deleted is said to hang.
pub(crate) const HANGS_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// Time after which a pod that is not Ready makes its node not Ready.
pub(crate) const UNREADY_AFTER: SignedDuration = SignedDuration::from_secs(15);

/// A pod of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its UID: tells it from the pod of the same name that it replaced.
    pub uid: String,
    /// UID of the StatefulSet that controls it.
    pub stateful_set_uid: Option<String>,
    /// UID of the Job that controls it.
    pub job_uid: Option<String>,
    /// The revision of its StatefulSet that it was made from.
    pub revision: Option<String>,
    /// Changes with every change of the pod.
    pub version: String,
    /// Name of the Secret that its signing key is from.
    pub signing_secret: Option<String>,
    /// Source of that key for its `seid`.
    pub key_source: KeySource,
    /// State of its deletion.
    pub deletion: Deletion,
    /// Time at which it was deleted, and time at which it should be gone.
    pub going: Option<(Timestamp, Timestamp)>,
    /// State of the pod: it may still run something, or not.
    pub run: Run,
    /// Its address, once it has one.
    pub ip: Option<IpAddr>,
    /// Image that its `seid` container was created with.
    pub seid_image: Option<String>,
    /// State of the `seid` container.
    pub seid: Container,
    /// Time at which the `seid` container was started, if it is up.
    pub seid_since: Option<Timestamp>,
    /// End of `seid`, if it is not up and may have halted on purpose.
    pub halt: Option<Halt>,
    /// Id of the container that `seid` runs in: each start has another one.
    pub seid_id: Option<String>,
    /// State of the sidecar's container.
    pub sidecar: Container,
    /// Number of restarts of the sidecar's container.
    pub sidecar_restarts: i32,
    /// Since when the sidecar's container is up.
    pub sidecar_since: Option<Timestamp>,
    /// True if its `Ready` condition is True.
    pub ready: bool,
    /// Time at which its `Ready` condition became what it is.
    pub ready_since: Option<Timestamp>,
    /// Name of the machine that it is on.
    pub machine: Option<String>,
    /// Why it does not get on, in words that do not change from second to second.
    pub trouble: Option<Trouble>,
}

/// State of a pod: it may still run something, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// It runs, or is about to.
    Lives,
    /// All its containers have ended for good.
    Ended,
}

/// State of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Its process is up (for a restartable init container: `started`).
    Up,
    /// Not, or not known.
    Down,
}

impl Pod {
    /// Why it does not get on, if that is more than the ordinary beginning of a pod by now.
    #[must_use]
    pub fn trouble(&self, now: Timestamp) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| trouble.since.is_none_or(|since| since <= now))
    }

    /// True if it has no machine: none of its containers was ever started, and it has written nothing.
    pub(crate) fn never_ran(&self) -> bool {
        self.machine.is_none() && self.ip.is_none()
    }

    /// True if its deletion takes longer than its grace period allows.
    pub(crate) fn hangs(&self, now: Timestamp) -> bool {
        self.going.is_some_and(|(_, end)| now >= after(end, HANGS_AFTER))
    }

    /// The next time at which it is judged otherwise although it has not changed.
    pub(super) fn next_judgement(&self, now: Timestamp) -> Option<Timestamp> {
        let hangs = self.going.map(|(_, end)| after(end, HANGS_AFTER));
        let unready = self.ready_since.filter(|_| !self.ready).map(|since| after(since, UNREADY_AFTER));
        let troubled = self.trouble.as_ref().and_then(|trouble| trouble.since);
        [hangs, unready, troubled].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Reads a pod.
    #[must_use]
    pub fn of(pod: &k8s::Pod) -> Self {
        let spec = pod.spec.as_ref();
        let status = pod.status.as_ref();
        let controlled_by =
            |kind| controller(pod).filter(|owner| owner.kind == kind).map(|owner| owner.uid.clone());
        let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
        let init_states =
            status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
        let main_states = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        let sidecar = init_states.iter().find(|container| container.name == SIDECAR);
        let ready = condition(status, "Ready");
        let seid = main_states.iter().find(|container| container.name == SEID);
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            stateful_set_uid: controlled_by("StatefulSet"),
            job_uid: controlled_by("Job"),
            revision: pod.metadata.labels.as_ref().and_then(|all| all.get(names::REVISION_LABEL)).cloned(),
            version: pod.metadata.resource_version.clone().unwrap_or_default(),
            signing_secret: spec.and_then(signing_secret),
            key_source: spec.map_or(KeySource::None, |spec| KeySource::of(spec, init_states)),
            deletion: Deletion::of(&pod.metadata),
            going: going(pod),
            run: if has_ended(pod) { Run::Ended } else { Run::Lives },
            ip: status.and_then(|status| status.pod_ip.as_deref()).and_then(|ip| ip.parse().ok()),
            seid_image: containers
                .iter()
                .find(|container| container.name == SEID)
                .and_then(|container| container.image.clone()),
            seid: if seid.and_then(running).is_some() { Container::Up } else { Container::Down },
            seid_since: seid.and_then(running).and_then(|it| it.started_at.as_ref()).map(|at| at.0),
            halt: status.and_then(halt::of),
            seid_id: seid.and_then(|container| container.container_id.clone()),
            sidecar: match sidecar {
                Some(state) if state.started == Some(true) && running(state).is_some() => Container::Up,
                _ => Container::Down,
            },
            sidecar_restarts: sidecar.map_or(0, |state| state.restart_count),
            sidecar_since: sidecar.and_then(running).and_then(|it| it.started_at.as_ref()).map(|at| at.0),
            ready: ready.is_some_and(|ready| ready.status == "True"),
            ready_since: ready.and_then(|ready| ready.last_transition_time.as_ref()).map(|at| at.0),
            machine: spec.and_then(|spec| spec.node_name.clone()),
            trouble: status.and_then(trouble::of),
        }
    }
}

/// True if a pod has ended for good: then it uses nothing any more.
pub(super) fn has_ended(pod: &k8s::Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The reference to what controls a pod.
pub(super) fn controller(pod: &k8s::Pod) -> Option<&OwnerReference> {
    pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Name of the Secret that a pod's signing key is from.
pub(super) fn signing_secret(pod: &k8s::PodSpec) -> Option<String> {
    let secret = volumes(pod).find(|volume| volume.name == SIGNING_KEY)?.secret.as_ref()?;
    secret.secret_name.clone()
}

/// Name of the PVC that a pod's data is in.
pub(super) fn data_claim(pod: &k8s::PodSpec) -> Option<String> {
    let claim = volumes(pod).find(|volume| volume.name == DATA)?.persistent_volume_claim.as_ref()?;
    Some(claim.claim_name.clone())
}

fn volumes(pod: &k8s::PodSpec) -> impl Iterator<Item = &k8s::Volume> {
    pod.volumes.iter().flatten()
}

fn condition<'a>(status: Option<&'a k8s::PodStatus>, type_: &str) -> Option<&'a k8s::PodCondition> {
    status?.conditions.iter().flatten().find(|condition| condition.type_ == type_)
}

fn running(container: &k8s::ContainerStatus) -> Option<&k8s::ContainerStateRunning> {
    container.state.as_ref()?.running.as_ref()
}

/// Kubernetes stores when a pod has to be gone: the time of its deletion and the grace period.
fn going(pod: &k8s::Pod) -> Option<(Timestamp, Timestamp)> {
    let end = pod.metadata.deletion_timestamp.as_ref()?.0;
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or_default());
    // A grace period is any number: whoever may delete a pod may set it.
    let begin = end.saturating_sub(grace).unwrap_or(Timestamp::MIN);
    Some((begin, end))
}
