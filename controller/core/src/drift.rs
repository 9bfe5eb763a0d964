//! Why a node that runs has to be updated: what of its spec has changed since it was last brought up or updated.
//!
//! Judged on the spec alone. What peers, platform settings or a newer operator changed is no reason: it restarts nobody.
//! Each reason is a hash of one part of the spec in a normal form. The form has a version: where it changes in a later
//! operator, what was recorded in the earlier form is no drift.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use seinode_api::{SeiNodeStatus, names, spec, status::RestartStatus};
use serde_json::{Value, json};

use crate::{ids::Target, quantity::Quantity};

/// Makes the reasons out of one table: name in status, version of the normal form.
macro_rules! reasons {
    ($($(#[$doc:meta])+ $id:ident: $name:literal, $version:literal;)+) => {
        /// A part of the spec that a node that runs follows. The names are kept in `status.baseline`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])+ $id,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Its name in status.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$id => $name,)+ }
            }

            fn version(self) -> u32 {
                match self { $(Self::$id => $version,)+ }
            }
        }
    };
}

reasons! {
    /// `spec.image`.
    Image: "image", 1;
    /// `spec.sidecar.image`, as written: the operator's own choice may change with its version.
    SidecarImage: "sidecarImage", 1;
    /// `spec.entrypoint`.
    Entrypoint: "entrypoint", 1;
    /// `spec.sidecar.resources`.
    Resources: "resources", 1;
    /// `spec.podLabels`.
    PodLabels: "podLabels", 1;
    /// `spec.sidecar.port`.
    SidecarPort: "sidecarPort", 1;
    /// The names of the Secrets of a validator that signs.
    Keys: "keys", 1;
    /// `spec.overrides`.
    Overrides: "overrides", 1;
    /// `spec.peers`, as written.
    Peers: "peers", 1;
    /// `snapshotGeneration` of full nodes and archives.
    SnapshotGeneration: "snapshotGeneration", 1;
}

impl Reason {
    /// Entry of the record for a value of it.
    pub(crate) fn entry(self, value: &Value) -> String {
        format!("{}:{}", self.version(), short(value))
    }
}

/// Hashes of what a spec asks for now, one for each reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecHashes(BTreeMap<Reason, String>);

impl SpecHashes {
    /// Reads a spec; label peers without namespace are sought in the node's own.
    #[must_use]
    pub fn of(spec: &spec::SeiNodeSpec, namespace: &str) -> Self {
        let hash = |reason: &Reason| (*reason, short(&part(*reason, spec, namespace)));
        Self(Reason::ALL.iter().map(hash).collect())
    }

    /// Reasons whose part has changed since `record` was made. A reason that the record lacks, or has in another
    /// version, has not: the present value is its baseline.
    #[must_use]
    pub fn drift(&self, record: &BTreeMap<String, String>) -> Vec<Reason> {
        let has_changed = |reason: &Reason| {
            let recorded = record.get(reason.as_str()).and_then(|entry| entry.split_once(':'));
            recorded.is_some_and(|(version, hash)| {
                version == reason.version().to_string() && self.0.get(reason).is_some_and(|now| now != hash)
            })
        };
        Reason::ALL.iter().copied().filter(has_changed).collect()
    }

    /// The record of a node that is as its spec asks for.
    #[must_use]
    pub fn record(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(reason, hash)| (reason.as_str().to_owned(), format!("{}:{hash}", reason.version())))
            .collect()
    }

    /// The record with the present value wherever it says nothing that this version understands.
    #[must_use]
    pub fn complete(&self, record: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = self.record();
        for (name, entry) in &mut all {
            let version = entry.split_once(':').map(|(version, _)| version.to_owned());
            let known =
                record.get(name).filter(|old| old.split_once(':').map(|it| it.0.to_owned()) == version);
            if let Some(old) = known {
                entry.clone_from(old);
            }
        }
        all
    }
}

/// The restart that was asked for and is not done: no drift of the spec, and brought by the same plan.
#[must_use]
pub fn pending_restart(status: &SeiNodeStatus) -> Option<&RestartStatus> {
    status.restart.as_ref().filter(|record| record.requested != record.done)
}

/// UID of the pod that a restart which was asked for replaces.
pub(crate) fn pod_to_restart(status: &SeiNodeStatus) -> Option<&str> {
    pending_restart(status)?.pod.as_deref()
}

/// One part of a spec in its normal form: what means the same is the same.
fn part(reason: Reason, spec: &spec::SeiNodeSpec, namespace: &str) -> Value {
    let sidecar = spec.sidecar.as_ref();
    match reason {
        Reason::Image => json!(spec.image),
        Reason::SidecarImage => {
            json!(sidecar.and_then(|sidecar| sidecar.image.as_deref()).filter(|image| !image.is_empty()))
        }
        Reason::Entrypoint => {
            json!(spec.entrypoint.as_ref().map(|it| it.command.iter().chain(&it.args).collect::<Vec<_>>()))
        }
        Reason::Resources => resources(sidecar.and_then(|sidecar| sidecar.resources.as_ref())),
        Reason::PodLabels => {
            let mut labels = spec.pod_labels.clone();
            labels.retain(|key, _| ![names::NODE_LABEL, names::COMPONENT_LABEL].contains(&key.as_str()));
            json!(labels)
        }
        Reason::SidecarPort => {
            // 0 and absence mean the default, which the API server may fill in at any time.
            let port = sidecar.and_then(|sidecar| sidecar.port).filter(|port| *port != 0);
            json!(port.unwrap_or(7777))
        }
        Reason::Keys => {
            let validator = spec.validator.as_ref();
            let name = |source: Option<&spec::KeySource>| {
                source.and_then(|it| it.secret.as_ref()).map(|secret| secret.secret_name.clone())
            };
            json!([
                name(validator.and_then(|it| it.signing_key.as_ref())),
                name(validator.and_then(|it| it.node_key.as_ref())),
            ])
        }
        Reason::Overrides => json!(spec.overrides),
        Reason::Peers => json!(spec.peers.iter().map(|peer| source(peer, namespace)).collect::<Vec<_>>()),
        Reason::SnapshotGeneration => {
            let full = spec.full_node.as_ref().and_then(|full| full.snapshot_generation.as_ref());
            let archive = spec.archive.as_ref().and_then(|archive| archive.snapshot_generation.as_ref());
            json!(full.or(archive))
        }
    }
}

/// Quantities by value, empty groups as absent.
fn resources(resources: Option<&ResourceRequirements>) -> Value {
    let Some(resources) = resources else { return Value::Null };
    let group = |group: &Option<BTreeMap<String, _>>| {
        let by_value =
            |(name, quantity): (&String, &k8s_openapi::apimachinery::pkg::api::resource::Quantity)| {
                let milli = quantity.0.parse::<Quantity>().map(|it| it.milli().to_string());
                (name.clone(), milli.unwrap_or_else(|_| quantity.0.clone()))
            };
        group.iter().flatten().map(by_value).collect::<BTreeMap<_, _>>()
    };
    let (limits, requests) = (group(&resources.limits), group(&resources.requests));
    let claims = resources.claims.iter().flatten().collect::<Vec<_>>();
    match limits.is_empty() && requests.is_empty() && claims.is_empty() {
        true => Value::Null,
        false => json!([limits, requests, claims]),
    }
}

fn source(peer: &spec::PeerSource, namespace: &str) -> Value {
    let label = peer.label.as_ref().map(|label| {
        let sought = label.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(namespace);
        json!([sought, label.selector])
    });
    json!([
        peer.ec2_tags.as_ref().map(|ec2| json!([ec2.region, ec2.tags])),
        peer.fixed.as_ref().map(|fixed| &fixed.addresses),
        label,
    ])
}

/// A short hash of a value: it tells two values apart, and says nothing of them.
pub(crate) fn short(value: &Value) -> String {
    Target::of(value.to_string().as_bytes()).short()
}

#[cfg(test)]
mod tests;
