//! Common part of the node's own pod and the pod of its bootstrap (crd-and-workload §3.2–§3.7, §4.4).
//!
//! No key of a validator is in here: only [`super::workload`] adds them.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Affinity, Container, ContainerPort, EnvVar, NodeAffinity, NodeSelector, NodeSelectorRequirement,
        NodeSelectorTerm, PersistentVolumeClaimVolumeSource, PodSpec, ResourceRequirements, Toleration,
        Volume, VolumeMount,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::{HOME, script};
use crate::{
    intent::{Intent, Mode},
    node::NodeRef,
    observation::{DATA, SEID, SIDECAR},
    platform::Platform,
};

/// `seid` flushes its stores when it stops; 30 s, the default of Kubernetes, cuts that off (W38).
const TERMINATION_GRACE_SECONDS: i64 = 120;

/// A pod with the data volume, in the place for nodes of this mode. Its containers are still missing.
pub(super) fn spec(node: &NodeRef, intent: &Intent, platform: &Platform) -> PodSpec {
    let pool = match intent.mode {
        Mode::Archive { .. } => &platform.nodepool_archive,
        Mode::FullNode { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => &platform.nodepool_default,
    };
    PodSpec {
        service_account_name: Some(platform.service_account.clone()),
        // The sidecar signals seid.
        share_process_namespace: Some(true),
        termination_grace_period_seconds: Some(TERMINATION_GRACE_SECONDS),
        tolerations: Some(vec![Toleration {
            key: Some(platform.toleration_key.clone()),
            value: Some(pool.clone()),
            effect: Some("NoSchedule".into()),
            ..Toleration::default()
        }]),
        affinity: Some(on_pool(pool)),
        volumes: Some(vec![data_volume(node, intent)]),
        ..PodSpec::default()
    }
}

/// The init container that gives an empty volume its files; `image` is the one whose `seid` runs afterwards.
pub(super) fn init(intent: &Intent, image: &str) -> Container {
    Container {
        name: "seid-init".into(),
        image: Some(image.to_owned()),
        command: Some(vec!["/bin/sh".into(), "-c".into(), script::init(&intent.chain_id)]),
        volume_mounts: Some(vec![data_mount()]),
        ..Container::default()
    }
}

/// The sidecar, without probes.
pub(super) fn sidecar(intent: &Intent, platform: &Platform) -> Container {
    let port = intent.sidecar.port;
    let environment = [
        ("SEI_CHAIN_ID", intent.chain_id.as_str()),
        ("SEI_SIDECAR_PORT", &port.to_string()),
        ("SEI_HOME", HOME),
        ("SEI_GENESIS_BUCKET", &platform.genesis_bucket.name),
        ("SEI_GENESIS_REGION", &platform.genesis_bucket.region),
        ("SEI_SNAPSHOT_BUCKET", &platform.snapshot_bucket.name),
        ("SEI_SNAPSHOT_REGION", &platform.snapshot_bucket.region),
    ]
    .map(|(name, value)| variable(name, value));
    Container {
        name: SIDECAR.into(),
        image: Some(intent.sidecar.image.clone()),
        // Restartable init container: up before seid, and as long as seid.
        restart_policy: Some("Always".into()),
        command: Some(vec!["seictl".into(), "serve".into()]),
        env: Some(environment.into()),
        ports: Some(vec![container_port("sidecar", i32::from(port))]),
        resources: intent.sidecar.resources.clone(),
        // Never the keys: the sidecar has no business with them.
        volume_mounts: Some(vec![data_mount()]),
        ..Container::default()
    }
}

/// The main container: `script` in bash, on the data volume and nothing else, without ports and probes.
pub(super) fn seid(intent: &Intent, platform: &Platform, image: &str, script: String) -> Container {
    Container {
        name: SEID.into(),
        image: Some(image.to_owned()),
        command: Some(vec!["/bin/bash".into(), "-c".into()]),
        args: Some(vec![script]),
        env: Some(vec![variable("TMPDIR", &format!("{HOME}/tmp"))]),
        resources: Some(requests(intent, platform)),
        volume_mounts: Some(vec![data_mount()]),
        ..Container::default()
    }
}

/// A TCP port of a container.
pub(super) fn container_port(name: &str, port: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: port,
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    }
}

fn on_pool(pool: &str) -> Affinity {
    let term = NodeSelectorTerm {
        match_expressions: Some(vec![NodeSelectorRequirement {
            key: "karpenter.sh/nodepool".into(),
            operator: "In".into(),
            values: Some(vec![pool.to_owned()]),
        }]),
        ..NodeSelectorTerm::default()
    };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn data_volume(node: &NodeRef, intent: &Intent) -> Volume {
    Volume {
        name: DATA.into(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: intent.data_volume(node),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn data_mount() -> VolumeMount {
    mount(DATA, HOME)
}

/// A volume at a path.
pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.into(), mount_path: path.into(), ..VolumeMount::default() }
}

fn requests(intent: &Intent, platform: &Platform) -> ResourceRequirements {
    let requests = match intent.mode {
        Mode::Archive { .. } => &platform.resources_archive,
        Mode::FullNode { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => &platform.resources_default,
    };
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), Quantity(requests.cpu.to_string())),
            ("memory".to_owned(), Quantity(requests.memory.to_string())),
        ])),
        ..ResourceRequirements::default()
    }
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() }
}
