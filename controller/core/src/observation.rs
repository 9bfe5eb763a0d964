//! What was seen of a node's world, as values. Whoever reads it need not know where it came from.
//!
//! Kubernetes objects are read here once, into types that say what a decision needs and nothing more.

mod pod;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Service},
};

pub use pod::{Container, Pod, SEID, SIDECAR};

use crate::{
    answer::{Health, Question, Silence, TaskReport},
    failure::Failure,
    node::{NodeRef, Owner},
};

/// What was seen of a node's world in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The time of the pass.
    pub now: Timestamp,
    /// The data PVC `data-<name>`.
    pub volume: Option<Volume>,
    /// The StatefulSet.
    pub workload: Option<Workload>,
    /// The headless Service.
    pub service: Option<Headless>,
    /// The node's pods, by name; more than one only while one is going.
    pub pods: Vec<Pod>,
    /// Addresses of the SeiNodes that the label sources select.
    pub peers: BTreeSet<String>,
    /// The sidecar's answer about one task.
    pub report: Answer<TaskReport>,
    /// The sidecar's answer about its gate.
    pub gate: Answer<Health>,
    /// What went wrong with an effect of this pass.
    pub setback: Option<Failure>,
}

/// A fact that is fetched only when a decision needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Nobody asked.
    NotAsked,
    /// This was the question and the answer.
    Given(Question, T),
    /// The sidecar did not answer.
    Silent(Silence),
}

/// A data PVC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its UID.
    pub uid: String,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it is being deleted.
    pub stay: Stay,
}

/// Whether an object stays or is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It stays.
    Staying,
    /// `metadata.deletionTimestamp` is set.
    Going,
}

/// A StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its UID: pods name it as their owner.
    pub uid: String,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it is being deleted.
    pub stay: Stay,
}

/// A headless Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headless {
    /// Whose it is.
    pub owner: Owner,
    /// Whether it is being deleted.
    pub stay: Stay,
}

impl Observation {
    /// The observation of a world in which nothing is there yet.
    #[must_use]
    pub fn empty(now: Timestamp) -> Self {
        Self {
            now,
            volume: None,
            workload: None,
            service: None,
            pods: Vec::new(),
            peers: BTreeSet::new(),
            report: Answer::NotAsked,
            gate: Answer::NotAsked,
            setback: None,
        }
    }

    /// The pod that runs the node: owned by the StatefulSet that we see, and staying.
    #[must_use]
    pub fn pod(&self) -> Option<&Pod> {
        let workload = self.workload.as_ref().filter(|workload| workload.owner == Owner::Us)?;
        self.pods.iter().find(|pod| {
            pod.stay == Stay::Staying && pod.workload_uid.as_deref() == Some(workload.uid.as_str())
        })
    }
}

impl Volume {
    /// Reads a PVC. It is ours by controller reference or by the annotation that names our UID.
    #[must_use]
    pub fn of(node: &NodeRef, pvc: &PersistentVolumeClaim) -> Self {
        let annotations = pvc.metadata.annotations.as_ref();
        let made_for = annotations.and_then(|all| all.get(seinode_api::names::OWNER_UID_ANNOTATION));
        let owner = match node.owner_of(&pvc.metadata) {
            Owner::Nobody if made_for == Some(&node.uid) => Owner::Us,
            owner => owner,
        };
        Self { uid: pvc.metadata.uid.clone().unwrap_or_default(), owner, stay: Stay::of(&pvc.metadata) }
    }
}

impl Workload {
    /// Reads a StatefulSet.
    #[must_use]
    pub fn of(node: &NodeRef, set: &StatefulSet) -> Self {
        Self {
            uid: set.metadata.uid.clone().unwrap_or_default(),
            owner: node.owner_of(&set.metadata),
            stay: Stay::of(&set.metadata),
        }
    }
}

impl Headless {
    /// Reads a Service.
    #[must_use]
    pub fn of(node: &NodeRef, service: &Service) -> Self {
        Self { owner: node.owner_of(&service.metadata), stay: Stay::of(&service.metadata) }
    }
}

impl Stay {
    pub(crate) fn of(meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Self {
        match meta.deletion_timestamp {
            Some(_) => Self::Going,
            None => Self::Staying,
        }
    }
}

impl<T> Answer<T> {
    /// The answer to `question`, if that is what was asked; silence answers every question.
    pub(crate) fn to(&self, question: Question) -> Reply<'_, T> {
        match self {
            Self::Given(asked, answer) if *asked == question => Reply::Is(answer),
            Self::Silent(silence) => Reply::Silent(silence),
            Self::NotAsked | Self::Given(..) => Reply::Ask,
        }
    }
}

/// What an [`Answer`] says to one question.
pub(crate) enum Reply<'a, T> {
    /// This.
    Is(&'a T),
    /// The sidecar did not answer.
    Silent(&'a Silence),
    /// It has to be asked first.
    Ask,
}
