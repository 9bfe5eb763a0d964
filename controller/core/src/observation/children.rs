//! Facts about a node's children that decisions need: StatefulSet, Service, data PVC.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec},
        core::v1::{PersistentVolumeClaim, Service},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use seinode_api::names;
use serde_json::json;

use super::Deletion;
use crate::{
    drift,
    failure::Failure,
    node::{NodeRef, Owner},
    ports::PORTS,
    storage, tracking,
};

/// A StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulSetView {
    /// Its UID: pods name it as their owner.
    pub uid: String,
    /// Changes with every change of it.
    pub version: String,
    /// Owner of the StatefulSet.
    pub owner: Owner,
    /// State of its deletion.
    pub deletion: Deletion,
    /// Number of pods that it asks for.
    pub replicas: i32,
    /// Changes with every change of its spec.
    pub generation: i64,
    /// The generation that its controller has seen.
    pub observed_generation: i64,
    /// The revision that a new pod is made from, once its controller has said so.
    pub update_revision: Option<String>,
    /// Agent that replaces its pod.
    pub strategy: Strategy,
    /// Hash of what we rendered, if we made it.
    pub template_hash: Option<String>,
    /// Time that `kubectl rollout restart` wrote into its pod template.
    pub restarted_at: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Agent that replaces the pod of a StatefulSet whose template has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A person or the operator, by deleting the pod.
    OnDelete,
    /// Its controller, at once.
    Rolling,
}

/// A headless Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// Its UID.
    pub uid: String,
    /// Changes with every change of it.
    pub version: String,
    /// Owner of the pods that it names.
    pub serves: Serves,
    /// Owner of the Service.
    pub owner: Owner,
    /// State of its deletion.
    pub deletion: Deletion,
    /// Hash of what of its spec is rendered.
    pub digest: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Owner of the pods that a Service names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// The StatefulSet's.
    Node,
    /// The bootstrap Job's.
    Bootstrap,
}

/// A data PVC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its UID.
    pub uid: String,
    /// Owner of the PVC.
    pub owner: Owner,
    /// State of its deletion.
    pub deletion: Deletion,
    /// Binding to a PersistentVolume.
    pub binding: Binding,
    /// Its storage class, while it is not bound.
    pub pending_class: Option<String>,
    /// Controller reference to us: with it, the PVC goes with the SeiNode.
    pub owner_ref: OwnerRef,
    /// Annotation `sei.io/owner-uid` that names us.
    pub mark: Mark,
    /// UID of the SeiNode that it was made for, if it says so.
    pub made_for: Option<String>,
    /// Its capacity, once it is bound.
    pub capacity: Option<String>,
    /// Its labels by which GitOps tools find what they manage.
    pub tracking: BTreeMap<String, String>,
}

/// Binding of a PVC to a PersistentVolume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It is bound to the one of this name.
    Bound(String),
    /// It is not, or no longer.
    Unbound,
}

/// Reference of a PVC to its owner: it names its SeiNode as its controller, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerRef {
    /// It does: garbage collection takes it with the SeiNode.
    Present,
    /// It does not: it outlives the SeiNode.
    Absent,
}

/// Mark of a PVC: it is annotated with the UID of its SeiNode, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is.
    Marked,
    /// It is not: the earlier operator made it.
    Unmarked,
}

/// Safety of a node's data if its pod goes: what the API server reports of the PVC, imported or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataCheck {
    /// The PVC stays, and is bound.
    Safe,
    /// There is none.
    Missing,
    /// It is being deleted, and only a pod that uses it keeps it; it is bound to this PersistentVolume.
    Going(Option<String>),
    /// It is not bound.
    Unbound,
    /// It could not be read.
    Unread(Failure),
}

impl StatefulSetView {
    /// Reads a StatefulSet.
    #[must_use]
    pub fn of(node: &NodeRef, set: &StatefulSet) -> Self {
        let (meta, spec, status) = (&set.metadata, set.spec.as_ref(), set.status.as_ref());
        let strategy = spec.and_then(|spec| spec.update_strategy.as_ref()).and_then(|it| it.type_.as_deref());
        let revision = status.and_then(|status| status.update_revision.clone());
        let annotations = meta.annotations.as_ref();
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            version: meta.resource_version.clone().unwrap_or_default(),
            owner: node.owner_of(meta),
            deletion: Deletion::of(meta),
            // The default of Kubernetes.
            replicas: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            generation: meta.generation.unwrap_or_default(),
            observed_generation: status.and_then(|status| status.observed_generation).unwrap_or_default(),
            update_revision: revision.filter(|revision| !revision.is_empty()),
            // The default of Kubernetes is to roll.
            strategy: if strategy == Some("OnDelete") { Strategy::OnDelete } else { Strategy::Rolling },
            template_hash: annotations.and_then(|all| all.get(names::TEMPLATE_HASH_ANNOTATION)).cloned(),
            restarted_at: spec.and_then(restarted_at),
            labels: labels(meta),
        }
    }
}

fn restarted_at(spec: &StatefulSetSpec) -> Option<String> {
    let annotations = spec.template.metadata.as_ref()?.annotations.as_ref()?;
    annotations.get(names::RESTARTED_AT_ANNOTATION).filter(|value| !value.is_empty()).cloned()
}

impl ServiceView {
    /// Reads a Service.
    #[must_use]
    pub fn of(node: &NodeRef, service: &Service) -> Self {
        let meta = &service.metadata;
        let component = meta.labels.as_ref().and_then(|all| all.get(names::COMPONENT_LABEL));
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            version: meta.resource_version.clone().unwrap_or_default(),
            serves: match component.map(String::as_str) {
                Some(names::BOOTSTRAP_COMPONENT) => Serves::Bootstrap,
                _ => Serves::Node,
            },
            owner: node.owner_of(meta),
            deletion: Deletion::of(meta),
            digest: digest(service),
            labels: labels(meta),
        }
    }
}

/// A hash of the parts of a Service's spec that we render; ports that others added are theirs.
fn digest(service: &Service) -> String {
    let spec = service.spec.as_ref();
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let ports: BTreeMap<_, _> = ports
        .iter()
        .filter(|port| PORTS.iter().any(|(name, _)| port.name.as_deref() == Some(name)))
        .map(|port| (&port.name, (port.port, &port.target_port, &port.protocol, &port.app_protocol)))
        .map(|(name, facts)| (name.clone().unwrap_or_default(), json!(facts)))
        .collect();
    let spec = spec.map(|spec| (&spec.selector, spec.publish_not_ready_addresses, &spec.cluster_ip));
    drift::short(&json!([spec, ports]))
}

fn labels(meta: &ObjectMeta) -> BTreeMap<String, String> {
    meta.labels.clone().unwrap_or_default()
}

impl Volume {
    /// Reads a PVC. It is ours by controller reference or by the annotation that names our UID.
    #[must_use]
    pub fn of(node: &NodeRef, pvc: &PersistentVolumeClaim) -> Self {
        let annotations = pvc.metadata.annotations.as_ref();
        let made_for = annotations.and_then(|all| all.get(names::OWNER_UID_ANNOTATION));
        let mark = if made_for == Some(&node.uid) { Mark::Marked } else { Mark::Unmarked };
        let controller = node.owner_of(&pvc.metadata);
        let owner_ref = if controller == Owner::Us { OwnerRef::Present } else { OwnerRef::Absent };
        let owner = match controller {
            Owner::Nobody if mark == Mark::Marked => Owner::Us,
            owner => owner,
        };
        let capacity = pvc.status.as_ref().and_then(|status| status.capacity.as_ref());
        let mut tracking = labels(&pvc.metadata);
        tracking.retain(|key, _| tracking::is_tracking(key));
        Self {
            uid: pvc.metadata.uid.clone().unwrap_or_default(),
            owner,
            deletion: Deletion::of(&pvc.metadata),
            binding: Binding::of(pvc),
            pending_class: storage::pending_class(pvc).map(str::to_owned),
            owner_ref,
            mark,
            made_for: made_for.cloned(),
            capacity: capacity.and_then(|all| all.get("storage")).map(|size| size.0.clone()),
            tracking,
        }
    }
}

impl Binding {
    fn of(pvc: &PersistentVolumeClaim) -> Self {
        let phase = pvc.status.as_ref().and_then(|status| status.phase.as_deref());
        match pvc.spec.as_ref().and_then(|spec| spec.volume_name.clone()) {
            Some(name) if phase == Some("Bound") => Self::Bound(name),
            _ => Self::Unbound,
        }
    }
}

impl DataCheck {
    /// Judges the PVC that the API server has.
    #[must_use]
    pub fn of(pvc: Option<&PersistentVolumeClaim>) -> Self {
        let Some(pvc) = pvc else { return Self::Missing };
        match (Deletion::of(&pvc.metadata), Binding::of(pvc)) {
            (Deletion::Requested, Binding::Bound(name)) => Self::Going(Some(name)),
            (Deletion::Requested, Binding::Unbound) => Self::Going(None),
            (Deletion::Absent, Binding::Bound(_)) => Self::Safe,
            (Deletion::Absent, Binding::Unbound) => Self::Unbound,
        }
    }
}
