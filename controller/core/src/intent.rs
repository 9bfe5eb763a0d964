//! Intent of a spec, parsed once into types that cannot hold a contradiction.
//!
//! Later stages never see the raw spec. The same parser serves the controller and the admission webhook, so a
//! rule has one wording (architecture: rooms). All violations are found at once.

mod hashes;
mod labels;
mod limits;
mod mode;
mod overrides;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use seinode_api::{SeiNode, names, spec};

pub use mode::{Ceremony, Mode, ModeName, Role, SnapshotProduction, Start};

use self::hashes::ReadFrom;
use crate::{node::NodeRef, violation::Violation};

/// The sidecar image that runs when a spec names none (crd-and-workload §0).
pub const DEFAULT_SIDECAR_IMAGE: &str =
    "ghcr.io/sei-protocol/seictl@sha256:a2af4e1b8ed4c12661a3c98cce050bae3f292cc7560abc2ba98fd7dfc80d9be5";
/// The sidecar's port when a spec names none.
pub const DEFAULT_SIDECAR_PORT: u16 = 7777;

/// Intent of a spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Chain that the node joins.
    pub chain_id: String,
    /// seid image.
    pub image: String,
    /// Kind of node, with what only that kind has.
    pub mode: Mode,
    /// Sources of peers, in the order written.
    pub peers: Vec<PeerSource>,
    /// Process of the `seid` container once the gate is open.
    pub process: Process,
    /// sei-config keys that the user sets.
    pub overrides: BTreeMap<String, String>,
    /// The sidecar container.
    pub sidecar: SidecarIntent,
    /// Extra labels of pod and children.
    pub pod_labels: BTreeMap<String, String>,
    /// Place of the data.
    pub volume: VolumeSource,
    /// Activity of the node: it is to run, or is paused.
    pub activity: Activity,
    /// Source of the hashes, when one is asked for. Nothing else reads it.
    read_from: ReadFrom,
}

/// One source of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerSource {
    /// The sidecar asks AWS.
    Ec2Tags {
        /// AWS region.
        region: String,
        /// All must match.
        tags: BTreeMap<String, String>,
    },
    /// Written out as `nodeId@host:port`.
    Static {
        /// The addresses.
        addresses: Vec<String>,
    },
    /// SeiNodes with these labels.
    Label {
        /// All must match.
        selector: BTreeMap<String, String>,
        /// Namespace that is searched.
        namespace: String,
    },
}

/// Process of the `seid` container once the gate is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// `seid start --home /sei`.
    Default,
    /// The user's own command line; the first word is the program.
    Custom(Vec<String>),
}

/// The sidecar container.
#[derive(Clone, Debug, PartialEq)]
pub struct SidecarIntent {
    /// Its image.
    pub image: String,
    /// Its HTTP port.
    pub port: u16,
    /// Its resources.
    pub resources: Option<ResourceRequirements>,
}

/// Place of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeSource {
    /// In the PVC `data-<name>` that we make.
    Own,
    /// In an existing PVC of this name.
    Import(String),
}

/// A Job that restores a snapshot and runs `seid` up to a height, before the node itself starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap<'a> {
    /// Its seid image.
    pub image: &'a str,
    /// The height that it runs up to.
    pub target_height: i64,
}

/// Activity of a node: it is to run, or is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It is.
    Runs,
    /// `spec.paused`: no pod, and its plan waits.
    Paused,
}

impl Intent {
    /// Parses a spec.
    ///
    /// # Errors
    /// Every rule that the spec breaks (crd-and-workload §1.2, §1.3): objects that were stored before a rule
    /// existed get here, so what CEL checks is checked again.
    pub fn parse(object: &SeiNode) -> Result<Self, Vec<Violation>> {
        match Self::read(object) {
            (Some(intent), found) if found.is_empty() => Ok(intent),
            (_, found) => Err(found),
        }
    }

    /// Reads what can be read of a spec that breaks rules, each broken part as if it were absent: enough to guard a node that
    /// runs, and never to render one. `None` when the spec names no mode.
    #[must_use]
    pub fn salvage(object: &SeiNode) -> Option<Self> {
        Self::read(object).0
    }

    fn read(object: &SeiNode) -> (Option<Self>, Vec<Violation>) {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let spec = &object.spec;
        let mut found = Vec::new();
        limits::chain_id(&spec.chain_id, &mut found);
        limits::image(&spec.image, &mut found);
        let mode = mode::parse(spec, &mut found);
        let peers = peers(&spec.peers, namespace, &mut found);
        let process = process(spec.entrypoint.as_ref(), &mut found);
        let sidecar = sidecar(spec.sidecar.as_ref(), &mut found);
        let volume = volume(spec.data_volume.as_ref(), &mut found);
        labels::check(&spec.pod_labels, &mut found);
        overrides::check(&spec.overrides, unknown_overrides(object), &mut found);
        let intent = mode.map(|mode| Self {
            chain_id: spec.chain_id.clone(),
            image: spec.image.clone(),
            peers,
            process,
            overrides: spec.overrides.clone(),
            sidecar,
            pod_labels: spec.pod_labels.clone(),
            volume,
            activity: match spec.paused {
                Some(true) => Activity::Paused,
                Some(false) | None => Activity::Runs,
            },
            read_from: ReadFrom { spec: Box::new(spec.clone()), namespace: namespace.to_owned() },
            mode,
        });
        (intent, found)
    }

    /// The Secrets of a signing validator: the one of its consensus key, and the one of its P2P key.
    #[must_use]
    pub fn key_secrets(&self) -> Option<(&str, &str)> {
        match &self.mode {
            Mode::Validator { role: Role::Signer { signing_secret, node_secret }, .. } => {
                Some((signing_secret, node_secret))
            }
            Mode::Validator { role: Role::Observer | Role::Genesis(_), .. }
            | Mode::FullNode { .. }
            | Mode::Archive { .. }
            | Mode::Replayer { .. } => None,
        }
    }

    /// The bootstrap Job that restores the snapshot, if the spec asks for one.
    #[must_use]
    pub fn bootstrap(&self) -> Option<Bootstrap<'_>> {
        match self.mode.start() {
            Start::S3 { target_height, bootstrap_image: Some(image), .. } => {
                Some(Bootstrap { image, target_height: *target_height })
            }
            Start::S3 { bootstrap_image: None, .. } | Start::BlockSync | Start::StateSync { .. } => None,
        }
    }

    /// Name of the PVC that holds the data of this node.
    #[must_use]
    pub fn data_volume(&self, node: &NodeRef) -> String {
        match &self.volume {
            VolumeSource::Own => names::data_volume(&node.name),
            VolumeSource::Import(pvc) => pvc.clone(),
        }
    }

    /// The keys of `spec.overrides` that passed only because an annotation lets unknown ones pass.
    pub fn unknown_overrides(&self) -> impl Iterator<Item = &str> {
        overrides::strangers(&self.overrides)
    }

    /// True if the configuration tells `seid` to halt at a height or a time.
    #[must_use]
    pub fn halts(&self) -> bool {
        let names = |key: &str| self.overrides.get(key).is_some_and(|value| value.trim() != "0");
        names("chain.halt_height") || names("chain.halt_time")
    }

    /// True if a source of peers can be resolved by the sidecar alone.
    pub(crate) fn discovers_peers(&self) -> bool {
        self.peers.iter().any(|source| matches!(source, PeerSource::Ec2Tags { .. }))
    }

    /// The selectors of all label sources.
    pub fn label_sources(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>)> {
        self.peers.iter().filter_map(|source| match source {
            PeerSource::Label { selector, namespace } => Some((namespace.as_str(), selector)),
            PeerSource::Ec2Tags { .. } | PeerSource::Static { .. } => None,
        })
    }
}

fn unknown_overrides(object: &SeiNode) -> overrides::Unknown {
    let annotations = object.metadata.annotations.as_ref();
    match annotations.and_then(|all| all.get(names::ALLOW_UNKNOWN_OVERRIDES_ANNOTATION)).map(String::as_str) {
        Some("true") => overrides::Unknown::Allowed,
        _ => overrides::Unknown::Refused,
    }
}

fn peers(sources: &[spec::PeerSource], own_namespace: &str, found: &mut Vec<Violation>) -> Vec<PeerSource> {
    let mut parsed = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let field = format!("spec.peers[{index}]");
        match (&source.ec2_tags, &source.fixed, &source.label) {
            (Some(ec2), None, None) => {
                limits::ec2_tags(&field, ec2, found);
                parsed.push(PeerSource::Ec2Tags { region: ec2.region.clone(), tags: ec2.tags.clone() });
            }
            (None, Some(fixed), None) => {
                limits::filled(&format!("{field}.static.addresses"), fixed.addresses.len(), found);
                parsed.push(PeerSource::Static { addresses: fixed.addresses.clone() });
            }
            (None, None, Some(label)) => {
                limits::filled(&format!("{field}.label.selector"), label.selector.len(), found);
                parsed.push(PeerSource::Label {
                    selector: label.selector.clone(),
                    namespace: match label.namespace.as_deref() {
                        None | Some("") => own_namespace.to_owned(),
                        Some(other) => other.to_owned(),
                    },
                });
            }
            _ => found.push(Violation::new(
                &field,
                "exactly one of ec2Tags, static and label must be set",
                "write each source as a list item of its own",
            )),
        }
    }
    parsed
}

fn process(entrypoint: Option<&spec::Entrypoint>, found: &mut Vec<Violation>) -> Process {
    let Some(entrypoint) = entrypoint else { return Process::Default };
    if entrypoint.command.is_empty() {
        let remedy = "name the program, or remove spec.entrypoint for `seid start`";
        found.push(Violation::new("spec.entrypoint.command", "it is empty", remedy));
    }
    limits::at_most("spec.entrypoint.command", entrypoint.command.len(), limits::COMMAND_WORDS, found);
    limits::at_most("spec.entrypoint.args", entrypoint.args.len(), limits::ARGUMENTS, found);
    Process::Custom(entrypoint.command.iter().chain(&entrypoint.args).cloned().collect())
}

fn sidecar(sidecar: Option<&spec::Sidecar>, found: &mut Vec<Violation>) -> SidecarIntent {
    let image = sidecar.and_then(|sidecar| sidecar.image.clone()).filter(|image| !image.is_empty());
    let port = match sidecar.and_then(|sidecar| sidecar.port) {
        // 0 means the default, as it did in the original.
        None | Some(0) => DEFAULT_SIDECAR_PORT,
        Some(port) => u16::try_from(port).unwrap_or_else(|_| {
            let rule = format!("{port} is not between 1 and 65535");
            found.push(Violation::new("spec.sidecar.port", rule, "set a port number, or remove it for 7777"));
            DEFAULT_SIDECAR_PORT
        }),
    };
    limits::resources(sidecar.and_then(|sidecar| sidecar.resources.as_ref()), found);
    SidecarIntent {
        image: image.unwrap_or_else(|| DEFAULT_SIDECAR_IMAGE.to_owned()),
        port,
        resources: sidecar.and_then(|sidecar| sidecar.resources.clone()),
    }
}

fn volume(volume: Option<&spec::DataVolume>, found: &mut Vec<Violation>) -> VolumeSource {
    match volume.and_then(|volume| volume.import.as_ref()) {
        None => VolumeSource::Own,
        Some(import) => {
            limits::object_name("spec.dataVolume.import.pvcName", "PVC", &import.pvc_name, found);
            if volume.is_some_and(|volume| volume.retain.is_some()) {
                let rule =
                    "retain says what becomes of a volume that the operator made, and this one is imported";
                let remedy = "remove retain: an imported volume is never deleted";
                found.push(Violation::new("spec.dataVolume.retain", rule, remedy));
            }
            VolumeSource::Import(import.pvc_name.clone())
        }
    }
}

#[cfg(test)]
mod tests;
