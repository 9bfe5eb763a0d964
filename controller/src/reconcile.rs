//! Drives the reconcile of one node: sends what the machine requests, and hands it the response.
//!
//! No rule of the product is here. Whether, when and in which order something happens is decided in
//! [`seinode_core::reconcile`]; this file knows how to send it, and what people hear of it.

mod panicked;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use kube::runtime::{controller::Action, reflector::ObjectRef};
use seinode_api::{SeiNode, SeiNodeStatus};
use seinode_core::{
    effect::{Effect, Outcome},
    failure::{Class, Failure},
    node::NodeRef,
    reconcile::{Done, Env, Reconcile, Request, Response, Stored, Wake},
};
use tracing::Instrument;

use self::panicked::{panicked, words_of};
use crate::{
    cache::{Caches, Guarded, Watches},
    clock,
    context::Context,
    fetch::{self, fetch},
    metrics,
    perform::perform,
    persist, unreadable,
};

/// Reconciles a node, and returns when to do so again. A panic harms this node only.
pub(crate) async fn reconcile(context: &Context, caches: &Caches, woken: Arc<Guarded>) -> Action {
    // What the reconcile was woken with may be older than the cache.
    let cached = caches.nodes.get(&ObjectRef::from_obj(woken.as_ref())).unwrap_or(woken);
    let cached = match &cached.0 {
        Ok(node) => Arc::new(node.clone()),
        Err(invalid) => return unreadable::reconcile(context, invalid).await,
    };
    let node = NodeRef::of(&cached.metadata);
    context.metrics.seen(&node.namespace, &node.name);
    let span = tracing::info_span!("reconcile", namespace = node.namespace, name = node.name);
    let driven = AssertUnwindSafe(drive(context, caches, Arc::clone(&cached))).catch_unwind();
    async {
        match driven.await {
            Ok(done) => end(context, &node, done),
            Err(panic) => {
                let words = words_of(panic.as_ref());
                panicked(context, &cached, &words).await
            }
        }
    }
    .instrument(span)
    .await
}

/// The loop: a request, its response, the next request.
async fn drive(context: &Context, caches: &Caches, cached: Arc<SeiNode>) -> Done {
    let (mut machine, mut request) = with_env(context, caches, |env| Reconcile::begin(env, cached));
    loop {
        let response = match request {
            Request::Done(done) => {
                context.prober.follow(&machine, &context.sidecars, &done.probing);
                return done;
            }
            Request::Fetch(query) => {
                let fetched = fetch(context, machine.subject(), machine.seen(), &query).await;
                context.metrics.fetched(&machine.subject().node, &fetched);
                Response::Fetched(fetched)
            }
            Request::Confirm => Response::Confirmed(fetch::metadata(context, &machine.subject().node).await),
            Request::Store(status) => Response::Stored(store(context, &machine, &status).await),
            Request::Perform(effect) => Response::Performed(carry_out(context, &machine, &effect).await),
        };
        request = with_env(context, caches, |env| machine.next(env, response));
        publish(context, &mut machine);
    }
}

fn with_env<T>(context: &Context, caches: &Caches, step: impl FnOnce(&mut Env<'_>) -> T) -> T {
    let mut memory = context.fleet.memory.lock();
    let view = &Watches { caches, fleet: &context.fleet };
    let now = clock::now();
    let stepped = step(&mut Env { memory: &mut memory, view, platform: &context.platform, now });
    memory.take_healed().into_iter().for_each(|after| context.metrics.healed(after));
    stepped
}

async fn store(context: &Context, machine: &Reconcile, status: &SeiNodeStatus) -> Stored {
    let stored = persist::status(context, machine.object(), status).await;
    if let Stored::Written(stored) = &stored {
        let before = machine.object().status.clone().unwrap_or_default();
        context.metrics.stored(stored, &before, clock::now().wall);
    }
    stored
}

async fn carry_out(context: &Context, machine: &Reconcile, effect: &Effect) -> Outcome {
    let outcome = perform(context, machine, effect).await;
    context.metrics.effect(effect, &outcome);
    let plan = machine.status().plan.as_ref();
    tracing::info!(
        plan = plan.map(|plan| plan.id.as_str()),
        task = plan.and_then(|plan| plan.current_task.as_deref()),
        effect = metrics::kind(effect),
        outcome = ?metrics::Brief(&outcome),
        "performed"
    );
    outcome
}

/// Announces what was stored, after it was.
fn publish(context: &Context, machine: &mut Reconcile) {
    let events = machine.take_events();
    let plan = machine.status().plan.as_ref().map(|plan| plan.id.as_str());
    for event in &events {
        tracing::info!(plan, reason = event.reason, "{}", event.note);
    }
    context.publisher.publish(machine.object().as_ref(), &events, clock::now().wall);
}

fn end(context: &Context, node: &NodeRef, done: Done) -> Action {
    let Done { wake, failure, probing: _, others } = done;
    if let Some(failure) = failure {
        report(context, &failure);
    }
    others.iter().for_each(|other| context.fleet.wake(other));
    match wake {
        Wake::OnChange => Action::await_change(),
        Wake::After(pause) => {
            tracing::trace!(%node, ?pause, "rests");
            Action::requeue(pause)
        }
    }
}

fn report(context: &Context, failure: &Failure) {
    context.metrics.error(failure.class);
    match failure.class {
        // Somebody else was first; the watch brings what they wrote.
        Class::Conflict => tracing::debug!("{}", failure.message),
        Class::Transient | Class::Denied | Class::User | Class::Invariant => {
            tracing::warn!(class = ?failure.class, "{}", failure.message);
        }
    }
}
