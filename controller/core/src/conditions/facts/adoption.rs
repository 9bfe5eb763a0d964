//! The condition of a handover that annotation `sei.io/adopt` asks for.

use seinode_api::{SeiNodeStatus, conditions as types};

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
