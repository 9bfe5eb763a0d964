//! `SeiNode.spec`: everything a user may ask for, one struct per object of the schema.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::status::SeiNodeStatus;

/// What a Sei node is to be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "sei.io",
    version = "v1alpha1",
    kind = "SeiNode",
    namespaced,
    plural = "seinodes",
    shortname = "snode",
    category = "sei",
    status = "SeiNodeStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct SeiNodeSpec {
    /// Chain the node joins.
    pub chain_id: String,
    /// seid image.
    pub image: String,
    /// Sources of persistent peers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerSource>,
    /// Replaces `seid start --home /sei`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Entrypoint>,
    /// sei-config keys and their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
    /// The sidecar container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Sidecar>,
    /// Extra labels on pod and children.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Where the data volume comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_volume: Option<DataVolume>,
    /// Full node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_node: Option<FullNode>,
    /// Archive node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
    /// Replayer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayer: Option<Replayer>,
    /// Validator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Validator>,
}

/// One source of peers: exactly one member is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PeerSource {
    /// Peers found by EC2 tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_tags: Option<Ec2Tags>,
    /// Peers written out.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub fixed: Option<StaticPeers>,
    /// Peers among the cluster's SeiNodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelPeers>,
}

/// Peers found by EC2 tags; the sidecar asks AWS.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Ec2Tags {
    /// AWS region.
    pub region: String,
    /// All must match.
    pub tags: BTreeMap<String, String>,
}

/// Peers written out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StaticPeers {
    /// `nodeId@host:port`.
    pub addresses: Vec<String>,
}

/// Peers among the cluster's SeiNodes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LabelPeers {
    /// Labels of SeiNode objects; all must match.
    pub selector: BTreeMap<String, String>,
    /// Namespace to search; empty means the node's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Replaces `seid start --home /sei`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Entrypoint {
    /// argv\[0\] and what follows it.
    pub command: Vec<String>,
    /// Appended to `command`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// The sidecar container.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// Image; the operator's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// HTTP port; 7777 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Resources of the sidecar container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

/// Where the data volume comes from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataVolume {
    /// An existing PVC of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportVolume>,
}

/// An existing PVC of the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImportVolume {
    /// Its name.
    pub pvc_name: String,
}

/// A node that follows the chain and serves its API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FullNode {
    /// Initial state; absent means block sync from genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Produce snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// A node that keeps all history.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// Produce snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// A node that replays the chain from a snapshot.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Replayer {
    /// State to replay from; must be `s3`.
    pub snapshot: Snapshot,
    /// Export of the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_export: Option<ResultExport>,
}

/// A node that may sign blocks.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Validator {
    /// Initial state; ignored in a genesis ceremony.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Take part in a genesis ceremony.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_ceremony: Option<GenesisCeremony>,
    /// Consensus key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<KeySource>,
    /// P2P key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_key: Option<KeySource>,
}

/// Initial state of a node: exactly one of `s3` and `stateSync`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// A snapshot in the platform's bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Snapshot>,
    /// Tendermint state sync over P2P.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_sync: Option<StateSync>,
    /// Light-client trust period, a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_period: Option<String>,
    /// Blocks to backfill after the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill_blocks: Option<i64>,
    /// Image of a bootstrap Job; needs `s3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_image: Option<String>,
}

/// A snapshot in the platform's bucket.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct S3Snapshot {
    /// Highest height that may be restored.
    pub target_height: i64,
}

/// Tendermint state sync over P2P.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct StateSync {}

/// Production of snapshots.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotGeneration {
    /// Tendermint state-sync snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tendermint: Option<TendermintGeneration>,
}

/// Tendermint state-sync snapshots.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TendermintGeneration {
    /// Snapshots to keep.
    pub keep_recent: i32,
    /// Upload them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<Publish>,
}

/// Upload of snapshots.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Publish {}

/// Export of a replayer's results.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResultExport {
    /// Comparison with the canonical chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_result: Option<ShadowResult>,
}

/// Comparison with the canonical chain.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ShadowResult {
    /// HTTP RPC of the canonical chain.
    pub canonical_rpc: String,
}

/// A validator's part in a genesis ceremony.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GenesisCeremony {
    /// Chain that is founded.
    pub chain_id: String,
    /// Self-delegation, coin notation.
    pub staking_amount: String,
    /// Genesis balance, coin notation.
    pub account_balance: String,
    /// JSON text of dotted genesis parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_params: Option<String>,
    /// Ordinal in the group.
    pub index: i32,
}

/// Where a key comes from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeySource {
    /// A Secret of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretKey>,
}

/// A Secret of the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Its name.
    pub secret_name: String,
}
