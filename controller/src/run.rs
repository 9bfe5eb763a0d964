//! Starts the watches and the reconciles, and ends them in order.

use std::{convert::Infallible, sync::Arc};

use futures::{StreamExt, TryStreamExt, future};
use kube::{
    ResourceExt,
    runtime::{
        controller::{self, Action, Controller},
        reflector::ObjectRef,
    },
};
use prometheus::Registry;
use seinode_core::{memory::Memory, node::NodeName};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    cache::{Caches, Guarded},
    context::Context,
    definition,
    events::Publisher,
    lease::{Contest, Deposed},
    metrics::{self, Metrics},
    probe::Prober,
    readiness::Readiness,
    reconcile,
    settings::Settings,
    sidecar::Sidecars,
    watch::{self, Slice, Unsynced},
};

/// Why the controller ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The registry holds a metric of the same name already.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// There is no client for sidecars.
    #[error("sidecars cannot be asked: {0}")]
    Sidecars(#[from] reqwest::Error),
    /// It does not lead any more. Whoever begins anew does so with what is stored, in a new process.
    #[error("this replica leads no more: {0}")]
    Deposed(Deposed),
}

/// Runs the controller until `shutdown` is cancelled: from then on no reconcile begins, and those under way have
/// the drain time to end. Where there is an election, reconciles begin when this replica leads, and the Lease is released
/// after the last of them; the watches run before, so that the next leader need not list everything first.
///
/// # Errors
/// When a metric cannot be registered, sidecars cannot be asked, or this replica led and does no more: then all reconciles were cut off.
pub async fn run(
    settings: Settings,
    readiness: &Readiness,
    metrics: &Registry,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let memory = Memory::with_slots(settings.rollouts);
    let restarts = metrics::watch_restarts(metrics)?;
    let (fleet, slices, unsynced) =
        watch::fleet(&settings.watch_client, &settings.scope, readiness, &restarts, memory);
    let metrics = Metrics::register(metrics, &fleet, &settings.fence)?;
    let mut contest = settings.election.map(|election| {
        let gate = readiness.gate("lease", "it was not read yet");
        Contest::new(election, gate, metrics.transitions.clone())
    });
    let (publisher, news) = Publisher::new(settings.client.clone(), &settings.instance, metrics.clone());
    let news = tokio::spawn(news);
    let (prober, probing) = Prober::new(Arc::clone(&fleet), metrics.clone(), settings.probe_interval);
    tokio::spawn(probing);
    let definition =
        definition::watch(settings.watch_client, settings.client.clone(), metrics.outdated.clone());
    let _watched = AbortOnDropHandle::new(tokio::spawn(definition));
    let context = Arc::new(Context {
        client: settings.client,
        fence: settings.fence,
        platform: settings.platform,
        fleet,
        scope: settings.scope,
        prober,
        sidecars: Sidecars::new(settings.sidecar_url)?,
        publisher,
        metrics,
    });
    let concurrency = settings.concurrency;
    let controllers = slices
        .into_iter()
        .map(|slice| control(slice, Arc::clone(&context), unsynced.clone(), concurrency, shutdown.clone()));
    let all = future::join_all(controllers);
    let listed = unsynced.subscribe();
    let overdue = async {
        shutdown.cancelled().await;
        // Before everything was listed no reconcile has begun; kube's controller would wait for its list for ever.
        if *listed.borrow() == 0 {
            tokio::time::sleep(settings.drain).await;
            tracing::warn!("reconciles that did not end within the drain time are cut off");
        }
    };
    let led = async {
        match &mut contest {
            Some(contest) => contest.run().await,
            None => future::pending().await,
        }
    };
    tokio::select! {
        biased;
        why = led => return Err(Failure::Deposed(why)),
        _ = all => {}
        () = overdue => {}
    }
    // The last publisher goes with the context; then the queue ends when what is in it was sent.
    drop(context);
    if tokio::time::timeout(std::time::Duration::from_secs(2), news).await.is_err() {
        tracing::warn!("events that were not sent within two seconds are dropped");
    }
    if let Some(contest) = contest {
        contest.release().await;
    }
    Ok(())
}

/// Reconciles the nodes of one slice whenever something changes.
async fn control(
    slice: Slice,
    context: Arc<Context>,
    unsynced: Unsynced,
    concurrency: u16,
    shutdown: CancellationToken,
) {
    let Slice { caches, nodes, triggers } = slice;
    let config = controller::Config::default().concurrency(concurrency);
    let step = Arc::new(Step { context, caches: Arc::clone(&caches), unsynced, shutdown: shutdown.clone() });
    // What makes a node wait for a reconcile: a change of its own, or one around it.
    let (changed, touched) = (step.context.metrics.clone(), step.context.metrics.clone());
    // A replica that does not lead keeps nobody waiting.
    let (leads, works) = (step.context.fence.clone(), step.context.fence.clone());
    let nodes = nodes.inspect_ok(move |node| {
        if leads.holds() {
            changed.woken(&node.namespace().unwrap_or_default(), &node.name_any());
        }
    });
    let triggers = triggers.inspect(move |node| {
        if works.holds() {
            touched.woken(node.namespace.as_deref().unwrap_or_default(), &node.name);
        }
    });
    Controller::for_stream(nodes, caches.nodes.clone())
        .with_config(config)
        .reconcile_on(triggers)
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(begin, |_, error: &Infallible, _| match *error {}, Arc::clone(&step))
        .for_each(|result| {
            if let Err(controller::Error::ObjectNotFound(gone)) = result {
                forget(&step.context, &gone.erase());
            }
            future::ready(())
        })
        .await;
}

/// Context of a reconcile of one slice.
struct Step {
    context: Arc<Context>,
    caches: Arc<Caches>,
    unsynced: Unsynced,
    shutdown: CancellationToken,
}

async fn begin(object: Arc<Guarded>, step: Arc<Step>) -> Result<Action, Infallible> {
    let mut unsynced = step.unsynced.subscribe();
    let begins = async {
        // Until everything was listed once, what is missing may only not be listed yet.
        let listed = unsynced.wait_for(|count| *count == 0).await.is_ok();
        step.context.fence.opens().await;
        listed
    };
    tokio::select! {
        listed = begins => if !listed {
            return Ok(Action::await_change());
        },
        () = step.shutdown.cancelled() => return Ok(Action::await_change()),
    }
    let namespace = object.namespace().unwrap_or_default();
    step.context.metrics.begun(&namespace, &object.name_any());
    Ok(reconcile::reconcile(&step.context, &step.caches, object).await)
}

/// A node that is gone leaves nothing behind in memory.
fn forget(context: &Context, gone: &ObjectRef<kube::api::DynamicObject>) {
    let namespace = gone.namespace.clone().unwrap_or_default();
    context.metrics.forget(&namespace, &gone.name);
    let name = NodeName { namespace, name: gone.name.clone() };
    let (probed, others) = {
        let mut memory = context.fleet.memory.lock();
        let probed: Vec<_> =
            memory.probed().map(|(node, _)| node).filter(|node| NodeName::from(node) == name).collect();
        (probed, memory.forget(&name))
    };
    probed.iter().for_each(|node| context.prober.end(node));
    others.iter().for_each(|node| context.fleet.wake(node));
}
