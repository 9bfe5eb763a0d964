//! Platform settings for a local cluster. The buckets do not exist: nothing
//! here ever opens one.

use devcluster::{MachineSpec, Options, ReclaimPolicy, StorageClassSpec};
use serde_json::{Value, json};

/// The operator's platform variables. Node pools and storage classes are those of [`options`], the rest is
/// as in the original's manifest.
pub const PLATFORM: [(&str, &str); 19] = [
    ("SEI_NODEPOOL_NAME", "sei-node"),
    ("SEI_NODEPOOL_ARCHIVE", "sei-archive"),
    ("SEI_TOLERATION_KEY", "sei.io/workload"),
    ("SEI_SERVICE_ACCOUNT", "seid-node"),
    ("SEI_STORAGE_CLASS_PERF", "gp3-10k-750"),
    ("SEI_STORAGE_CLASS_ARCHIVE", "gp3-archive"),
    ("SEI_STORAGE_SIZE_DEFAULT", "2000Gi"),
    ("SEI_STORAGE_SIZE_ARCHIVE", "40Ti"),
    ("SEI_RESOURCE_CPU_DEFAULT", "4"),
    ("SEI_RESOURCE_MEM_DEFAULT", "32Gi"),
    ("SEI_RESOURCE_CPU_ARCHIVE", "48"),
    ("SEI_RESOURCE_MEM_ARCHIVE", "448Gi"),
    ("SEI_SNAPSHOT_BUCKET", "test-sei-snapshots"),
    ("SEI_SNAPSHOT_REGION", "us-east-2"),
    ("SEI_GENESIS_BUCKET", "test-sei-genesis"),
    ("SEI_GENESIS_REGION", "us-east-2"),
    ("SEI_RESULT_EXPORT_BUCKET", "test-sei-results"),
    ("SEI_RESULT_EXPORT_REGION", "us-east-2"),
    ("SEI_RESULT_EXPORT_PREFIX", "shadow-results/"),
];

/// Options of a cluster with the node pools and storage classes of [`PLATFORM`]. As on the original platform, the volume
/// of an archive node, which takes weeks to fill, outlives its claim.
#[must_use]
pub fn options() -> Options {
    let machine = |pool: &str| MachineSpec::new(&format!("{pool}-0"), &[("karpenter.sh/nodepool", pool)]);
    let class = StorageClassSpec::new;
    Options {
        machines: ["sei-node", "sei-archive"].map(machine).into(),
        storage_classes: vec![
            class("gp3-10k-750", ReclaimPolicy::Delete),
            class("gp3", ReclaimPolicy::Delete),
            class("gp3-late", ReclaimPolicy::Delete).late(),
            class("gp3-archive", ReclaimPolicy::Retain),
        ],
        ..Options::default()
    }
}

/// The same as `platform` in the values of the operator's chart, but for what the chart has by default.
#[must_use]
pub fn values() -> Value {
    let of = |variable: &str| PLATFORM.iter().find(|(name, _)| *name == variable).map(|(_, value)| *value);
    json!({
        "nodePool": { "default": of("SEI_NODEPOOL_NAME"), "archive": of("SEI_NODEPOOL_ARCHIVE") },
        "storage": {
            "default": { "class": of("SEI_STORAGE_CLASS_PERF") },
            "archive": { "class": of("SEI_STORAGE_CLASS_ARCHIVE") },
        },
        "snapshots": { "bucket": of("SEI_SNAPSHOT_BUCKET"), "region": of("SEI_SNAPSHOT_REGION") },
        "genesis": { "bucket": of("SEI_GENESIS_BUCKET"), "region": of("SEI_GENESIS_REGION") },
        "results": { "bucket": of("SEI_RESULT_EXPORT_BUCKET"), "region": of("SEI_RESULT_EXPORT_REGION") },
    })
}

/// The same for a machine that is smaller than those that `seid` is made for.
#[must_use]
pub fn modest_values() -> Value {
    let mut values = values();
    values["requests"] = json!({ "default": { "cpu": "20m", "memory": "32Mi" } });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storage_classes_are_those_of_the_cluster() {
        let classes = PLATFORM.iter().filter(|(name, _)| name.starts_with("SEI_STORAGE_CLASS_"));
        let classes: Vec<_> = classes.map(|(_, class)| *class).collect();
        assert_eq!(classes.len(), 2);
        let exist = options().storage_classes;
        assert!(classes.iter().all(|class| exist.iter().any(|it| it.name == *class)), "{classes:?}");
    }
}
