//! The next step of the handover that annotation `sei.io/adopt` asks for, and the reasons why nothing is handed over.

use seinode_api::{SeiNodeStatus, names, status::Phase};

use crate::{
    adoption::{self, Child, Found, Heritage},
    exclusive::{Bid, Contest, Rivals},
    node::{Deletion, Owner},
    observation::Observation,
    query::Query,
    subject::{DataVolume, Subject},
};

/// The next step of a handover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A fact is missing.
    Fetch(Query),
    /// This child of this UID is handed over.
    HandOver(Child, String),
    /// Nothing is left to hand over.
    Complete,
    /// It cannot be done.
    Refused(Refusal),
}

/// Why nothing is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The annotation has this SeiNode's own UID.
    OwnUid,
    /// This SeiNode runs already.
    AlreadyRunning,
    /// The SeiNode of that UID, named here, exists.
    OwnerExists(String),
    /// User of the volume, in words.
    InUse(String),
    /// The predecessor's bootstrap Job is there.
    Bootstrapping,
    /// This child is being deleted.
    BeingDeleted(Child),
    /// Nothing of that UID is there.
    NothingFound,
}

impl Refusal {
    /// The trouble, and what to do; `from` is the predecessor's UID.
    pub(crate) fn message(&self, from: &str) -> String {
        let annotation = names::ADOPT_ANNOTATION;
        match self {
            Self::OwnUid => format!("the annotation names this SeiNode itself; remove {annotation}"),
            Self::AlreadyRunning => {
                format!("this node runs already, on children of its own; remove annotation {annotation}")
            }
            Self::OwnerExists(owner) => format!(
                "the UID {from} is that of SeiNode {owner}, which exists: what is a living SeiNode's is never taken; delete \
                 that one with --cascade=orphan first, or correct annotation {annotation}"
            ),
            Self::InUse(who) => who.clone(),
            Self::Bootstrapping => {
                "the bootstrap Job of the predecessor or its pod is still there, and has the volume; wait \
                                    until it has finished, then delete the Job"
                    .to_owned()
            }
            Self::BeingDeleted(child) => {
                format!("the {} is being deleted already, and cannot be kept", child.kind())
            }
            Self::NothingFound => format!(
                "no StatefulSet, Service or PVC under this SeiNode's name was left by a SeiNode with UID {from}; restore \
                 them, correct the UID, or remove annotation {annotation} to begin with an empty volume"
            ),
        }
    }
}

/// The next step of the handover that the annotation asks for. `None` without one, or when it was completed before.
pub(crate) fn next(subject: &Subject, status: &SeiNodeStatus, seen: &Observation) -> Option<Next> {
    let from = subject.adopt.as_deref()?;
    let record = status.adopted.as_ref().filter(|record| record.uid == from);
    if record.is_some_and(|record| record.completed_at.is_some()) {
        return None;
    }
    if let Some(refusal) = pointless(subject, from, record.is_some(), status.phase) {
        return Some(Next::Refused(refusal));
    }
    let Some(estate) = &seen.left_behind else {
        return Some(Next::Fetch(Query::LeftBehind(from.to_owned())));
    };
    let refusal = alive(from, &estate.rivals)
        .or_else(|| in_use(subject, &estate.rivals))
        .or_else(|| bootstrapping(seen))
        .or_else(|| going(subject, &estate.children));
    if let Some(refusal) = refusal {
        return Some(Next::Refused(refusal));
    }
    if let Some(next) = heirlooms(subject, &estate.children).next() {
        return Some(Next::HandOver(next.child, next.uid.clone()));
    }
    match record {
        Some(_) => Some(Next::Complete),
        None => Some(Next::Refused(Refusal::NothingFound)),
    }
}

/// Why nothing can be left to this node, whatever there is.
fn pointless(subject: &Subject, from: &str, has_begun: bool, phase: Option<Phase>) -> Option<Refusal> {
    if from == subject.node.uid {
        return Some(Refusal::OwnUid);
    }
    (phase == Some(Phase::Running) && !has_begun).then_some(Refusal::AlreadyRunning)
}

/// The children that are still to be handed over. The PVC is the last: it proves whose the others were that say nothing.
fn heirlooms<'a>(subject: &Subject, found: &'a [Found]) -> impl Iterator<Item = &'a Found> {
    let imports = subject.data_volume == DataVolume::Imported;
    let is_proven = |it: &Found| matches!(it.heritage, Heritage::Ours | Heritage::Left);
    let proof = found.iter().any(|it| it.child == Child::Volume && is_proven(it));
    found.iter().filter(move |it| match it.heritage {
        Heritage::Left => !(imports && it.child == Child::Volume),
        Heritage::Unmarked => proof && it.child != Child::Volume,
        Heritage::Ours | Heritage::Foreign => false,
    })
}

fn alive(from: &str, rivals: &Rivals) -> Option<Refusal> {
    let owner = rivals.nodes.iter().find(|rival| rival.node.uid == from)?;
    Some(Refusal::OwnerExists(owner.node.to_string()))
}

/// Refusal if another node uses the data, or a pod without a node does: two pods on one volume corrupt it.
fn in_use(subject: &Subject, rivals: &Rivals) -> Option<Refusal> {
    if subject.data_volume == DataVolume::Imported {
        return None;
    }
    let mut rivals = rivals.clone();
    // The StatefulSet that is to be handed over is what uses the volume.
    let node = &subject.node;
    rivals.strays.retain(|stray| {
        !(stray.kind == "StatefulSet" && stray.namespace == node.namespace && stray.name == node.name)
    });
    match Bid::of(subject, &adoption::volume(node), None).against(&rivals) {
        Contest::Free => None,
        Contest::Taken(who) | Contest::Yielded(who) => Some(Refusal::InUse(who)),
    }
}

/// Refusal if the predecessor's bootstrap Job, or a pod of it, is there: it writes to the volume, or has left it half restored.
fn bootstrapping(seen: &Observation) -> Option<Refusal> {
    let is_left = match &seen.job {
        Some(job) => job.owner != Owner::Us,
        None => seen.pods.iter().any(|pod| pod.job_uid.is_some()),
    };
    is_left.then_some(Refusal::Bootstrapping)
}

fn going(subject: &Subject, found: &[Found]) -> Option<Refusal> {
    let going = heirlooms(subject, found).find(|it| it.deletion == Deletion::Requested)?;
    Some(Refusal::BeingDeleted(going.child))
}

#[cfg(test)]
mod tests;
