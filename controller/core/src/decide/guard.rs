//! Guards a node that runs and whose spec has become invalid: that disarms nothing. Its sidecar is probed, and its gate is
//! opened again. Nothing is rendered from such a spec, so nothing is rolled out, repaired or replaced.

use seinode_api::{SeiNodeStatus, status::Phase};

use super::{
    advance, running,
    turn::{Retry, Turn, rest},
};
use crate::{
    decision::Act,
    intent::Activity,
    observation::Observation,
    plan::{Plan, PlanKind, PlanPhase},
    sidecar::Health,
    subject::Subject,
    task::Until,
};

/// Decides what a node with an invalid spec still needs.
pub(super) fn guard(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Act {
    let idle = || rest("the spec breaks rules: see condition SpecValid", Until::Event);
    let runs = next.phase == Some(Phase::Running) && next.scaled_by_hand.is_none();
    let Some(intent) = subject.salvaged.as_ref().filter(|intent| runs && intent.activity == Activity::Runs)
    else {
        return idle();
    };
    let readable = Subject { intent: Ok(intent.clone()), ..subject.clone() };
    let retry = Retry::NotRequested;
    let mut turn = Turn { subject: &readable, intent, next, seen, failures: 0, retry };
    open_plan(&mut turn)
        .or_else(|| running::look_around(&mut turn))
        .or_else(|| open_gate(&mut turn))
        .unwrap_or_else(idle)
}

/// Carries a plan on that opens the gate. One for an earlier spec is made anew.
fn open_plan(turn: &mut Turn<'_>) -> Option<Act> {
    let plan = turn.plan().filter(|plan| plan.kind == PlanKind::MarkReady)?;
    match &plan.phase {
        PlanPhase::Active if plan.target == turn.intent.target() => advance::advance(turn, plan),
        PlanPhase::Failed { next_attempt: Some(at), .. }
            if turn.seen.now < *at && turn.seen.gate != Some(Ok(Health::Ready)) =>
        {
            Some(turn.report_failure(&plan))
        }
        PlanPhase::Active | PlanPhase::Failed { .. } => {
            turn.failures = if plan.is_active() { 0 } else { plan.failures };
            turn.next.plan = None;
            None
        }
    }
}

/// Opens the gate of a pod that an unfinished update has not configured wrongly: one that was open before. The update gives
/// way: the spec that it was made for is gone.
fn open_gate(turn: &mut Turn<'_>) -> Option<Act> {
    let updates = turn.plan().as_ref().map(|plan: &Plan| plan.kind) == Some(PlanKind::NodeUpdate);
    if updates && turn.seen.proven_pod(turn.next.sidecar.as_ref()).is_none() {
        return None;
    }
    running::open_gate(turn)
}
