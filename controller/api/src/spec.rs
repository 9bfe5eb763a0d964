//! `SeiNode.spec`: everything a user may ask for, one struct per object of the schema.
//!
//! The documentation of a field is what `kubectl explain` shows: what it means, its unit, its default, and
//! what a change of it does. The rules of admission stand beside what they guard; `rules` has their forms.
//! Nothing here judges a spec: `seinode-core` parses it.

mod entrypoint;
mod mode;
mod peers;
mod sidecar;
mod snapshot;
mod validator;
mod volume;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use self::{
    entrypoint::Entrypoint,
    mode::{Archive, FullNode, Replayer, ResultExport, ShadowResult},
    peers::{Ec2Tags, LabelPeers, PeerSource, StaticPeers},
    sidecar::Sidecar,
    snapshot::{Publish, S3Snapshot, Snapshot, SnapshotGeneration, StateSync, TendermintGeneration},
    validator::{GenesisCeremony, KeySource, SecretKey, Validator},
    volume::{DataVolume, ImportVolume},
};
use crate::{rules, status::SeiNodeStatus};

/// Desired state of this Sei node. Set exactly one of fullNode, archive, replayer and validator: it says which
/// kind of node this is, and cannot be exchanged for another later.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "sei.io",
    version = "v1alpha1",
    kind = "SeiNode",
    doc = "One Sei blockchain node: a pod with seid and its sidecar, a data volume and a headless Service, \
           all named after it.",
    namespaced,
    plural = "seinodes",
    shortname = "snode",
    category = "sei",
    status = "SeiNodeStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "The node is what its spec asks for."
    ),
    printcolumn(
        name = "Available",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Available")].status"#,
        description = "The pod of the node is Ready: seid serves."
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        json_path = ".status.mode",
        description = "Kind of node: fullNode, archive, replayer or validator."
    ),
    printcolumn(
        name = "Chain",
        type_ = "string",
        json_path = ".spec.chainId",
        description = "Chain that the node joins."
    ),
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Where the node is in its life."
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".spec.image",
        description = "The seid image that is asked for."
    ),
    printcolumn(
        name = "Current",
        type_ = "string",
        json_path = ".status.currentImage",
        description = "The seid image that the pod was last seen to run."
    ),
    printcolumn(
        name = "Sidecar",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="SidecarReady")].status"#,
        description = "Whether the sidecar says that it is ready."
    ),
    printcolumn(
        name = "Updating",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="NodeUpdateInProgress")].status"#,
        description = "Whether an update of the running node is under way."
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Task",
        type_ = "string",
        priority = 1,
        json_path = ".status.plan.currentTask",
        description = "The step of the plan that is under way."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        description = "Why the node is Ready, or why not."
    ),
    validation = rules::name_of_a_new_node(),
    validation = rules::stricter(
        "has($.spec)",
        "spec is missing; say what the node is to be: chainId, image and a mode such as fullNode: {}"
    )
    .field_path(".spec")
    .reason(Reason::FieldValueRequired)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::exactly_one(
        &["fullNode", "archive", "replayer", "validator"],
        "exactly one of fullNode, archive, replayer and validator must be set; keep the one that says what \
         the node is"
    ),
    validation = rules::same_members(
        &["fullNode", "archive", "replayer", "validator"],
        "the mode cannot change: the data on the volume is that of the present one; create another SeiNode \
         for another mode"
    ),
    validation = rules::rule(
        "!has(self.replayer) || (has(self.peers) && self.peers.size() > 0)",
        "a replayer gets its blocks from peers; name at least one source in spec.peers"
    )
    .field_path(".peers")
    .reason(Reason::FieldValueRequired),
    validation = rules::rule(
        "!has(oldSelf.dataVolume) || !has(oldSelf.dataVolume.__import__) || \
         (has(self.dataVolume) && has(self.dataVolume.__import__))",
        "dataVolume.import cannot be removed: the node would start anew on an empty volume; put it back, or \
         create another SeiNode"
    )
    .field_path(".dataVolume")
    .reason(Reason::FieldValueForbidden)
)]
pub struct SeiNodeSpec {
    /// Chain that the node joins, such as pacific-1. Cannot change.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = rules::immutable(
        "chainId cannot change: the data on the volume is that chain's; create another SeiNode for another \
         chain"
    ))]
    pub chain_id: String,
    /// Image with seid. A change takes effect in a new pod.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Sources of the node's persistent peers; what all sources find is joined. A replayer needs at least one
    /// source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerSource>,
    /// Command line that replaces "seid start --home /sei". A change takes effect in a new pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Entrypoint>,
    /// Values for sei-config, by dotted key such as evm.http_port. They win over the defaults of the mode and
    /// over what the operator chooses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
    /// The sidecar container, which prepares and configures the node. Absent: the operator's image, port 7777,
    /// no resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Sidecar>,
    /// Labels to put on the pod, the StatefulSet, the Service and the data volume beside the operator's own.
    /// The label sei.io/node has no effect here. A change takes effect in a new pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Source of the data volume. Absent: the operator makes a PVC, named data- and the node's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_volume: Option<DataVolume>,
    /// Set it to true to stop the node without losing anything: its pod goes, its plan waits, its data and its
    /// claim to its keys stay. Absent or false: the node runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Makes this a full node: it follows the chain and serves its RPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_node: Option<FullNode>,
    /// Makes this an archive node: it keeps the whole history of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
    /// Makes this a replayer: it executes the chain's blocks again, from a snapshot on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayer: Option<Replayer>,
    /// Makes this a validator: it signs blocks once it has its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Validator>,
}
