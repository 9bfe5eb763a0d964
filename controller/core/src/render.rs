//! The objects that a node is made of (crd-and-workload §3–§4).
//!
//! Pure functions of intent and platform: the same input gives the same bytes, so that applying twice changes
//! nothing and adopting a node of the earlier operator restarts no pod for a reason of ours.

mod bootstrap;
mod pod;
mod script;
mod service;
mod volume;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::names;

pub use bootstrap::{bootstrap_hash, bootstrap_job, bootstrap_service};
pub use service::service;
pub use volume::volume;
pub use workload::{rendering, stateful_set};

use crate::{intent::Intent, node::NodeRef};

/// Home of `seid` and mount point of the data volume.
const HOME: &str = "/sei";

/// Metadata of a child: named by the caller, labelled with the user's labels and ours, owned by the node.
fn child(node: &NodeRef, intent: &Intent, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(node.namespace.clone()),
        labels: Some(labels(node, intent)),
        owner_references: Some(vec![node.owner_reference()]),
        // Says whose it is even where no owner reference is left.
        annotations: Some(BTreeMap::from([(names::OWNER_UID_ANNOTATION.to_owned(), node.uid.clone())])),
        ..ObjectMeta::default()
    }
}

/// The labels of every child.
pub(crate) fn child_labels(node: &NodeRef, intent: &Intent) -> BTreeMap<String, String> {
    labels(node, intent)
}

/// The user's labels; ours wins.
fn labels(node: &NodeRef, intent: &Intent) -> BTreeMap<String, String> {
    let mut labels = intent.pod_labels.clone();
    // It tells a bootstrap's objects from the node's own, and is ours to set.
    labels.remove(names::COMPONENT_LABEL);
    labels.extend(selector(node));
    labels
}

/// Annotations of a pod that is not to be moved.
fn undisrupted() -> BTreeMap<String, String> {
    BTreeMap::from([(names::DO_NOT_DISRUPT_ANNOTATION.to_owned(), "true".to_owned())])
}

/// The label that ties a pod to its node; the only selector label of the node's own pod.
fn selector(node: &NodeRef) -> BTreeMap<String, String> {
    BTreeMap::from([(names::NODE_LABEL.to_owned(), node.name.clone())])
}

#[cfg(test)]
mod tests;
