//! `status.conditions`: what holds and what does not, why, and what to do about it.
//!
//! Always computed from facts, in one order, with words that do not change while the facts do not. Conditions
//! of other writers stay where they are, after ours.

mod facts;
mod readiness;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use seinode_api::{
    SeiNodeStatus,
    conditions::{self as types, find},
};

pub(crate) use self::facts::POD_REFUSED;
use crate::{decision::Act, observation::Observation, subject::Subject, text};

/// Content of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) type_: &'static str,
    pub(crate) status: Truth,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// Report of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// This.
    Is(Verdict),
    /// The same as before: it was not looked at in this pass.
    AsBefore(&'static str),
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

/// Writes every condition that can be told from these facts.
///
/// Only when the node comes to rest or a plan is stored: between two steps of a pass the facts are
/// incomplete, and a condition that flickers would move its `lastTransitionTime`.
pub(crate) fn describe(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation, act: &Act) {
    let waits = match act {
        Act::Fetch(_) | Act::TakeSlot | Act::Perform(_) => return,
        Act::Store => None,
        Act::Rest(rest) => Some(rest),
    };
    let told = facts::told(subject, next, seen, waits);
    let before = std::mem::take(&mut next.conditions);
    let ready = told.iter().find_map(|told| match told {
        Told::Is(verdict) if verdict.type_ == types::SIDECAR_READY => Some(verdict.clone()),
        Told::Is(_) | Told::AsBefore(_) => None,
    });
    if let Some(ready) = ready {
        readiness::note(next, find(&before, types::SIDECAR_READY), &ready, seen);
    }
    let ours = told.iter().filter_map(|told| match told {
        Told::Is(verdict) => Some(stamp(verdict, &before, subject.generation, seen.now)),
        Told::AsBefore(type_) => find(&before, type_).cloned(),
    });
    let mut after: Vec<Condition> = ours.collect();
    after.extend(before.into_iter().filter(|old| !is_ours(&old.type_)));
    next.conditions = after;
}

/// The status of a node whose reconcile panicked: a defect of the operator, told where people look.
#[must_use]
pub fn panicked(
    before: &SeiNodeStatus,
    words: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> SeiNodeStatus {
    let words = text::shortened(words, 500);
    let message = format!(
        "the operator failed while it reconciled this node, and tries again later: {words}. This is a defect: report it. \
         Other nodes are not affected"
    );
    let mut status = before.clone();
    for (type_, truth) in [(types::READY, Truth::False), (types::STALLED, Truth::True)] {
        let verdict = Verdict { type_, status: truth, reason: "OperatorPanicked", message: message.clone() };
        let condition = stamp(&verdict, &before.conditions, generation.unwrap_or_default(), now);
        match status.conditions.iter_mut().find(|it| it.type_ == type_) {
            Some(old) => *old = condition,
            None => status.conditions.push(condition),
        }
    }
    status
}

/// True if conditions of this type are written here.
pub(crate) fn is_ours(type_: &str) -> bool {
    facts::TYPES.contains(&type_)
}

/// Makes the condition; its transition time moves only when its status does.
fn stamp(verdict: &Verdict, before: &[Condition], generation: i64, now: Timestamp) -> Condition {
    let status = match verdict.status {
        Truth::True => "True",
        Truth::False => "False",
        Truth::Unknown => "Unknown",
    };
    let unchanged = find(before, verdict.type_).filter(|old| old.status == status);
    Condition {
        type_: verdict.type_.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.to_owned(),
        message: verdict.message.clone(),
        observed_generation: Some(generation),
        last_transition_time: unchanged
            .map_or_else(|| crate::time::stored(now), |old| old.last_transition_time.clone()),
    }
}
