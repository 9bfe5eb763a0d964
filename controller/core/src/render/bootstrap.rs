//! The Job that restores a snapshot and runs `seid` up to a height, and the Service by which its sidecar is reached
//! (crd-and-workload §4.4).
//!
//! No key of a validator is ever in here: two pods that sign with one key are a double sign.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{Container, PodSpec, PodTemplateSpec, Service, ServicePort, ServiceSpec},
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use seinode_api::names;
use serde_json::json;

use super::{child, pod, script, selector, undisrupted};
use crate::{
    drift,
    intent::{Bootstrap, Intent},
    node::NodeRef,
    platform::Platform,
};

/// The headless Service: it gives the bootstrap pod the name in DNS that the node's own pod will have.
#[must_use]
pub fn bootstrap_service(node: &NodeRef, intent: &Intent) -> Service {
    let port = i32::from(intent.sidecar.port);
    Service {
        metadata: bootstrap_child(node, intent, node.name.clone()),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".into()),
            selector: Some(bootstrap_labels(node)),
            publish_not_ready_addresses: Some(true),
            ports: Some(vec![ServicePort {
                name: Some("sidecar".into()),
                port,
                target_port: Some(IntOrString::Int(port)),
                protocol: Some("TCP".into()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The Job; `None` for a spec that asks for no bootstrap.
///
/// It has no `ttlSecondsAfterFinished`, unlike the original's: the plan's teardown removes it, and one that expired
/// before it was looked at would turn a success into a failure (W7).
#[must_use]
pub fn bootstrap_job(node: &NodeRef, intent: &Intent, platform: &Platform) -> Option<Job> {
    let bootstrap = intent.bootstrap()?;
    let mut metadata = bootstrap_child(node, intent, names::bootstrap_job(&node.name));
    // Tells a Job that was made for an earlier spec.
    let target = intent.bootstrap_target().to_string();
    metadata.annotations.get_or_insert_default().insert(names::TARGET_ANNOTATION.to_owned(), target);
    let spec = JobSpec {
        // Whether to begin anew is for the plan to say.
        backoff_limit: Some(0),
        // A Job that is resumed waits until its old pod has ended. By default it would not, and two pods would
        // have the volume (W20).
        pod_replacement_policy: Some("Failed".into()),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta {
                // The user's labels stay away: a Service that selects them would send its traffic here.
                labels: Some(bootstrap_labels(node)),
                annotations: Some(undisrupted()),
                ..ObjectMeta::default()
            }),
            spec: Some(pod_spec(node, intent, bootstrap, platform)),
        },
        ..JobSpec::default()
    };
    // Tells one that was made with other platform settings.
    let hash = drift::short(&json!(spec));
    metadata.annotations.get_or_insert_default().insert(names::TEMPLATE_HASH_ANNOTATION.to_owned(), hash);
    Some(Job { metadata, spec: Some(spec), ..Job::default() })
}

/// Hash that tells today's Job from one that was made; `None` for a spec that asks for no bootstrap.
#[must_use]
pub fn bootstrap_hash(node: &NodeRef, intent: &Intent, platform: &Platform) -> Option<String> {
    let annotations = bootstrap_job(node, intent, platform)?.metadata.annotations?;
    annotations.get(names::TEMPLATE_HASH_ANNOTATION).cloned()
}

/// The volume is the node's own one, an imported PVC too (W21).
fn pod_spec(node: &NodeRef, intent: &Intent, bootstrap: Bootstrap<'_>, platform: &Platform) -> PodSpec {
    PodSpec {
        // Host and Service are called as those of the node's own pod: the sidecar has one address for both stages.
        hostname: Some(format!("{}-0", node.name)),
        subdomain: Some(node.name.clone()),
        restart_policy: Some("Never".into()),
        init_containers: Some(vec![pod::init(intent, bootstrap.image), pod::sidecar(intent, platform)]),
        containers: vec![seid(intent, bootstrap, platform)],
        ..pod::spec(node, intent, platform)
    }
}

/// `spec.entrypoint` says how the node runs, not how it is bootstrapped.
fn seid(intent: &Intent, bootstrap: Bootstrap<'_>, platform: &Platform) -> Container {
    let script = script::halting(intent.sidecar.port, bootstrap.target_height);
    pod::seid(intent, platform, bootstrap.image, script)
}

/// Metadata of a child that is the bootstrap's.
fn bootstrap_child(node: &NodeRef, intent: &Intent, name: String) -> ObjectMeta {
    let mut metadata = child(node, intent, name);
    metadata.labels.get_or_insert_default().extend(bootstrap_labels(node));
    metadata
}

/// The labels that tell the bootstrap's pod from the node's own.
fn bootstrap_labels(node: &NodeRef) -> BTreeMap<String, String> {
    let mut labels = selector(node);
    labels.insert(names::COMPONENT_LABEL.to_owned(), names::BOOTSTRAP_COMPONENT.to_owned());
    labels
}

#[cfg(test)]
mod tests;
