//! Follows a stored plan: advances it, replaces it when the spec wants something else, or waits after a failure.

use super::{
    advance, init, running,
    turn::{Retry, Turn},
    update,
};
use crate::{
    decision::Act,
    plan::{Plan, PlanKind, PlanPhase},
};

/// Follows the stored plan. `None` when there is none, or none any more.
pub(super) fn follow_plan(turn: &mut Turn<'_>) -> Option<Act> {
    let Some(plan) = turn.plan() else {
        // One that cannot be read is another operator's.
        if turn.runs() {
            turn.next.plan = None;
        }
        return None;
    };
    if plan.target != turn.intent.target() {
        return supersede(turn, &plan);
    }
    match (&plan.phase, turn.retry) {
        (PlanPhase::Active, Retry::Requested) => advance::advance(turn, plan.hurry()),
        (PlanPhase::Active, Retry::NotRequested) => advance::advance(turn, plan),
        (PlanPhase::Failed { .. }, Retry::Requested) => again(turn, &plan, 0),
        (PlanPhase::Failed { next_attempt: Some(at), .. }, Retry::NotRequested) if turn.seen.now >= *at => {
            again(turn, &plan, plan.failures)
        }
        (PlanPhase::Failed { .. }, Retry::NotRequested) => match plan.kind {
            PlanKind::Init => Some(turn.report_failure(&plan)),
            PlanKind::MarkReady | PlanKind::Resubmit | PlanKind::NodeUpdate => running::wait_out(turn, &plan),
        },
    }
}

/// Replaces a plan whose spec is not the newest any more.
fn supersede(turn: &mut Turn<'_>, plan: &Plan) -> Option<Act> {
    if plan.kind != PlanKind::NodeUpdate {
        return again(turn, plan, 0);
    }
    let unfinished = (plan.phase == PlanPhase::Active).then_some(plan.id);
    Some(update::begin(turn, unfinished))
}

/// Makes the same kind of plan again.
fn again(turn: &mut Turn<'_>, plan: &Plan, failures: u32) -> Option<Act> {
    turn.failures = failures;
    match plan.kind {
        PlanKind::Init => Some(init::begin(turn)),
        PlanKind::NodeUpdate => Some(update::begin(turn, None)),
        // The node is watched from scratch: it may need another plan by now, or none.
        PlanKind::MarkReady | PlanKind::Resubmit => {
            turn.next.plan = None;
            None
        }
    }
}
