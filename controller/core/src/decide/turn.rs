//! One turn of a decision: what the rules read, and the status that they write.

use seinode_api::{SeiNodeStatus, status::Phase};

use crate::{
    children,
    decision::{Act, Rest},
    drift,
    effect::Effect,
    exclusive,
    failure::Class,
    intent::Intent,
    observation::{Observation, Pod},
    plan::{Plan, PlanKind, PlanPhase},
    subject::Subject,
    task::{self, Step, Until, Wait, rollout},
};

/// Facts that the rules read, and the status that they write.
pub(super) struct Turn<'a> {
    pub(super) subject: &'a Subject,
    pub(super) intent: &'a Intent,
    pub(super) next: &'a mut SeiNodeStatus,
    pub(super) seen: &'a Observation,
    /// Failures in a row before the next plan, counted by the plan that it replaces.
    pub(super) failures: u32,
    /// Request of a person for another attempt.
    pub(super) retry: Retry,
}

/// Request of a person for another attempt, by annotation `sei.io/retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    Requested,
    NotRequested,
}

/// A rule: returns the act that it demands, or lets the next rule decide.
pub(super) type Rule = fn(&mut Turn<'_>) -> Option<Act>;

/// Applies rules in order; the first that demands an act wins.
pub(super) fn first_of(rules: &[Rule], turn: &mut Turn<'_>) -> Option<Act> {
    rules.iter().find_map(|rule| rule(turn))
}

impl Turn<'_> {
    /// The stored plan, if it can be read.
    pub(super) fn plan(&self) -> Option<Plan> {
        self.next.plan.as_ref().and_then(Plan::read)
    }

    /// The pod that a rollout has to replace: one of another revision, or one that somebody wants restarted.
    pub(super) fn outdated_pod(&self) -> Option<&Pod> {
        let applied = children::recorded_set(self.next);
        rollout::outdated(applied, drift::pod_to_restart(self.next), self.seen)
    }

    pub(super) fn runs(&self) -> bool {
        self.next.phase == Some(Phase::Running)
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        set_phase(self.next, phase, self.seen);
    }

    /// Stores `plan` with the reason that it waits for, and rests.
    pub(super) fn wait(&mut self, plan: &Plan, waits: Wait) -> Act {
        self.next.plan = Some(plan.write(Some(&waits.why)));
        rest(waits.why, waits.until)
    }

    /// Lets go of claims that are only wanted: two nodes must not wait for each other. What is held stays: a pod may use
    /// it.
    pub(super) fn release_wanted(&mut self) {
        exclusive::let_go(&mut self.next.claims);
    }

    /// Reports a failed plan; another follows at the stated time. A node that runs goes on running meanwhile.
    pub(super) fn report_failure(&mut self, plan: &Plan) -> Act {
        let PlanPhase::Failed { message, next_attempt } = &plan.phase else {
            return rest("the plan goes on", Until::Event);
        };
        self.next.plan = Some(plan.write(None));
        if plan.kind == PlanKind::Init {
            self.set_phase(Phase::Failed);
        }
        rest(message.clone(), next_attempt.map_or(Until::Event, Until::At))
    }

    /// An effect that needs the node's keys, once they are known to be its own still.
    pub(super) fn secured(&mut self, effect: Effect) -> Act {
        let claims = exclusive::read(&self.next.claims);
        match task::keys::before(self.subject, &effect, &claims, self.seen) {
            None => Act::Perform(effect),
            Some(Step::Fetch(query)) => Act::Fetch(query),
            Some(Step::Claim(resource, hold)) => {
                self.next.claims = exclusive::with(&claims, &resource, hold);
                Act::Store
            }
            Some(Step::Yield(waits)) => {
                self.release_wanted();
                rest(waits.why, waits.until)
            }
            Some(Step::Wait(waits)) => rest(waits.why, waits.until),
            Some(
                Step::Done
                | Step::UnderWay
                | Step::Note(_)
                | Step::Do(_)
                | Step::Failed(_)
                | Step::Hopeless(_)
                | Step::Reopen(_),
            ) => rest("the keys have to be read first", Until::Retry(Class::Transient)),
        }
    }
}

pub(super) fn rest(why: impl Into<String>, until: Until) -> Act {
    Act::Rest(Rest { why: Some(why.into()), until })
}

pub(super) fn set_phase(next: &mut SeiNodeStatus, phase: Phase, seen: &Observation) {
    if next.phase != Some(phase) {
        next.phase = Some(phase);
        next.phase_transition_time = Some(crate::time::stored(seen.now));
    }
}
