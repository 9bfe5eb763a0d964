//! Slot of a rollout: a node takes one with a new target, and keeps it until it serves.

use seinode_api::{SeiNodeStatus, status::SlotStatus};

use super::turn::Turn;
use crate::{
    decision::Act,
    node::Deletion,
    observation::{Observation, Slot},
    plan::{Plan, PlanKind},
    subject::Subject,
    task::{Until, Wait},
    task_type::TaskType,
    time::stored,
};

/// Outcome of asking for a slot.
pub(super) enum Admission {
    /// The rollout may take the node down.
    Admitted,
    /// It has to ask first, or to wait.
    Act(Act),
    /// It has to wait.
    Waits,
}

/// Asks for a slot for the newest target, and records the one that was granted.
pub(super) fn admit(turn: &mut Turn<'_>) -> Admission {
    match &turn.seen.slot {
        None => return Admission::Act(Act::TakeSlot),
        Some(Slot::Taken(_)) => return Admission::Waits,
        Some(Slot::NotNeeded) => turn.next.slot = None,
        Some(Slot::Granted) => {
            let target = turn.intent.target().to_string();
            if turn.next.slot.as_ref().is_none_or(|slot| slot.target != target) {
                turn.next.slot = Some(SlotStatus { target, since: Some(stored(turn.seen.now)) });
            }
        }
    }
    Admission::Admitted
}

/// Asks again before a pod is replaced, where the slot was given back meanwhile: by a pause, or an earlier operator took
/// none. The slot is stored before the pod goes.
pub(super) fn before_replacing(turn: &mut Turn<'_>, plan: &Plan) -> Option<Act> {
    let replaces = plan.current().is_some_and(|task| task.kind == TaskType::ReplacePod);
    let updates = plan.kind == PlanKind::NodeUpdate;
    let goes = updates && replaces && turn.outdated_pod().is_some();
    if !goes || turn.next.slot.is_some() || turn.seen.slot == Some(Slot::NotNeeded) {
        return None;
    }
    turn.next.plan = Some(plan.write(None));
    match admit(turn) {
        Admission::Admitted if turn.next.slot.is_some() => Some(Act::Store),
        Admission::Admitted => None,
        Admission::Act(act) => Some(act),
        Admission::Waits => {
            let why = super::update::WAITS_FOR_A_SLOT.to_owned();
            Some(turn.wait(plan, Wait { why, until: Until::Event }))
        }
    }
}

/// Gives the slot back: the node serves, or nobody waits for it. No deadline does.
pub(super) fn give_back(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) {
    let is_out =
        !subject.is_to_run() || subject.deletion == Deletion::Requested || next.scaled_by_hand.is_some();
    let plan = next.plan.as_ref().and_then(Plan::read);
    let updates = plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate);
    let serves = !updates && seen.pod().is_some_and(|pod| pod.ready);
    if is_out || serves {
        next.slot = None;
    }
}
