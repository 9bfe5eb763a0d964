//! `SeiNode.status`: what the operator tells people, and its memory of the plan under way.
//!
//! Reading is lenient: a status that an earlier operator wrote, with plans of another shape, must never make
//! the object unreadable. Unknown members are ignored, missing ones take their default, and a phase or a plan
//! that nobody here understands counts as absent. The schema demands nothing either, conditions aside.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::schema;

#[cfg(test)]
mod tests;

/// State of a node, as the operator reports it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SeiNodeStatus {
    /// Stage of the node's life. Failed is not final: plan.nextAttempt is the time of the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub phase: Option<Phase>,
    /// Time at which phase last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_transition_time: Option<Time>,
    /// The kind of node: fullNode, archive, replayer or validator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// metadata.generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Value of the annotation sei.io/retry that the operator acted on last. Any other value makes it try again at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_retry: Option<String>,
    /// Restarts of the node's pod that somebody asked for: by the annotation sei.io/restart, or by kubectl rollout restart.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub restart: Option<RestartStatus>,
    /// The seid image that the node's pod was last seen to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_image: Option<String>,
    /// The work under way, or the failed work that will be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub plan: Option<PlanStatus>,
    /// Things that only this node may use, each Wanted or Held: its signing key, an imported volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "if_understood_or_empty")]
    pub claims: Vec<ClaimStatus>,
    /// The bootstrap Job that is done. A later plan for the same volume does not run it again.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub bootstrap: Option<BootstrapStatus>,
    /// Tasks that the sidecar carries on with while the node runs; a lost one is handed over again.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "if_understood_or_empty")]
    pub background: Vec<BackgroundStatus>,
    /// Id by which peers know the node, as its sidecar told it last, or as the Secret of its P2P key says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// Addresses of the SeiNodes that spec.peers[].label selects, in order, as nodeId@host:port; the host alone while the id
    /// is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved_peers: Vec<String>,
    /// Record of the spec that the node was last brought up or updated with: for each reason to update it a hash, as
    /// version:hash. Parts that differ from the present spec are rolled out.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "if_understood_or_empty"
    )]
    pub baseline: BTreeMap<String, String>,
    /// The configuration that was last handed to the sidecar. Absent: nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub configured: Option<ConfiguredStatus>,
    /// The children as our last write of each returned them: what differs from it was edited by hand.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub children: Option<ChildrenStatus>,
    /// Hand edits that were put back within the last ten minutes.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "if_understood_or_empty")]
    pub repairs: Vec<RepairStatus>,
    /// The rollout slot that the node holds: from the moment it takes a new target until it serves.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub slot: Option<SlotStatus>,
    /// Somebody scaled the node's StatefulSet to 0 by hand. That is honoured until the annotation sei.io/retry changes or
    /// spec.paused was set and cleared.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub scaled_by_hand: Option<ScaledByHandStatus>,
    /// The PVC that the node was brought up on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub data_volume: Option<DataVolumeStatus>,
    /// Inheritance from a SeiNode that is gone, by the annotation sei.io/adopt.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub adopted: Option<AdoptionStatus>,
    /// State of the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<SidecarStatus>,
    /// Address that other nodes reach this one by, as host:port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_address: Option<String>,
    /// Conditions that hold and conditions that do not, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// Stage of a node's life.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not begun.
    Pending,
    /// An init plan is under way.
    Initializing,
    /// Up.
    Running,
    /// Failing; `plan.nextAttempt` says when it is tried again.
    Failed,
    /// Being deleted.
    Terminating,
}

/// A rollout slot.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SlotStatus {
    /// Target that the slot was taken for: a hash of the spec.
    #[serde(default)]
    pub target: String,
    /// Time at which it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// The memory of a plan. Its vocabulary is that of whoever wrote it: `seinode-core` parses it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Identity of the plan, a UUID.
    #[serde(default)]
    pub id: String,
    /// Kind of work, such as Init. Absent in plans of the original operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Active, Complete or Failed.
    #[serde(default)]
    pub phase: String,
    /// Goal of the plan: a hash of the spec that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Time at which the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// The task that is next or under way, as config-apply (5/7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_task: Option<String>,
    /// Why the plan failed or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Number of plans for this target that have failed in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i32>,
    /// Time at which a failed plan is followed by the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Time>,
    /// Identity of the unfinished plan that this one took the place of, because the spec changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The steps, in order.
    #[serde(default)]
    pub tasks: Vec<TaskStatus>,
}

/// The memory of one task.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// Type of the task, such as config-apply.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// Identity of the present attempt, a UUID: the sidecar knows the task by it.
    #[serde(default)]
    pub id: String,
    /// Pending, Running, Complete or Failed.
    #[serde(default)]
    pub status: String,
    /// Time at which the present attempt was handed to the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Time>,
    /// Earlier attempts that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_count: Option<i32>,
    /// Number of times that the task may be retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i32>,
    /// The present attempt is not made before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// Message of the last error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One thing that this node alone may use.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimStatus {
    /// Kind of the thing: signing-key or volume.
    #[serde(default)]
    pub resource: String,
    /// Identity of the thing: the name of a volume, or a fingerprint of the key's public address.
    #[serde(default)]
    pub id: String,
    /// Wanted or Held. What is held by one node no other one takes.
    #[serde(default)]
    pub state: String,
}

/// A bootstrap Job that is done.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapStatus {
    /// Time at which the Job was seen to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Height that it ran up to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_height: Option<i64>,
    /// UID of the PVC that it filled.
    #[serde(default)]
    pub volume_uid: String,
}

/// A task that the sidecar carries on with while the node runs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackgroundStatus {
    /// Type of the task: snapshot-upload or result-export.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// Identity of the present attempt, a UUID.
    #[serde(default)]
    pub id: String,
    /// Time at which the present attempt was handed to the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Time>,
    /// Number of times in a row that the task was lost or failed soon after it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i32>,
}

/// The configuration that was last handed to a node's sidecar.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfiguredStatus {
    /// Hash of what config-apply was given. Absent while it is on its way: it may have arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Hash of the addresses of label peers that config-apply was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<String>,
    /// Addresses of label peers that config-apply was given, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peer_addresses: Vec<String>,
    /// Why the sidecar could not find peers that only it can find. Those that the operator resolved stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers_failed: Option<String>,
    /// Names of the overrides that config-apply was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "if_understood_or_empty")]
    pub overrides: Vec<String>,
    /// State sync that was configured and is not done: config-apply keeps its settings.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_understood")]
    pub state_sync: Option<StateSyncStatus>,
}

/// State sync that was configured and is not done.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StateSyncStatus {
    /// The volume that its settings are on: UID of the node's own PVC, name of an imported one.
    #[serde(default)]
    pub volume: String,
}

/// A node's children as our last writes returned them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ChildrenStatus {
    /// The StatefulSet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateful_set: Option<StatefulSetStatus>,
    /// The headless Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceStatus>,
}

/// A StatefulSet as our last write returned it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetStatus {
    /// Its UID.
    #[serde(default)]
    pub uid: String,
    /// metadata.generation: it grows with every change of its spec, whoever makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Number of pods that it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Its labels that are ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A headless Service as our last write returned it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Its UID.
    #[serde(default)]
    pub uid: String,
    /// Hash of what of it is ours.
    #[serde(default)]
    pub digest: String,
    /// Its labels that are ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A field of a child that somebody changed by hand, and that was put back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RepairStatus {
    /// Kind of the child: StatefulSet or Service.
    #[serde(default)]
    pub object: String,
    /// Path of the field.
    #[serde(default)]
    pub field: String,
    /// Field manager that changed it.
    #[serde(default)]
    pub manager: String,
    /// Times at which the field was put back.
    #[serde(default)]
    pub times: Vec<Time>,
}

/// An emergency stop: a StatefulSet that was scaled to 0 by hand.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ScaledByHandStatus {
    /// Field manager that did it.
    #[serde(default)]
    pub manager: String,
    /// Time at which the stop was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// The PVC that a node was brought up on.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataVolumeStatus {
    /// Its UID.
    #[serde(default)]
    pub uid: String,
    /// Its capacity, as 40Ti.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<String>,
}

/// Restarts of a node's pod that somebody asked for.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RestartStatus {
    /// Value that asked for the last restart: of the annotation, or the time that kubectl wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<String>,
    /// Value whose restart is done. What was there when the operator first saw the node counts as done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// UID of the pod that is to be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Last value of the annotation sei.io/restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotation: Option<String>,
    /// Last time that kubectl rollout restart wrote into the StatefulSet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateful_set: Option<String>,
}

/// Inheritance from a SeiNode that is gone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdoptionStatus {
    /// UID of the SeiNode that is gone.
    #[serde(default)]
    pub uid: String,
    /// Time at which all that it has left was handed over. Absent while it is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// UID of the PVC that was handed over. Its data is taken as it is: no snapshot is restored on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_uid: Option<String>,
}

/// State of the sidecar.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SidecarStatus {
    /// Time at which its readiness was last lost, to the microsecond: it may be lost twice in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lost: Option<MicroTime>,
    /// UID of the pod whose gate was last seen open: what it was configured with has worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_pod: Option<String>,
    /// Time since which that gate is open, as far as was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<MicroTime>,
    /// Time at which its readiness last came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_healed: Option<MicroTime>,
}

/// Reads a list or a map; one that has another shape than ours counts as empty.
fn if_understood_or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(if_understood(deserializer)?.unwrap_or_default())
}

/// Reads a value; what has another shape than ours counts as absent.
fn if_understood<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}
