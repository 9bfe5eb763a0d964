//! The bootstrap Job of a node and its Service (crd-and-workload §4.4): a pod that restores a snapshot and runs `seid` up
//! to a height, on the node's volume, before the node itself starts. Never the keys: what is not there cannot sign.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{Container, PodSpec, PodTemplateSpec, Service, ServicePort, ServiceSpec},
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use seinode_api::names;

use super::{HOME, child, pod, script, selector};
use crate::{intent::Intent, node::NodeRef, observation::SEID, platform::Platform};

/// The headless Service of the bootstrap: it has the name of the node's own, which takes its place.
#[must_use]
pub fn bootstrap_service(node: &NodeRef, intent: &Intent) -> Service {
    let port = i32::from(intent.sidecar.port);
    Service {
        metadata: of_bootstrap(child(node, intent, node.name.clone())),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".into()),
            selector: Some(labels(selector(node))),
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

/// The bootstrap Job; `None` for a spec that asks for none.
#[must_use]
pub fn bootstrap_job(node: &NodeRef, intent: &Intent, platform: &Platform) -> Option<Job> {
    let bootstrap = intent.bootstrap()?;
    let mut metadata = of_bootstrap(child(node, intent, names::bootstrap_job(&node.name)));
    let annotation = |name: &str, value: String| BTreeMap::from([(name.to_owned(), value)]);
    // Tells the Job of an earlier spec from one that may go on.
    metadata.annotations = Some(annotation(names::TARGET_ANNOTATION, intent.bootstrap_target.to_string()));
    let template = ObjectMeta {
        labels: metadata.labels.clone(),
        annotations: Some(annotation(names::DO_NOT_DISRUPT_ANNOTATION, "true".into())),
        ..ObjectMeta::default()
    };
    let pod = PodSpec {
        // The name in DNS that the node's own pod will have.
        hostname: Some(format!("{}-0", node.name)),
        subdomain: Some(node.name.clone()),
        restart_policy: Some("Never".into()),
        volumes: Some(vec![pod::data_volume(node, intent)]),
        init_containers: Some(vec![pod::init(intent, bootstrap.image), pod::sidecar(intent, platform)]),
        containers: vec![seid(intent, platform, bootstrap.image, bootstrap.target_height)],
        ..pod::common(intent, platform)
    };
    Some(Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            // A Job that is resumed must not start a pod while the one before it still has the volume (W20).
            pod_replacement_policy: Some("Failed".into()),
            // No ttlSecondsAfterFinished: an expiry that nobody saw would make a failure of a success (W7). Our own
            // teardown removes the Job.
            template: PodTemplateSpec { metadata: Some(template), spec: Some(pod) },
            ..JobSpec::default()
        }),
        ..Job::default()
    })
}

fn seid(intent: &Intent, platform: &Platform, image: &str, height: i64) -> Container {
    Container {
        name: SEID.into(),
        image: Some(image.to_owned()),
        command: Some(vec!["/bin/bash".into(), "-c".into()]),
        args: Some(vec![script::bootstrap(intent.sidecar.port, height)]),
        env: Some(vec![pod::variable("TMPDIR", &format!("{HOME}/tmp"))]),
        resources: Some(pod::requests(intent, platform)),
        volume_mounts: Some(vec![pod::data_mount()]),
        ..Container::default()
    }
}

fn of_bootstrap(mut metadata: ObjectMeta) -> ObjectMeta {
    metadata.labels = metadata.labels.map(labels);
    metadata
}

fn labels(mut labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.insert(names::COMPONENT_LABEL.to_owned(), names::BOOTSTRAP_COMPONENT.to_owned());
    labels
}
