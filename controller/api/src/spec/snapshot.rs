//! Snapshots: the state that a node starts from, and those that it produces.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// State that a node starts from: exactly one of s3 and stateSync.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::exactly_one(
        &["s3", "stateSync"],
        "exactly one of s3 and stateSync must be set; a node without snapshot syncs from genesis"
    ),
    validation = rules::stricter(
        "!has($.bootstrapImage) || $.bootstrapImage == '' || has($.s3)",
        "bootstrapImage needs s3: a bootstrap Job restores an S3 snapshot; set s3.targetHeight, or remove \
         bootstrapImage"
    )
    .field_path(".bootstrapImage")
)]
pub struct Snapshot {
    /// A snapshot in the platform's S3 bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Snapshot>,
    /// Tendermint state sync: the state comes from peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_sync: Option<StateSync>,
    /// Time for which the light client trusts a header, as a duration such as 336h or 168h30m. Absent: the
    /// sidecar's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_period: Option<String>,
    /// Number of blocks before the snapshot to fetch after it was restored. Absent or 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub backfill_blocks: Option<i64>,
    /// Image with seid for a Job that restores the snapshot and runs up to its target height, before the node
    /// itself starts with spec.image. Needs s3. Absent or empty: no Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_image: Option<String>,
}

/// A snapshot in the platform's S3 bucket.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct S3Snapshot {
    /// Block height. The newest snapshot that is not above it is restored; a bootstrap Job ends at it.
    #[schemars(range(min = 1))]
    pub target_height: i64,
}

/// Tendermint state sync. It has no settings of its own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct StateSync {}

/// Snapshots that the node produces.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::stricter(
    "has($.tendermint)",
    "snapshotGeneration says nothing about what to produce; set tendermint.keepRecent, or remove \
     snapshotGeneration"
).field_path(".tendermint").reason(Reason::FieldValueRequired))]
pub struct SnapshotGeneration {
    /// Tendermint state-sync snapshots, one every 2000 blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tendermint: Option<TendermintGeneration>,
}

/// Tendermint state-sync snapshots.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::stricter(
    "!has($.publish) || $.keepRecent >= 2",
    "publish uploads the second newest snapshot, so keepRecent must be at least 2; raise keepRecent, or remove \
     publish"
).field_path(".keepRecent"))]
pub struct TendermintGeneration {
    /// Number of snapshots to keep on the volume; older ones are deleted. At least 2 with publish.
    #[schemars(range(min = 1))]
    pub keep_recent: i32,
    /// Set it to {} to have snapshots uploaded to the platform's bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<Publish>,
}

/// Upload of snapshots. It has no settings of its own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Publish {}
