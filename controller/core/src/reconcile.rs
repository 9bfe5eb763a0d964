//! One reconcile of one node, as a machine without I/O: production and the simulator drive the same one.
//!
//! It observes, decides, asks its driver for one request at a time, folds the response into what it knows, and decides
//! again; its status is written once at the end, also when something failed. Every point between two requests is a point
//! where the process may die, and then costs one reconcile and nothing else.

mod clamp;
mod ending;
mod status_throttle;

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::{SeiNode, SeiNodeStatus};

pub use self::{
    ending::{Done, Wake},
    status_throttle::BOUND as DEFER_BOUND,
};
use crate::{
    decide::decide,
    decision::{Act, Decision, Rest},
    effect::{Effect, Outcome, Replicas},
    events::{self, Event},
    failure::{Class, Failure},
    fast_mark_ready,
    fold::{fold_fetched, fold_outcome},
    memory::{Incarnation, Memory},
    node::NodeRef,
    observation::Observation,
    observe::{View, observe},
    plan::{Plan, PlanKind},
    platform::Platform,
    query::{Fetched, Query},
    rate::Now,
    subject::Subject,
    task_type::TaskType,
};

/// More steps than any plan has: a reconcile that takes more runs in a circle.
const MAX_STEPS: u32 = 100;

/// What the machine needs for one step, borrowed from its driver.
pub struct Env<'a> {
    /// What the process remembers.
    pub memory: &'a mut Memory,
    /// What the watches have brought.
    pub view: &'a dyn View,
    /// The platform settings.
    pub platform: &'a Platform,
    /// The present.
    pub now: Now,
}

/// What the driver is to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Fetch a fact.
    Fetch(Query),
    /// Replace the status, if the object is still the one that was read.
    Store(Box<SeiNodeStatus>),
    /// Read the SeiNode's metadata live.
    Confirm,
    /// Perform an effect.
    Perform(Effect),
    /// Nothing: the reconcile has ended.
    Done(Done),
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Response {
    /// Of `Fetch`.
    Fetched(Fetched),
    /// Of `Store`.
    Stored(Stored),
    /// Of `Confirm`: the metadata of the SeiNode; `None` when it is gone.
    Confirmed(Result<Option<ObjectMeta>, Failure>),
    /// Of `Perform`.
    Performed(Outcome),
}

/// What became of a status write.
#[derive(Clone, Debug)]
pub enum Stored {
    /// It is stored; this is the object now.
    Written(Arc<SeiNode>),
    /// The SeiNode is gone.
    Gone,
    /// It is not stored.
    Failed(Failure),
}

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
    /// What the response is awaited for.
    then: Then,
    /// Whether the SeiNode was found unchanged by a live read, so that a plan that is not stored may be carried out.
    confirmed: bool,
    /// Whether the node was being rolled out when the reconcile began.
    had_slot: bool,
    /// Events of the statuses that were stored and are not taken yet.
    events: Vec<Event>,
}

/// What happens after the response.
#[derive(Clone, Debug)]
enum Then {
    Decide,
    /// The plan is stored or confirmed; then this effect is performed, or decided again.
    Settle(Option<Effect>),
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
        let had_slot = is_rolling(&object);
        let (then, events) = (Then::Decide, Vec::new());
        let mut this =
            Self { object, subject, status, seen, steps: 0, then, confirmed: false, had_slot, events };
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

    /// What was observed.
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
                Act::Fetch(query) => return Request::Fetch(query),
                Act::TakeSlot => self.take_slot(env),
                Act::Store if self.is_stored() => {}
                Act::Store => return self.settle(env, None),
                Act::Perform(effect) if self.is_only_begun() && !self.confirmed => {
                    return self.settle(env, Some(effect));
                }
                Act::Perform(effect) => return self.perform(env, effect),
                Act::Rest(rest) => return self.rest(env, rest),
            }
        }
    }

    fn is_stored(&self) -> bool {
        match &self.object.status {
            Some(stored) => *stored == self.status,
            None => self.status == SeiNodeStatus::default(),
        }
    }

    /// Whether the plan that opens the gate is the only news: then a live read may stand for its write.
    fn is_only_begun(&self) -> bool {
        let stored = self.object.status.clone().unwrap_or_default();
        fast_mark_ready::only_begins(&stored, &self.status)
    }

    fn take_slot(&mut self, env: &mut Env<'_>) {
        let mut rolling = std::collections::BTreeSet::new();
        if env.memory.slots.are_limited() {
            let memory = &*env.memory;
            env.view.sei_nodes(&mut |cached| {
                let newest = memory.newer_than(cached).map_or(cached, AsRef::as_ref);
                if is_rolling(newest) {
                    rolling.insert(NodeRef::of(&newest.metadata));
                }
            });
        }
        self.seen.slot = Some(env.memory.slots.take(rolling, &self.subject.node));
    }

    /// Makes sure of what was decided before it is acted upon: stores it, or reads live that the SeiNode is unchanged.
    fn settle(&mut self, env: &mut Env<'_>, effect: Option<Effect>) -> Request {
        let now = env.now.monotonic;
        let hurries = env.memory.is_burst(now) || env.memory.node(&self.subject.node).flaps.is_flapping(now);
        self.then = Then::Settle(effect);
        match hurries && self.is_only_begun() {
            true => Request::Confirm,
            false => self.store(env),
        }
    }

    fn store(&mut self, env: &mut Env<'_>) -> Request {
        env.memory.node(&self.subject.node).status_writes.done();
        Request::Store(Box::new(self.status.clone()))
    }

    /// Before anything is created that can start a pod, the SeiNode is read live: same UID, same generation, not being
    /// deleted. Its watch may be behind, and a pod of a node that is gone would have a volume or a key that a successor has
    /// a right to.
    fn perform(&mut self, env: &mut Env<'_>, effect: Effect) -> Request {
        let creates = match &effect {
            // One that is there has its pod already.
            Effect::ApplyStatefulSet => self.seen.stateful_set.as_ref().is_none_or(|sts| sts.replicas == 0),
            Effect::ApplyService => self.seen.service.is_none(),
            Effect::Scale(Replicas::One) | Effect::CreateJob => true,
            _ => false,
        };
        if creates {
            self.then = Then::Create(effect);
            return Request::Confirm;
        }
        self.send(env, effect)
    }

    fn send(&mut self, env: &mut Env<'_>, effect: Effect) -> Request {
        if let Effect::Submit(submission) = &effect {
            let opens = self.status.plan.as_ref().and_then(Plan::read);
            let opens = opens.is_some_and(|plan| plan.kind == PlanKind::MarkReady);
            let memory = env.memory.node(&self.subject.node);
            // What the sidecar answered before may not hold any more.
            if let Some(sidecar) = &mut memory.sidecar {
                sidecar.answer = None;
            }
            if opens && submission.task == TaskType::MarkReady {
                memory.flaps.note(env.now.monotonic);
            }
        }
        Request::Perform(effect)
    }

    fn fetched(&mut self, env: &mut Env<'_>, fetched: Fetched) -> Request {
        let node = &self.subject.node;
        match &fetched {
            Fetched::Health(answer) => {
                if let Some(pod) = self.seen.pod() {
                    env.memory.answered(node, &Incarnation::of(pod), answer.clone(), env.now);
                }
            }
            Fetched::Keys(check) => env.memory.node(node).keys.note(check.clone()),
            Fetched::Rivals(_, rivals) => env.memory.stray_keys.note(&rivals.strays, env.now),
            _ => {}
        }
        fold_fetched(&mut self.seen, fetched);
        self.decide(env)
    }

    fn performed(&mut self, env: &mut Env<'_>, outcome: Outcome) -> Request {
        env.memory.node(&self.subject.node).own_writes.performed(&outcome, env.now.monotonic);
        if let Outcome::FinalizerRemoved(Some(stored)) = &outcome {
            self.object = Arc::clone(stored);
        }
        fold_outcome(&mut self.subject, &mut self.status, &mut self.seen, outcome);
        self.decide(env)
    }

    fn confirmed(
        &mut self,
        env: &mut Env<'_>,
        live: Result<Option<ObjectMeta>, Failure>,
        then: Then,
    ) -> Request {
        let name = &self.subject.node.name;
        let conflict = |message| Failure { class: Class::Conflict, message };
        match then {
            Then::Create(effect) => {
                let wanted = live.and_then(|live| match live.is_some_and(|live| self.is_wanted(&live)) {
                    true => Ok(()),
                    false => Err(conflict(format!(
                        "SeiNode {name} is gone, is being deleted, or has another spec now"
                    ))),
                });
                match wanted {
                    Ok(()) => self.send(env, effect),
                    Err(failure) => self.performed(env, Outcome::Failed(failure)),
                }
            }
            Then::Settle(effect) => {
                let version = self.object.metadata.resource_version.clone();
                let unchanged =
                    live.and_then(|live| match live.is_some_and(|live| live.resource_version == version) {
                        true => Ok(()),
                        false => Err(conflict(format!("SeiNode {name} was changed since it was read"))),
                    });
                match unchanged {
                    Ok(()) => {
                        self.confirmed = true;
                        self.go_on(env, effect)
                    }
                    Err(failure) => self.fail(env, failure),
                }
            }
            Then::Decide | Then::Rest(_) => self.decide(env),
        }
    }

    fn is_wanted(&self, live: &ObjectMeta) -> bool {
        live.uid.as_ref() == Some(&self.subject.node.uid)
            && live.deletion_timestamp.is_none()
            && live.generation == Some(self.subject.generation)
    }

    fn stored(&mut self, env: &mut Env<'_>, stored: Stored, then: Then) -> Request {
        let object = match stored {
            Stored::Written(object) => object,
            Stored::Gone => return self.gone(env),
            Stored::Failed(failure) => return self.fail(env, failure),
        };
        let before = self.object.status.clone().unwrap_or_default();
        let kept = object.status.as_ref().is_some_and(|kept| keeps(kept, &self.status));
        env.memory.node(&self.subject.node).own_writes.stored(Arc::clone(&object));
        self.object = object;
        if !kept {
            return self.fail(env, definition_outdated());
        }
        let now = env.now.monotonic;
        let writes = &mut env.memory.node(&self.subject.node).status_writes;
        status_throttle::written(writes, &before, &self.status, now);
        self.events.extend(events::between(&before, &self.status));
        match then {
            Then::Rest(rest) => self.finish(env, &rest),
            Then::Settle(effect) => self.go_on(env, effect),
            Then::Decide | Then::Create(_) => self.decide(env),
        }
    }

    fn go_on(&mut self, env: &mut Env<'_>, effect: Option<Effect>) -> Request {
        match effect {
            Some(effect) => self.perform(env, effect),
            None => self.decide(env),
        }
    }
}

/// Whether a node is being rolled out, as far as is stored.
#[must_use]
pub fn is_rolling(node: &SeiNode) -> bool {
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
    plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate)
}

/// Whether the API server kept all that a later reconcile builds on. It prunes what its CRD does not know, and a plan or a
/// claim that is not kept would be made anew by every reconcile.
fn keeps(kept: &SeiNodeStatus, written: &SeiNodeStatus) -> bool {
    let memory = |status: &SeiNodeStatus| {
        let work = (status.plan.clone(), status.claims.clone(), status.bootstrap.clone());
        let known = (status.background.clone(), status.baseline.clone(), status.children.clone());
        (work, known, status.configured.clone(), status.scaled_by_hand.clone(), status.repairs.clone())
    };
    memory(kept) == memory(written)
}

fn definition_outdated() -> Failure {
    let message = "the installed CRD seinodes.sei.io is older than this operator and drops parts of its status: \
                   run `seinode-operator crds | kubectl apply --server-side --force-conflicts -f -`";
    Failure { class: Class::User, message: message.into() }
}

#[cfg(test)]
mod tests;
