//! Drives one reconcile, one request at a time, with a fault in any of them.

use std::sync::Arc;

use seinode_core::{
    effect::{Effect, Outcome},
    failure::{Class, Failure},
    query::{Fetched, Query},
    reconcile::{Env, Reconcile, Request, Response, Stored},
    sidecar::Unreachable,
};

use super::{Fault, clocks, fetch::fetch, perform, platform};
use crate::{
    invariants::{self, Touch},
    objects::Key,
    world::World,
};

/// A reconcile and the request that it waits for.
#[derive(Clone, Debug)]
pub struct Pending {
    reconcile: Reconcile,
    request: Request,
}

/// Outcome of a request.
enum Sent {
    Answered(Box<Response>),
    /// The process died.
    Dead,
}

/// Gates that shut at once make a burst.
const BURST: usize = 10;

/// An operator carries out the request that a node's reconcile waits for, or begins one.
pub fn step(world: &mut World, index: usize, node: &Key) {
    let operator = &mut world.operators[index];
    operator.turn += 1;
    operator.turns.insert(node.clone(), operator.turn);
    let Some(mut pending) = operator.pending.remove(node).or_else(|| begin(world, index, node)) else {
        return;
    };
    loop {
        let confirms = matches!(pending.request, Request::Confirm | Request::Fetch(Query::Pod));
        if let Request::Done(done) = &pending.request {
            let now = world.now;
            world.say(|| format!("operator {index} is done with {node}: {:?} {:?}", done.wake, done.failure));
            return world.operators[index].done(node, done, now);
        }
        let response = match send(world, index, node, &mut pending) {
            Sent::Answered(response) => *response,
            Sent::Dead => {
                let World { api, operators, now, .. } = world;
                return operators[index].crash(api, *now);
            }
        };
        pending.request = with_env(world, index, |env| pending.reconcile.next(env, response));
        // What was read live is acted upon within milliseconds, which are not played: nothing can guard them but the fence.
        let goes_on = confirms || matches!(pending.request, Request::Done(_));
        if !goes_on {
            break;
        }
    }
    world.operators[index].pending.insert(node.clone(), pending);
}

fn begin(world: &mut World, index: usize, node: &Key) -> Option<Pending> {
    let operator = &mut world.operators[index];
    operator.due.remove(node);
    let cached = Arc::new(operator.caches.get(node)?.node()?.clone());
    world.say(|| format!("operator {index} begins to reconcile {node}"));
    let (reconcile, request) = with_env(world, index, |env| Reconcile::begin(env, cached));
    Some(Pending { reconcile, request })
}

fn with_env<T>(world: &mut World, index: usize, run: impl FnOnce(&mut Env<'_>) -> T) -> T {
    let now = clocks(world.now);
    let operator = &mut world.operators[index];
    if operator.burst {
        (0..BURST).for_each(|_| operator.memory.burst.note(now.monotonic));
    }
    let settings = platform::settings();
    let super::Operator { memory, caches, .. } = operator;
    run(&mut Env { memory, view: caches, platform: &settings, now })
}

fn send(world: &mut World, index: usize, node: &Key, pending: &mut Pending) -> Sent {
    let Pending { reconcile, request } = pending;
    let answered = |response| Sent::Answered(Box::new(response));
    match request {
        // A fault is for the request after it.
        Request::Fetch(Query::Pod) => {
            answered(Response::Fetched(fetch(world, reconcile.subject(), reconcile.seen(), &Query::Pod)))
        }
        Request::Fetch(query) => match world.fault.take_if(|fault| *fault != Fault::Conflict) {
            Some(Fault::CrashBefore | Fault::CrashAfter) => Sent::Dead,
            Some(_) => answered(Response::Fetched(unanswered(query))),
            None => {
                let fetched = fetch(world, reconcile.subject(), reconcile.seen(), query);
                world.say(|| format!("operator {index} fetches {query:?}: {:.160}", format!("{fetched:?}")));
                answered(Response::Fetched(fetched))
            }
        },
        Request::Confirm => confirm(world, node, reconcile),
        Request::Store(status) => store(world, index, node, reconcile, status),
        Request::Perform(effect) => perform(world, index, node, reconcile, effect),
        Request::Done(_) => unreachable!("a reconcile that has ended sends nothing"),
    }
}

fn unanswered(query: &Query) -> Fetched {
    match query {
        Query::Task(id) => Fetched::Task(*id, Err(Unreachable::Timeout)),
        Query::Health => Fetched::Health(Err(Unreachable::Timeout)),
        Query::NodeId(pod) => Fetched::NodeId(pod.clone(), Err(Unreachable::Timeout)),
        Query::RunningTasks => Fetched::RunningTasks(Err(Unreachable::Timeout)),
        _ => Fetched::Failed(no_answer()),
    }
}

fn no_answer() -> Failure {
    Failure { class: Class::Transient, message: "no answer".into() }
}

/// Reads the SeiNode live.
fn confirm(world: &mut World, node: &Key, reconcile: &Reconcile) -> Sent {
    match world.fault.take() {
        Some(Fault::CrashBefore | Fault::CrashAfter) => return Sent::Dead,
        Some(Fault::AnswerLost | Fault::Refused) => {
            return Sent::Answered(Box::new(Response::Confirmed(Err(no_answer()))));
        }
        Some(Fault::Conflict) => perform::meddle(world, node),
        None => {}
    }
    let live = world.api.get(node).map(|live| live.meta().clone());
    let version = live.as_ref().and_then(|live| live.resource_version.clone());
    if version == reconcile.object().metadata.resource_version {
        world.ledger.vouched(reconcile.status());
    }
    Sent::Answered(Box::new(Response::Confirmed(Ok(live))))
}

fn store(
    world: &mut World,
    index: usize,
    node: &Key,
    reconcile: &Reconcile,
    status: &seinode_api::SeiNodeStatus,
) -> Sent {
    let failed = |class| {
        let message = "the status was not stored".into();
        Sent::Answered(Box::new(Response::Stored(Stored::Failed(Failure { class, message }))))
    };
    let fault = world.fault.take();
    match fault {
        Some(Fault::CrashBefore) => return Sent::Dead,
        Some(Fault::Refused) => return failed(Class::Transient),
        Some(Fault::Conflict) => perform::meddle(world, node),
        Some(Fault::CrashAfter | Fault::AnswerLost) | None => {}
    }
    invariants::stores(world, node, reconcile, status);
    let written = perform::store(world, index, reconcile.object(), status);
    match (fault, written) {
        (Some(Fault::CrashAfter), _) => Sent::Dead,
        (Some(Fault::AnswerLost), _) => failed(Class::Transient),
        (_, perform::Written::Stored(stored)) => match stored.node() {
            Some(stored) => {
                Sent::Answered(Box::new(Response::Stored(Stored::Written(Arc::new(stored.clone())))))
            }
            None => failed(Class::Invariant),
        },
        (_, perform::Written::Gone) => Sent::Answered(Box::new(Response::Stored(Stored::Gone))),
        (_, perform::Written::Conflict) => failed(Class::Conflict),
    }
}

fn perform(world: &mut World, index: usize, node: &Key, reconcile: &Reconcile, effect: &Effect) -> Sent {
    let (subject, status, seen) = (reconcile.subject(), reconcile.status(), reconcile.seen());
    invariants::touches(world, &Touch { node, subject, status, seen, effect });
    let fault = world.fault.take_if(|fault| *fault != Fault::Conflict);
    let outcome = match fault {
        Some(Fault::CrashBefore) => return Sent::Dead,
        Some(Fault::Refused) => perform::unanswered(effect),
        Some(Fault::CrashAfter | Fault::AnswerLost | Fault::Conflict) | None => {
            perform::perform(world, subject, seen, effect)
        }
    };
    world.say(|| {
        let (effect, outcome) = (format!("{effect:?}"), format!("{outcome:?}"));
        format!("operator {index} performs {effect:.120}: {outcome:.160}")
    });
    match fault {
        Some(Fault::CrashAfter) => Sent::Dead,
        Some(Fault::AnswerLost) => answered(perform::unanswered(effect)),
        _ => answered(outcome),
    }
}

fn answered(outcome: Outcome) -> Sent {
    Sent::Answered(Box::new(Response::Performed(outcome)))
}
