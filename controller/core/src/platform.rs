//! The platform settings that rendering and the sidecar need: parsed once at start, never read again.

use crate::{quantity::Quantity, retention::RetentionPolicy};

/// Settings of the platform that nodes run on (`SEI_*` variables; reference: crd-and-workload §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Node pool of all modes but archive; also the value of the toleration.
    pub nodepool_default: String,
    /// Node pool of archive nodes.
    pub nodepool_archive: String,
    /// Key of the taint that node pods tolerate.
    pub toleration_key: String,
    /// ServiceAccount of node pods; it must exist in the node's namespace.
    pub service_account: String,
    /// Storage class of full nodes, replayers and validators.
    pub storage_class_default: String,
    /// Storage class of archive nodes.
    pub storage_class_archive: String,
    /// Data volume of all modes but archive; also the least size of an imported one.
    pub storage_size_default: Quantity,
    /// Data volume of archive nodes; also the least size of an imported one.
    pub storage_size_archive: Quantity,
    /// Data volumes that outlive their nodes.
    pub retention: RetentionPolicy,
    /// Requests of the `seid` container, all modes but archive.
    pub resources_default: Requests,
    /// Requests of the `seid` container of archive nodes.
    pub resources_archive: Requests,
    /// Bucket in which the sidecar finds snapshots.
    pub snapshot_bucket: Bucket,
    /// Bucket in which the sidecar finds genesis files.
    pub genesis_bucket: Bucket,
    /// Destination of a replayer's results.
    pub result_export: ResultExport,
}

/// Requested cpu and memory; no limits are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// CPU.
    pub cpu: Quantity,
    /// Memory.
    pub memory: Quantity,
}

/// An S3 bucket and its region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its AWS region.
    pub region: String,
}

/// Destination of a replay's results: parameters of the sidecar's task `result-export`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultExport {
    /// The bucket.
    pub bucket: Bucket,
    /// Prefix of every key in it, exactly as it was set: a prefix that is meant as a folder ends with `/`.
    pub prefix: String,
}
