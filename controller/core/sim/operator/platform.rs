//! The platform settings of the world.

use seinode_core::{
    platform::{Bucket, Platform, Requests, ResultExport},
    retention::RetentionPolicy,
};

fn bucket(name: &str) -> Bucket {
    Bucket { name: name.into(), region: "eu-central-1".into() }
}

/// The settings.
pub fn settings() -> Platform {
    let requests = Requests { cpu: "1".parse().unwrap(), memory: "1Gi".parse().unwrap() };
    Platform {
        nodepool_default: "default".into(),
        nodepool_archive: "archive".into(),
        toleration_key: "sei.io/pool".into(),
        service_account: "seid".into(),
        storage_class_default: "fast".into(),
        storage_class_archive: "large".into(),
        storage_size_default: "1Ti".parse().unwrap(),
        storage_size_archive: "4Ti".parse().unwrap(),
        retention: RetentionPolicy::default(),
        resources_default: requests.clone(),
        resources_archive: requests,
        snapshot_bucket: bucket("snapshots"),
        genesis_bucket: bucket("genesis"),
        result_export: ResultExport { bucket: bucket("results"), prefix: "replays/".into() },
    }
}
