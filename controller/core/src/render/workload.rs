//! The StatefulSet of a node (crd-and-workload §3.1).

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use seinode_api::names;

use super::{child, labels, pod, selector};
use crate::{intent::Intent, node::NodeRef, platform::Platform};

/// The StatefulSet: one replica, replaced only when the operator deletes its pod (OnDelete).
#[must_use]
pub fn stateful_set(node: &NodeRef, intent: &Intent, platform: &Platform) -> StatefulSet {
    let annotations = BTreeMap::from([(names::DO_NOT_DISRUPT_ANNOTATION.to_owned(), "true".to_owned())]);
    StatefulSet {
        metadata: child(node, intent, node.name.clone()),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(node.name.clone()),
            selector: LabelSelector { match_labels: Some(selector(node)), ..LabelSelector::default() },
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".into()),
                ..StatefulSetUpdateStrategy::default()
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels(node, intent)),
                    annotations: Some(annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod::spec(node, intent, platform)),
            },
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}
