//! The condition of a handover that annotation `sei.io/adopt` asks for.

use seinode_api::{SeiNodeStatus, conditions as types, status::Phase};

use super::why_not::{Outlook, WhyNot};
use crate::{
    conditions::{Told, Truth, Verdict},
    handover::{self, Next, Refusal},
    observation::Observation,
    subject::Subject,
};

/// Adopted.
pub(super) fn adopted(subject: &Subject, next: &SeiNodeStatus, seen: &Observation) -> Option<Told> {
    let from = subject.adopt.as_deref()?;
    let verdict =
        |status, reason, message| Some(Told::Is(Verdict { type_: types::ADOPTED, status, reason, message }));
    match handover::next(subject, next, seen) {
        None => {
            let message =
                format!("StatefulSet, Service and PVC that SeiNode {from} has left are this node's");
            verdict(Truth::True, "HandedOver", message)
        }
        Some(Next::Refused(refusal)) => verdict(Truth::False, reason(&refusal), refusal.message(from)),
        Some(Next::HandOver(child, _)) => {
            verdict(Truth::False, "HandingOver", format!("the {} is being handed over", child.kind()))
        }
        Some(Next::Fetch(_) | Next::Complete) => Some(Told::AsBefore(types::ADOPTED)),
    }
}

/// Why a node that waits for a handover is not Ready. One that runs needs nothing handed over.
pub(super) fn refused(subject: &Subject, next: &SeiNodeStatus, seen: &Observation) -> Option<WhyNot> {
    let from = subject.adopt.as_deref().filter(|_| next.phase != Some(Phase::Running))?;
    let Some(Next::Refused(refusal)) = handover::next(subject, next, seen) else { return None };
    let outlook = match &refusal {
        Refusal::InUse(_) | Refusal::BeingDeleted(_) => Outlook::Moving,
        Refusal::OwnUid
        | Refusal::AlreadyRunning
        | Refusal::OwnerExists(_)
        | Refusal::Bootstrapping
        | Refusal::NothingFound => Outlook::Stuck,
    };
    Some(WhyNot { reason: "AdoptionRefused", message: refusal.message(from), outlook })
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OwnUid => "OwnUID",
        Refusal::AlreadyRunning => "AlreadyRunning",
        Refusal::OwnerExists(_) => "OwnerExists",
        Refusal::InUse(_) => "InUse",
        Refusal::Bootstrapping => "Bootstrapping",
        Refusal::BeingDeleted(_) => "BeingDeleted",
        Refusal::NothingFound => "NothingFound",
    }
}
