//! The StatefulSet of a node and its pod (crd-and-workload §3).

mod keys;

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetOrdinals, StatefulSetSpec, StatefulSetUpdateStrategy},
        core::v1::{Container, HTTPGetAction, PodSpec, PodTemplateSpec, Probe},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use seinode_api::names;
use serde_json::json;

use super::{child, labels, pod, script, selector, undisrupted};
use crate::{
    configuration, drift,
    intent::Intent,
    node::NodeRef,
    observation::{Rendering, ServiceView},
    platform::Platform,
    ports::PORTS,
};

/// Five days of gating before the kubelet gives a start up: a snapshot restore takes its time.
const STARTUP_FAILURES: i32 = 86_400;

/// The StatefulSet: one replica, replaced only when the operator deletes its pod (OnDelete).
#[must_use]
pub fn stateful_set(node: &NodeRef, intent: &Intent, platform: &Platform) -> StatefulSet {
    let spec = spec(node, intent, platform);
    let mut metadata = child(node, intent, node.name.clone());
    // What is rendered today can be told from what was applied, without comparing the two.
    let hash = drift::short(&json!([metadata.labels, spec]));
    metadata.annotations.get_or_insert_default().insert(names::TEMPLATE_HASH_ANNOTATION.to_owned(), hash);
    StatefulSet { metadata, spec: Some(spec), ..StatefulSet::default() }
}

/// Hashes that tell today's StatefulSet and Service from those that were applied.
#[must_use]
pub fn rendering(node: &NodeRef, intent: &Intent, platform: &Platform) -> Rendering {
    let annotations = stateful_set(node, intent, platform).metadata.annotations;
    let template = annotations.and_then(|mut all| all.remove(names::TEMPLATE_HASH_ANNOTATION));
    let service = ServiceView::of(node, &super::service(node, intent));
    Rendering { template: template.unwrap_or_default(), service: service.digest }
}

fn spec(node: &NodeRef, intent: &Intent, platform: &Platform) -> StatefulSetSpec {
    let mut annotations = undisrupted();
    // Another configuration is another revision: it takes effect in a new pod, while its gate is shut.
    annotations.insert(names::CONFIG_HASH_ANNOTATION.to_owned(), configuration::hash(intent));
    StatefulSetSpec {
        replicas: Some(1),
        // Another first number would give the node a second pod before it loses the first.
        ordinals: Some(StatefulSetOrdinals { start: Some(0) }),
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
            spec: Some(pod_spec(node, intent, platform)),
        },
        ..StatefulSetSpec::default()
    }
}

fn pod_spec(node: &NodeRef, intent: &Intent, platform: &Platform) -> PodSpec {
    let mut spec = pod::spec(node, intent, platform);
    spec.volumes.get_or_insert_default().extend(keys::volumes(intent));
    let init =
        keys::copy(intent).into_iter().chain([pod::init(intent, &intent.image), sidecar(intent, platform)]);
    spec.init_containers = Some(init.collect());
    spec.containers = vec![seid(intent, platform)];
    spec
}

fn sidecar(intent: &Intent, platform: &Platform) -> Container {
    let port = i32::from(intent.sidecar.port);
    Container {
        liveness_probe: Some(Probe { failure_threshold: Some(3), ..probe("/v0/livez", port, 5, 10) }),
        readiness_probe: Some(Probe { failure_threshold: Some(6), ..probe("/v0/healthz", port, 2, 5) }),
        ..pod::sidecar(intent, platform)
    }
}

fn seid(intent: &Intent, platform: &Platform) -> Container {
    let port = intent.sidecar.port;
    let script = script::gated(port, &intent.process);
    let mut seid = Container {
        ports: Some(PORTS.map(|(name, port)| pod::container_port(name, port)).into()),
        startup_probe: Some(Probe {
            failure_threshold: Some(STARTUP_FAILURES),
            ..probe("/v0/healthz", i32::from(port), 5, 5)
        }),
        readiness_probe: Some(Probe {
            failure_threshold: Some(3),
            timeout_seconds: Some(5),
            ..probe("/lag_status", 26657, 30, 10)
        }),
        ..pod::seid(intent, platform, &intent.image, script)
    };
    seid.volume_mounts.get_or_insert_default().extend(keys::mounts(intent));
    seid
}

fn probe(path: &str, port: i32, initial_delay: i32, period: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(port),
            ..HTTPGetAction::default()
        }),
        initial_delay_seconds: Some(initial_delay),
        period_seconds: Some(period),
        ..Probe::default()
    }
}
