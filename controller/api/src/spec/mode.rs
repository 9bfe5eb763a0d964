//! The kinds of node, validators aside.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Snapshot, SnapshotGeneration};
use crate::rules;

/// A full node: it follows the chain and serves its RPC.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FullNode {
    /// State that the node starts from. Absent: it syncs block by block from genesis. Used only when the node
    /// first comes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Makes the node produce snapshots that others can start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// An archive node: it keeps the whole history, so it syncs block by block from genesis, or goes on from the
/// data of an imported volume.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// Makes the node produce snapshots that others can start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_generation: Option<SnapshotGeneration>,
}

/// A replayer: it executes the chain's blocks again, from a snapshot on.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::stricter(
    "has($.snapshot.s3)",
    "a replayer starts from an S3 snapshot; set replayer.snapshot.s3.targetHeight"
).field_path(".snapshot").reason(Reason::FieldValueRequired))]
pub struct Replayer {
    /// State to replay from: an S3 snapshot. Used only when the node first comes up.
    pub snapshot: Snapshot,
    /// Use of the results. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_export: Option<ResultExport>,
}

/// Use of a replayer's results.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::stricter(
    "has($.shadowResult)",
    "resultExport says nothing about what to export; set shadowResult.canonicalRpc, or remove resultExport"
).field_path(".shadowResult").reason(Reason::FieldValueRequired))]
pub struct ResultExport {
    /// Compare each result with that of the canonical chain and export the comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_result: Option<ShadowResult>,
}

/// Comparison with the canonical chain.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ShadowResult {
    /// URL of an HTTP RPC endpoint of the canonical chain.
    #[schemars(length(min = 1))]
    pub canonical_rpc: String,
}
