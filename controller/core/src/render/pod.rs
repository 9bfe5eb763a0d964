//! The pod of a node (crd-and-workload §3.2–§3.7).

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Affinity, Container, ContainerPort, EnvVar, HTTPGetAction, KeyToPath, NodeAffinity, NodeSelector,
        NodeSelectorRequirement, NodeSelectorTerm, PersistentVolumeClaimVolumeSource, PodSpec, Probe,
        ResourceRequirements, SecretVolumeSource, Toleration, Volume, VolumeMount,
    },
    apimachinery::pkg::{api::resource::Quantity, util::intstr::IntOrString},
};

use super::{HOME, PORTS, script};
use crate::{
    intent::{Intent, Mode},
    node::NodeRef,
    observation::{self, DATA, SEID, SIDECAR},
    platform::Platform,
};

const SIGNING_KEY: KeyFile = KeyFile { volume: observation::SIGNING_KEY, file: "priv_validator_key.json" };
const NODE_KEY: KeyFile = KeyFile { volume: "node-key", file: "node_key.json" };
/// Octal 0400: only the owner reads a key.
const OWNER_READS: i32 = 0o400;
/// `seid` flushes its stores when it stops; 30 s, the default of Kubernetes, cuts that off (W38).
const TERMINATION_GRACE_SECONDS: i64 = 120;
/// Five days of gating before the kubelet gives a start up: a snapshot restore takes its time.
const STARTUP_FAILURES: i32 = 86_400;

/// A key that reaches `seid` as a file from a Secret.
struct KeyFile {
    volume: &'static str,
    file: &'static str,
}

/// The spec of the node's own pod.
pub(super) fn spec(node: &NodeRef, intent: &Intent, platform: &Platform) -> PodSpec {
    let keys = keys(intent).into_iter().map(|(key, secret)| key.volume(secret));
    PodSpec {
        volumes: Some(std::iter::once(data_volume(node, intent)).chain(keys).collect()),
        init_containers: Some(vec![
            init(intent, &intent.image),
            Container {
                liveness_probe: Some(livez(intent)),
                readiness_probe: Some(healthz(intent)),
                ..sidecar(intent, platform)
            },
        ]),
        containers: vec![seid(intent, platform)],
        ..common(intent, platform)
    }
}

/// What the node's own pod and that of its bootstrap Job have in common.
pub(super) fn common(intent: &Intent, platform: &Platform) -> PodSpec {
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
        ..PodSpec::default()
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

/// The keys of a signing validator, each with its Secret.
fn keys(intent: &Intent) -> Vec<(KeyFile, &str)> {
    let secrets = intent.key_secrets();
    secrets.map(|(signing, node)| vec![(SIGNING_KEY, signing), (NODE_KEY, node)]).unwrap_or_default()
}

impl KeyFile {
    fn volume(&self, secret: &str) -> Volume {
        Volume {
            name: self.volume.into(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret.to_owned()),
                default_mode: Some(OWNER_READS),
                items: Some(vec![KeyToPath {
                    key: self.file.into(),
                    path: self.file.into(),
                    ..KeyToPath::default()
                }]),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        }
    }
}

/// The node's data: its own volume, or the one that it imports.
pub(super) fn data_volume(node: &NodeRef, intent: &Intent) -> Volume {
    Volume {
        name: DATA.into(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: intent.data_volume(node),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    }
}

pub(super) fn data_mount() -> VolumeMount {
    VolumeMount { name: DATA.into(), mount_path: HOME.into(), ..VolumeMount::default() }
}

/// Makes an empty volume a home of `seid`.
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

fn livez(intent: &Intent) -> Probe {
    Probe { failure_threshold: Some(3), ..probe("/v0/livez", i32::from(intent.sidecar.port), 5, 10) }
}

fn healthz(intent: &Intent) -> Probe {
    Probe { failure_threshold: Some(6), ..probe("/v0/healthz", i32::from(intent.sidecar.port), 2, 5) }
}

fn seid(intent: &Intent, platform: &Platform) -> Container {
    let port = intent.sidecar.port;
    // By subPath, which the kubelet never refreshes: editing the Secret cannot swap the key of a live validator.
    let key_mounts = keys(intent).into_iter().map(|(key, _)| VolumeMount {
        name: key.volume.into(),
        mount_path: format!("{HOME}/config/{}", key.file),
        sub_path: Some(key.file.into()),
        read_only: Some(true),
        ..VolumeMount::default()
    });
    Container {
        name: SEID.into(),
        image: Some(intent.image.clone()),
        command: Some(vec!["/bin/bash".into(), "-c".into()]),
        args: Some(vec![script::gated(port, &intent.process)]),
        env: Some(vec![variable("TMPDIR", &format!("{HOME}/tmp"))]),
        ports: Some(PORTS.map(|(name, port)| container_port(name, port)).into()),
        resources: Some(requests(intent, platform)),
        startup_probe: Some(Probe {
            failure_threshold: Some(STARTUP_FAILURES),
            ..probe("/v0/healthz", i32::from(port), 5, 5)
        }),
        readiness_probe: Some(Probe {
            failure_threshold: Some(3),
            timeout_seconds: Some(5),
            ..probe("/lag_status", 26657, 30, 10)
        }),
        volume_mounts: Some(std::iter::once(data_mount()).chain(key_mounts).collect()),
        ..Container::default()
    }
}

/// What `seid` asks for; no limits are set.
pub(super) fn requests(intent: &Intent, platform: &Platform) -> ResourceRequirements {
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

fn container_port(name: &str, port: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: port,
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    }
}

pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() }
}
