//! One pass over one node: look, decide, act, and write status once at its end.
//!
//! Several effects may be chained, each decided on fresh facts; every point between two of them is a point
//! where the process may die, and then costs one pass and nothing else. Nothing returns early past the status
//! write: what failed is a value that the status tells.

mod news;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::runtime::{controller::Action, reflector::ObjectRef};
use seinode_api::{SeiNode, SeiNodeStatus, status::Phase};
use seinode_core::{
    fold::{fold_outcome, fold_fetched},
    query::Query,
    decide::decide,
    decision::{Act, Decision, Rest},
    effect::{Effect, Outcome},
    fetched::Fetched,
    failure::{Class, Failure},
    fast_mark_ready,
    intent::Activity,
    node::{Deletion, NodeRef},
    events,
    observation::Observation,
    plan::{Plan, PlanKind},
    subject::Subject,
    task::Until,
};
use tracing::Instrument;

use crate::{
    ask::ask,
    cache::{Caches, Guarded},
    context::Context,
    metrics,
    observe::observe,
    perform::perform,
    persist::{self, Written},
    probe::Incarnation,
    slots, unreadable,
};

/// More steps than any plan has: a pass that takes more turns in a circle.
const MAX_STEPS: usize = 100;

/// Passes over one node, and says when to look again.
pub(crate) async fn pass(context: &Context, caches: &Caches, object: Arc<Guarded>) -> Action {
    let node = match &object.0 {
        Ok(node) => newest(context, caches, &object, node),
        Err(invalid) => return unreadable::pass(context, invalid).await,
    };
    let subject = Subject::of(&node);
    let NodeRef { namespace, name, uid: _ } = &subject.node;
    context.metrics.seen(namespace, name);
    let span = tracing::info_span!("pass", namespace, name);
    Pass::begin(context, caches, node, subject).run().instrument(span).await
}

/// The object as it is now. What the pass was started with may be older than our last write.
fn newest(context: &Context, caches: &Caches, given: &Guarded, node: &SeiNode) -> Arc<SeiNode> {
    let cached = || {
        let cached = caches.nodes.get(&ObjectRef::from_obj(given));
        Arc::new(cached.and_then(|cached| cached.0.clone().ok()).unwrap_or_else(|| node.clone()))
    };
    let meta = &node.metadata;
    let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
    context.fleet.recent.newest(namespace.unwrap_or_default(), name.unwrap_or_default(), cached)
}

/// The state of a pass.
struct Pass<'a> {
    context: &'a Context,
    /// The object as it is stored.
    object: Arc<SeiNode>,
    /// What it asks for.
    subject: Subject,
    /// The status as it should be.
    status: SeiNodeStatus,
    /// What was seen.
    seen: Observation,
}

impl<'a> Pass<'a> {
    fn begin(context: &'a Context, caches: &Caches, object: Arc<SeiNode>, subject: Subject) -> Self {
        let seen = observe(context, caches, &subject, &object);
        let postponed = context.postponed.status(&object);
        let status = postponed.unwrap_or_else(|| object.status.clone().unwrap_or_default());
        Self { context, object, subject, status, seen }
    }

    async fn run(self) -> Action {
        let (context, node) = (self.context, self.subject.node.clone());
        let had = slots::is_rolling(&self.object);
        let (action, has) = self.work().await;
        context.slots.pass_ended(&context.fleet, &node, had, has);
        action
    }

    /// Works until there is nothing to do; also says whether the node is being rolled out then.
    async fn work(mut self) -> (Action, bool) {
        let action = self.steps().await;
        self.probe();
        (action, slots::is_rolling(&self.object))
    }

    /// The sidecar of a node that runs is asked from now on whether its gate is open; nobody else's is.
    fn probe(&self) {
        let node = &self.subject.node;
        let runs = self.status.phase == Some(Phase::Running) && self.subject.deletion == Deletion::Absent;
        let intent = self.subject.intent.as_ref().ok();
        let intent = intent.filter(|intent| runs && intent.activity == Activity::Runs);
        let target = self.seen.pod().zip(intent).and_then(|(pod, intent)| {
            let sidecar = self.context.sidecars.of(node, pod, intent.sidecar.port)?;
            Some((Incarnation::of(pod), sidecar))
        });
        match target {
            Some((incarnation, sidecar)) => self.context.probes.watch(node, incarnation, sidecar),
            None => self.context.probes.leave(node),
        }
    }

    async fn steps(&mut self) -> Action {
        for _ in 0..MAX_STEPS {
            let Decision { status, act } = decide(&self.subject, &self.status, &self.seen);
            self.status = status;
            match act {
                Act::Fetch(question) => {
                    let fact = match &self.subject.intent {
                        Ok(intent) => ask(self.context, &self.subject, intent, &self.seen, &question).await,
                        Err(_) => Fetched::Failed(without_intent()),
                    };
                    if let (Query::Health, Some(pod)) = (&question, self.seen.pod()) {
                        let node = &self.subject.node;
                        let healed = self.context.probes.note(node, &Incarnation::of(pod), &fact);
                        if let Some(after) = healed {
                            self.context.metrics.healed(after);
                        }
                    }
                    self.context.metrics.told(&self.subject.node, &fact);
                    fold_fetched(&mut self.seen, question, fact);
                }
                Act::Store => match self.settle().await {
                    Ok(Presence::Goes) => return Action::await_change(),
                    Ok(Presence::Stays) => self.note_plan(),
                    Err(failure) => return self.again(&failure),
                },
                Act::Perform(effect) => {
                    if let Effect::Submit(_) = effect {
                        self.context.probes.doubt(&self.subject.node);
                    }
                    let outcome = self.perform(&effect).await;
                    self.context.metrics.effect(&effect, &outcome);
                    tracing::info!(
                        plan = self.status.plan.as_ref().map(|plan| plan.id.as_str()),
                        task = self.status.plan.as_ref().and_then(|plan| plan.current_task.as_deref()),
                        effect = metrics::kind(&effect),
                        outcome = ?Brief(&outcome),
                        "performed"
                    );
                    fold_outcome(&mut self.subject, &mut self.status, &mut self.seen, &effect, outcome);
                }
                Act::Rest(rest) => return self.rest(rest).await,
            }
        }
        let failure = Failure { class: Class::Invariant, message: "defect: a pass has no end".into() };
        self.again(&failure)
    }

    /// Remembers that the gate is being opened.
    fn note_plan(&self) {
        let plan = self.status.plan.as_ref().and_then(Plan::read);
        if plan.is_some_and(|plan| plan.kind == PlanKind::MarkReady) {
            self.context.flaps.note(&self.subject.node, (self.context.clock)());
        }
    }

    /// Ends the pass: what is known is written, also when something failed.
    async fn rest(&mut self, rest: Rest) -> Action {
        let now = (self.context.clock)();
        let stored = self.object.status.clone().unwrap_or_default();
        // Somebody else was first: what was to be done is decided anew in a moment, and is no news.
        let overtaken = self.seen.failed_request.as_ref().is_some_and(|failed_request| failed_request.class == Class::Conflict);
        if overtaken {
            self.context.metrics.error(Class::Conflict);
        }
        if (overtaken || news::only_waits(&stored, &self.status, &rest))
            && let Some(due) = self.context.postponed.put_off(&self.object, &self.status, now)
        {
            let sooner = match rest.until {
                Until::At(at) => pause(at, now),
                Until::Retry(class) => {
                    let NodeRef { namespace, name, uid: _ } = &self.subject.node;
                    self.context.patience.pause(namespace, name, class, now)
                }
                Until::Event => Duration::MAX,
            };
            return Action::requeue(sooner.min(pause(due, now)));
        }
        let flaps = fast_mark_ready::only_readiness(&stored, &self.status);
        // The API server's time belongs to the gates that are still shut.
        if (flaps || fast_mark_ready::only_ends(&stored, &self.status))
            && self.context.probes.is_crowded()
            && let Some(due) = self.context.postponed.give_way(&self.object, &self.status, now)
        {
            return Action::requeue(pause(due, now));
        }
        if flaps && let Some(due) = self.context.postponed.calm_down(&self.object, &self.status, now) {
            return Action::requeue(pause(due, now));
        }
        if let Err(failure) = self.persist().await {
            return self.again(&failure);
        }
        if flaps {
            self.context.postponed.flapped(&self.object, now);
        }
        let NodeRef { namespace, name, uid: _ } = &self.subject.node;
        match rest.until {
            Until::Retry(class) => {
                if let Some(failure) = &self.seen.failed_request {
                    self.context.metrics.error(failure.class);
                    tracing::warn!(class = ?failure.class, "{}", failure.message);
                }
                Action::requeue(self.context.patience.pause(namespace, name, class, (self.context.clock)()))
            }
            Until::At(at) => {
                self.context.patience.reset(namespace, name);
                Action::requeue(pause(at, (self.context.clock)()))
            }
            Until::Event => {
                self.context.patience.reset(namespace, name);
                // What was written and is not seen yet may have been deleted before anybody saw it.
                match self.context.fresh.ahead_until(&self.subject.node) {
                    Some(at) => Action::requeue(pause(at, now)),
                    None => Action::await_change(),
                }
            }
        }
    }

    /// Makes sure of what was decided before it is acted upon: by storing it, or in a crowd of gates that are shut by asking
    /// whether the SeiNode is still as it was read.
    async fn settle(&mut self) -> Result<Presence, Failure> {
        let only_heals = || fast_mark_ready::only_begins(&self.object.status.clone().unwrap_or_default(), &self.status);
        if !(self.context.probes.is_crowded() && only_heals()) {
            return self.persist().await;
        }
        persist::unchanged(self.context, &self.object).await?;
        Ok(Presence::Stays)
    }

    /// Stores the status if it differs from what is stored, then publishes what changed.
    async fn persist(&mut self) -> Result<Presence, Failure> {
        let before = self.object.status.clone().unwrap_or_default();
        self.context.postponed.done(&self.object);
        if before == self.status {
            return Ok(Presence::Stays);
        }
        match persist::status(self.context, &self.object, &self.status).await {
            Written::Stored(stored) => {
                if !stored.status.as_ref().is_some_and(|kept| news::remembers(kept, &self.status)) {
                    self.object = stored;
                    return Err(forgetful());
                }
                self.context.metrics.stored(&stored, &before, (self.context.clock)());
                let notices = events::between(&before, &self.status);
                for events in &notices {
                    let plan = self.status.plan.as_ref().and_then(Plan::read).map(|plan| plan.id.to_string());
                    tracing::info!(plan, reason = events.reason, "{}", events.note);
                }
                self.context.publisher.publish(stored.as_ref(), &notices, (self.context.clock)());
                self.object = stored;
                Ok(Presence::Stays)
            }
            Written::Gone => {
                tracing::debug!("the SeiNode is gone");
                Ok(Presence::Goes)
            }
            Written::Failed(failure) => Err(failure),
        }
    }

    async fn perform(&mut self, effect: &Effect) -> Outcome {
        if *effect == Effect::RemoveLegacyFinalizer {
            return match persist::remove_legacy_finalizer(self.context, self.object.as_ref()).await {
                Written::Stored(stored) => {
                    self.context.fleet.recent.note(&stored);
                    self.object = stored;
                    Outcome::FinalizerRemoved
                }
                Written::Gone => Outcome::FinalizerRemoved,
                Written::Failed(failure) => Outcome::Failed(failure),
            };
        }
        match &self.subject.intent {
            Ok(intent) => perform(self.context, &self.subject, intent, &self.seen, effect).await,
            Err(_) => Outcome::Failed(without_intent()),
        }
    }

    /// The status could not be stored: only the log and the metric can tell.
    fn again(&self, failure: &Failure) -> Action {
        let NodeRef { namespace, name, uid: _ } = &self.subject.node;
        self.context.metrics.error(failure.class);
        match failure.class {
            // Somebody else was first; the watch brings what they wrote.
            Class::Conflict => tracing::debug!("{}", failure.message),
            Class::Transient | Class::Denied | Class::User | Class::Invariant => {
                tracing::warn!(class = ?failure.class, "{}", failure.message);
            }
        }
        Action::requeue(self.context.patience.pause(namespace, name, failure.class, (self.context.clock)()))
    }
}

/// Whether the SeiNode is still there.
enum Presence {
    Stays,
    Goes,
}

/// An outcome in a log line: what happened, without the objects.
struct Brief<'a>(&'a Outcome);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Outcome::Failed(failure) => write!(f, "{:?}: {}", failure.class, failure.message),
            Outcome::Rejected(words) => write!(f, "rejected: {words}"),
            Outcome::Unreachable(silence) => write!(f, "{silence}"),
            Outcome::Volume(_) => f.write_str("volume"),
            Outcome::StatefulSet(_) | Outcome::Service(_) | Outcome::Job(_) => f.write_str("applied"),
            Outcome::Deleted => f.write_str("deleted"),
            Outcome::Submitted => f.write_str("submitted"),
            Outcome::FinalizerRemoved => f.write_str("removed"),
        }
    }
}

fn without_intent() -> Failure {
    let message = "defect of the operator: something is done for a spec that does not parse".into();
    Failure { class: Class::Invariant, message }
}

fn forgetful() -> Failure {
    let message = "the installed CRD seinodes.sei.io is older than this operator and drops parts of its status: \
                   run `seinode-operator crds | kubectl apply --server-side --force-conflicts -f -`";
    Failure { class: Class::User, message: message.into() }
}

fn pause(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
}
