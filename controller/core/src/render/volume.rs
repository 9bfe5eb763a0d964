//! The data PVC of a node (crd-and-workload §4.2).

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use seinode_api::names;

use super::child;
use crate::{
    intent::{Intent, Mode},
    node::NodeRef,
    platform::Platform,
    retention::Retention,
    tracking,
};

/// The data PVC. It is created once; afterwards nothing but its marks of ownership changes. It goes with the node by
/// garbage collection, unless it is to be kept.
#[must_use]
pub fn volume(
    node: &NodeRef,
    intent: &Intent,
    platform: &Platform,
    retention: Retention,
) -> PersistentVolumeClaim {
    let (class, size) = match intent.mode {
        Mode::Archive { .. } => (&platform.storage_class_archive, &platform.storage_size_archive),
        Mode::FullNode { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => {
            (&platform.storage_class_default, &platform.storage_size_default)
        }
    };
    let mut metadata = child(node, intent, names::data_volume(&node.name));
    // A tool that finds the volume by such a label deletes it, for it is not in its repository.
    metadata.labels.get_or_insert_default().retain(|label, _| !tracking::is_tracking(label));
    if retention == Retention::Kept {
        // Garbage collection would follow it.
        metadata.owner_references = None;
    }
    PersistentVolumeClaim {
        metadata,
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".into()]),
            storage_class_name: Some(class.clone()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(size.to_string()))])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
