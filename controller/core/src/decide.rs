//! The one place that decides what happens next: an ordered list of rules.
//!
//! Pure: the same subject, status and observation give the same decision. It must never name an effect whose
//! plan is not in status already: a new plan is a decision of its own, to be stored first (or confirmed: see
//! [`crate::fast_mark_ready`]). The few effects that need no plan follow from the spec alone and are in `standing`.

mod adoption;
mod advance;
mod follow;
mod guard;
mod identity;
mod init;
mod platform;
mod refusal;
mod repair;
mod restart;
mod running;
mod slot;
mod standing;
mod state_sync;
mod turn;
mod update;
mod volume;
mod writers;

use seinode_api::{SeiNodeStatus, names, status::Phase};

use self::turn::{Retry, Rule, Turn, first_of, rest, set_phase};
use crate::{
    bounds, conditions,
    decision::{Act, Decision},
    effect::Effect,
    exclusive,
    node::{Deletion, LegacyFinalizer, Suspension},
    observation::Observation,
    subject::Subject,
    task::Until,
};

/// Decides what happens next to a node.
#[must_use]
pub fn decide(subject: &Subject, status: &SeiNodeStatus, seen: &Observation) -> Decision {
    let mut next = status.clone();
    let act = refusal::look(subject, seen, act(subject, &mut next, seen));
    slot::give_back(subject, &mut next, seen);
    next.observed_generation = Some(subject.generation);
    if let Ok(intent) = &subject.intent {
        next.mode = Some(intent.mode.name().to_string());
        next.resolved_peers = seen.peers.list().collect();
    }
    conditions::describe(subject, &mut next, seen, &act);
    bounds::apply(&mut next);
    Decision { status: next, act }
}

/// The rules of a node with a valid spec that nobody has suspended, in order of precedence.
const RULES: &[Rule] = &[
    adoption::hand_over,
    restart::note,
    standing::pause,
    adoption::take_up,
    init::fetch_imported_volume,
    repair::on_request,
    running::hold_adopted_key,
    running::hold_used,
    repair::emergency_stop,
    volume::recreate,
    follow::follow_plan,
    running::watch,
    init::begin_rule,
];

/// Precedence, from top to bottom.
fn act(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Act {
    if let Some(failure) = &seen.failed_request {
        return rest(failure.message.clone(), Until::Retry(failure.class));
    }
    if subject.deletion == Deletion::Requested {
        set_phase(next, Phase::Terminating, seen);
        return delete(subject, seen);
    }
    if let Some(act) = identity::publish(subject, next, seen) {
        return act;
    }
    // A node that takes nothing now must not keep others from what it only wants.
    if !subject.is_to_run() {
        exclusive::let_go(&mut next.claims);
    }
    if subject.suspension == Suspension::On {
        return suspended(subject, next, seen);
    }
    if seen.failed_repair.is_none()
        && let Some(effect) = owned(subject, seen)
    {
        return Act::Perform(effect);
    }
    let Ok(intent) = &subject.intent else { return guard::guard(subject, next, seen) };
    let retry = match subject.retry.is_some() && subject.retry != next.last_retry {
        true => Retry::Requested,
        false => Retry::NotRequested,
    };
    let mut turn = Turn { subject, intent, next, seen, failures: 0, retry };
    first_of(RULES, &mut turn).unwrap_or_else(|| rest("nothing is to be done", Until::Event))
}

/// Deletes a node: its volume is kept or goes, the earlier operator's finalizer comes off, and garbage collection removes
/// the children. Under foreground deletion a new child would block it for ever. Suspension does not keep a node from
/// going.
fn delete(subject: &Subject, seen: &Observation) -> Act {
    if let Some(failure) = &seen.failed_repair {
        return rest(failure.message.clone(), Until::Retry(failure.class));
    }
    if let Some(effect) = owned(subject, seen) {
        return Act::Perform(effect);
    }
    rest("garbage collection removes the node's children", Until::Event)
}

/// The volume before the finalizer: a deletion in between would take a volume that is to stay.
fn owned(subject: &Subject, seen: &Observation) -> Option<Effect> {
    let finalizer = (subject.finalizer == LegacyFinalizer::Present).then_some(Effect::RemoveLegacyFinalizer);
    standing::volume(subject, seen).or(finalizer)
}

/// Changes nothing, but reports what can be seen without changing anything.
fn suspended(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Act {
    match (&subject.intent, next.phase) {
        (Ok(intent), Some(Phase::Running)) => {
            let retry = Retry::NotRequested;
            running::look_only(&mut Turn { subject, intent, next, seen, failures: 0, retry })
        }
        _ => rest(
            format!("annotation {}: \"true\" keeps the operator from acting", names::SUSPEND_ANNOTATION),
            Until::Event,
        ),
    }
}

#[cfg(test)]
mod tests;
