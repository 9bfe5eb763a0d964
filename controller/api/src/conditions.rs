//! Types and reasons of `status.conditions`, as constants: they are API.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// kstatus: the node is what its spec asks for.
pub const READY: &str = "Ready";
/// kstatus: work is under way.
pub const RECONCILING: &str = "Reconciling";
/// kstatus: nothing moves without a change from outside.
pub const STALLED: &str = "Stalled";
/// The pod is Ready.
pub const AVAILABLE: &str = "Available";
/// The spec parses and holds all rules.
pub const SPEC_VALID: &str = "SpecValid";
/// The data volume exists and is ours.
pub const DATA_VOLUME_READY: &str = "DataVolumeReady";
/// The imported volume may be used; only with `dataVolume.import`.
pub const IMPORT_PVC_READY: &str = "ImportPVCReady";
/// The data volume outlives the SeiNode, or goes with it.
pub const VOLUME_RETAINED: &str = "VolumeRetained";
/// All that a SeiNode that is gone has left is this one's; only with annotation `sei.io/adopt`.
pub const ADOPTED: &str = "Adopted";
/// The signing key may be used; only with `validator.signingKey`.
pub const SIGNING_KEY_READY: &str = "SigningKeyReady";
/// The P2P key may be used; only with `validator.nodeKey`.
pub const NODE_KEY_READY: &str = "NodeKeyReady";
/// `spec.paused` keeps the node from running.
pub const PAUSED: &str = "Paused";
/// Every source of peers has brought its peers.
pub const PEERS_RESOLVED: &str = "PeersResolved";
/// The sidecar's gate is open.
pub const SIDECAR_READY: &str = "SidecarReady";
/// A changed spec is being rolled out.
pub const NODE_UPDATE_IN_PROGRESS: &str = "NodeUpdateInProgress";
/// A rollout waits for something that does not come by itself.
pub const ROLLOUT_BLOCKED: &str = "RolloutBlocked";
/// The node holds a rollout slot, which others wait for.
pub const SLOT_HELD: &str = "SlotHeld";
/// The node is as the operator no longer renders it; the next rollout brings it up to date.
pub const TEMPLATE_OUTDATED: &str = "TemplateOutdated";
/// Somebody changes a field again and again that the operator puts back.
pub const CONTESTED: &str = "Contested";

/// The condition of a type.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}
