//! One reconcile of one node, as a machine without I/O: production and the simulator drive the same one.
//!
//! It observes, decides, asks its driver for one request at a time, folds the response into what it knows, and decides
//! again; its status is written once at the end, also when something failed. Every point between two requests is a point
//! where the process may die, and then costs one reconcile and nothing else.

mod clamp;
mod ending;
mod perform;
mod repair;
mod request;
mod settle;
mod slot;
mod status_throttle;

use std::sync::Arc;

use seinode_api::{SeiNode, SeiNodeStatus};

pub use self::{
    ending::{Done, Wake},
    request::{Env, Request, Response, Stored},
    slot::holds_slot,
    status_throttle::BOUND as DEFER_BOUND,
};
use crate::{
    decide::decide,
    decision::{Act, Decision, Rest},
    effect::{Effect, Outcome},
    events::Event,
    exclusive,
    failure::{Class, Failure},
    fold::{fold_fetched, fold_outcome},
    memory::Incarnation,
    observation::Observation,
    observe::observe,
    query::Fetched,
    subject::Subject,
};

/// More steps than any plan has: a reconcile that takes more runs in a circle.
const MAX_STEPS: u32 = 100;

/// A reconcile under way.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// The object as it is stored.
    object: Arc<SeiNode>,
    subject: Subject,
    /// The status as it should be.
    status: SeiNodeStatus,
    seen: Observation,
    steps: u32,
    /// Continuation after the response.
    then: Then,
    /// True if the SeiNode was found unchanged by a live read, so that a plan that is not stored may be carried out.
    confirmed: bool,
    /// True if the request under way is for a repair.
    repairs: bool,
    /// Events of the statuses that were stored and are not taken yet.
    events: Vec<Event>,
}

/// Continuation after the response.
#[derive(Clone, Debug)]
enum Then {
    Decide,
    /// The plan is stored or confirmed; what comes then is decided again.
    Settle,
    /// The SeiNode was read live; then this effect is performed.
    Create(Effect),
    /// The last status write.
    Rest(Rest),
}

impl Reconcile {
    /// Begins a reconcile of a SeiNode as the watch has it, or of what our own last write returned if that is newer.
    pub fn begin(env: &mut Env<'_>, cached: Arc<SeiNode>) -> (Self, Request) {
        let object = env.memory.newest(cached);
        let subject = Subject::of(&object);
        let deferred = env.memory.node(&subject.node).status_writes.status(&object);
        let stored = object.status.clone().unwrap_or_default();
        let mut status = deferred.unwrap_or_else(|| stored.clone());
        clamp::times(&mut status, env.now.wall);
        let seen = observe(env.memory, env.view, env.platform, &subject, &stored, env.now);
        let (then, events) = (Then::Decide, Vec::new());
        let mut this =
            Self { object, subject, status, seen, steps: 0, then, confirmed: false, repairs: false, events };
        let request = this.decide(env);
        (this, request)
    }

    /// Takes the response to the last request, and returns the next one.
    pub fn next(&mut self, env: &mut Env<'_>, response: Response) -> Request {
        let then = std::mem::replace(&mut self.then, Then::Decide);
        match response {
            Response::Fetched(fetched) => self.fetched(env, fetched),
            Response::Stored(stored) => self.stored(env, stored, then),
            Response::Confirmed(live) => self.confirmed(env, live, then),
            Response::Performed(outcome) => self.performed(env, outcome),
        }
    }

    /// The node.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The SeiNode as it is stored.
    #[must_use]
    pub fn object(&self) -> &Arc<SeiNode> {
        &self.object
    }

    /// The status as it should be.
    #[must_use]
    pub fn status(&self) -> &SeiNodeStatus {
        &self.status
    }

    /// Observation of this reconcile.
    #[must_use]
    pub fn seen(&self) -> &Observation {
        &self.seen
    }

    /// The events of what was stored since this was called last.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn decide(&mut self, env: &mut Env<'_>) -> Request {
        loop {
            self.steps = self.steps.saturating_add(1);
            if self.steps > MAX_STEPS {
                let message = "defect of the operator: a reconcile does not end".into();
                return self.fail(env, Failure { class: Class::Invariant, message });
            }
            let Decision { status, act } = decide(&self.subject, &self.status, &self.seen);
            self.status = status;
            match act {
                Act::Fetch(query) => {
                    self.repairs = Self::is_for_repair(&query);
                    return Request::Fetch(query);
                }
                Act::TakeSlot => self.take_slot(env),
                Act::Store if self.is_stored() => {}
                Act::Store => return self.settle(env),
                Act::Perform(_) if self.is_only_begun() && !self.confirmed => return self.settle(env),
                Act::Perform(effect) => return self.perform(env, effect),
                Act::Rest(rest) => return self.rest(env, rest),
            }
        }
    }

    fn fetched(&mut self, env: &mut Env<'_>, fetched: Fetched) -> Request {
        let node = &self.subject.node;
        let fetched = match fetched {
            Fetched::Keys(check) => {
                let claims = exclusive::read(&self.status.claims);
                Fetched::Keys(env.memory.node(node).keys.note(check, &claims))
            }
            other => other,
        };
        match &fetched {
            Fetched::Health(answer) => {
                if let Some(pod) = self.seen.pod() {
                    env.memory.answered(node, &Incarnation::of(pod), answer.clone(), env.now);
                }
            }
            Fetched::NodeId(pod, answer) => {
                env.memory.node(node).node_id.note(pod, answer, env.now.monotonic);
            }
            Fetched::PodRefusal(report) => {
                if let Some(pod) = &mut env.memory.node(node).missing_pod {
                    pod.note(report.clone(), env.now.monotonic);
                }
            }
            Fetched::Rivals(_, rivals) => env.memory.stray_keys.note(&rivals.strays, env.now),
            _ => {}
        }
        if !self.repair_unread(&fetched) {
            fold_fetched(&mut self.seen, fetched);
        }
        self.decide(env)
    }

    fn performed(&mut self, env: &mut Env<'_>, outcome: Outcome) -> Request {
        env.memory.node(&self.subject.node).own_writes.performed(&outcome, env.now.monotonic);
        if let Outcome::FinalizerRemoved(Some(stored)) = &outcome {
            self.object = Arc::clone(stored);
        }
        if !self.repair_failed(&outcome) {
            fold_outcome(&mut self.subject, &mut self.status, &mut self.seen, outcome);
        }
        self.decide(env)
    }
}

#[cfg(test)]
mod tests;
