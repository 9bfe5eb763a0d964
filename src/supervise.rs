//! Starts everything, waits for a reason to stop, and stops in order.
//!
//! Readiness goes first. Then no new reconcile begins and running ones end, while webhooks are still served to callers that
//! have not heard of it; then the endpoints close. A second signal ends the process at once. A part that ends by itself
//! takes the process down with it, so that Kubernetes restarts it.

mod signals;
mod tasks;

use std::{convert::Infallible, pin::pin, task::Poll, time::Duration};

use futures::{FutureExt, poll};
use seinode_controller::{Baton, Election, Fence, Gate, Readiness, Terms};
use tokio::{net::TcpListener, sync::mpsc, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::tasks::{Ended, Tasks};
use crate::{
    admin::{self, Access, Limits, Transport},
    admission,
    clients::{self, Clients},
    settings::{Listen, MetricsAccess, Settings},
};

/// Time for running reconciles after a signal. The pod must be granted more: terminationGracePeriodSeconds.
const DRAIN: Duration = Duration::from_secs(10);
/// Further time for the controller to send its last events, and for the webhooks to answer the last calls, before they
/// are left behind. The webhooks take 13 s at most: `seinode_webhook::Limits`, grace and finish.
const OVERDUE: Duration = Duration::from_secs(5);

/// Reason why the operator did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The handlers of SIGTERM and SIGINT.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
    /// No way to an API server.
    #[error(transparent)]
    NoCluster(#[from] clients::NoCluster),
    /// The addresses that cannot be listened on.
    #[error("{}", .0.join("; "))]
    Bind(Vec<String>),
    /// A metric of ours is defined wrongly.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Admission cannot begin.
    #[error(transparent)]
    Admission(#[from] admission::Unprepared),
    /// TLS cannot be set up; a defect of ours.
    #[error("the metrics cannot be served through TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A part ended by itself.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// Reconciles were cut off.
    #[error(
        "a second signal ({0}) ended the process before its reconciles ended; the next start continues them"
    )]
    CutOff(&'static str),
}

/// Runs the operator until a signal has ended it.
///
/// # Errors
/// When it cannot start, a part of it ended by itself, or a second signal cut it off.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let signals = signals::listen().map_err(Failure::Signals)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = settings.instance,
        scope = ?settings.scope,
        concurrency = settings.concurrency,
        "starting"
    );
    let registry = admin::registry()?;
    let readiness = Readiness::default();
    let gate = readiness.gate("process", "it is starting");
    let counted = clients::count::Requests::register(&registry)?;
    let (fence, baton) = match settings.election {
        Some(_) => {
            let (fence, baton) = Fence::contested();
            (fence, Some(baton))
        }
        None => (Fence::open(), None),
    };
    let clients = clients::connect(settings.cluster.clone(), &counted, &fence).await?;
    let Listeners { health, metrics, webhooks } = listeners(&settings)?;
    let connections = admin::descriptors::share(admin::descriptors::raise());

    let mut parts = Parts::default();
    let admission = settings.admission.as_ref();
    let admission =
        admission.map(|admission| admission::assemble(admission, &clients, &registry)).transpose()?;
    let (transport, access) = match (settings.metrics_access, &admission) {
        (MetricsAccess::Reviewed, Some(parts)) => {
            (Transport::tls(parts.certificate())?, Some(Access::new(clients.request.clone())))
        }
        _ => (Transport::Plain, None),
    };
    let mut open = |name, listener: Option<TcpListener>, transport, routes| {
        if let Some(listener) = listener {
            let limits = Limits::of(&transport, connections);
            let serving = admin::serve(listener, transport, limits, routes, parts.close.clone());
            parts.serving.add(name, serving.map(Ok::<(), Infallible>));
        }
    };
    open("the health endpoint", health, Transport::Plain, admin::health_routes(readiness.clone()));
    open("the metrics endpoint", metrics, transport, admin::metrics_routes(registry.clone(), access));

    if let Some((admission, listener)) = admission.zip(webhooks) {
        let gate = readiness.gate("webhooks", "there is no certificate yet");
        parts.working.add("the webhook endpoint", admission.serve(listener, parts.rest.clone()));
        // Whoever still calls during the drain needs a certificate.
        parts.serving.add("the rotation of certificates", admission.keep(gate, parts.close.clone()));
    }

    let controller = seinode_controller::Settings {
        election: baton.map(|baton| candidate(&settings, &clients, baton)),
        watch_client: clients.watch,
        client: clients.fenced,
        fence,
        scope: settings.scope,
        platform: settings.platform,
        sidecar_url: settings.sidecar_url,
        instance: settings.instance,
        concurrency: settings.concurrency,
        rollouts: settings.rollouts,
        probe_interval: settings.probe_interval,
        drain: DRAIN,
    };
    let (rest, begun) = (parts.rest.clone(), gate.clone());
    parts.working.add("the controller", async move {
        let mut running = pin!(seinode_controller::run(controller, &readiness, &registry, rest));
        // It adds its own checks when it is first polled. Until then it means nothing that none of them fails.
        match poll!(running.as_mut()) {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                begun.open();
                running.await
            }
        }
    });
    parts.until_stopped(signals, &gate, DRAIN.saturating_add(OVERDUE)).await
}

/// A candidate for the Lease. Its identity is new with each process: one that was restarted in its pod is another.
fn candidate(settings: &Settings, clients: &Clients, baton: Baton) -> Election {
    let named = settings.election.as_ref().and_then(|election| election.namespace.clone());
    Election {
        client: clients.request.clone(),
        namespace: named.unwrap_or_else(|| clients.request.default_namespace().to_owned()),
        name: Election::LEASE.to_owned(),
        identity: format!("{}_{}", settings.instance, Uuid::new_v4()),
        terms: Terms::default(),
        baton,
    }
}

/// The listening sockets; `None` where an endpoint is switched off.
struct Listeners {
    health: Option<TcpListener>,
    metrics: Option<TcpListener>,
    webhooks: Option<TcpListener>,
}

/// Opens all sockets, so that the message names every address that is taken. Health comes first.
fn listeners(settings: &Settings) -> Result<Listeners, Failure> {
    let mut refused = Vec::new();
    let mut open = |endpoint: &str, flag: &str, listen: Listen| {
        let listener = admin::bind::bind(listen).unwrap_or_else(|error| {
            refused.push(format!("--{flag}: cannot listen on {listen}: {error}"));
            None
        });
        if let Some(address) = listener.as_ref().and_then(|listener| listener.local_addr().ok()) {
            tracing::info!(endpoint, %address, "listening");
        }
        listener
    };
    let health = open("health", "health-probe-bind-address", settings.health);
    let metrics = open("metrics", "metrics-bind-address", settings.metrics);
    let webhooks = settings.admission.as_ref().map_or(Listen::Off, |admission| admission.listen);
    let webhooks = open("webhooks", "webhook-bind-address", webhooks);
    if refused.is_empty() { Ok(Listeners { health, metrics, webhooks }) } else { Err(Failure::Bind(refused)) }
}

/// All running parts of the process, and the tokens that stop them.
#[derive(Default)]
struct Parts {
    /// Tasks that work on nodes.
    working: Tasks,
    /// Tells `working` to begin nothing new and to end.
    rest: CancellationToken,
    /// Tasks that answer about the process; they must outlive `working`.
    serving: Tasks,
    /// Tells `serving` to end.
    close: CancellationToken,
}

impl Parts {
    /// Waits for a signal or a part that ends by itself, then stops all in order.
    async fn until_stopped(
        mut self,
        mut signals: mpsc::Receiver<&'static str>,
        gate: &Gate,
        deadline: Duration,
    ) -> Result<(), Failure> {
        let outcome = tokio::select! {
            Some(signal) = signals.recv() => {
                tracing::info!(signal, "stopping: running reconciles end, no new ones begin");
                gate.wait(format!("it is stopping after {signal}"));
                Ok(())
            }
            ended = self.working.first_end() => Err(ended),
            ended = self.serving.first_end() => Err(ended),
        };
        if let Err(ended) = &outcome {
            tracing::error!("{ended}; stopping");
            gate.wait(format!("it is stopping: {ended}"));
        }
        self.rest.cancel();
        let rested = tokio::select! {
            Some(signal) = signals.recv() => return Err(Failure::CutOff(signal)),
            rested = time::timeout(deadline, self.working.all_end()) => rested,
        };
        let panicked = rested.unwrap_or_else(|_| {
            tracing::warn!(
                ?deadline,
                "reconciles are cut off, as they did not end in time; the next start continues them"
            );
            Ok(())
        });
        self.close.cancel();
        self.serving.all_end().await?;
        outcome?;
        panicked?;
        tracing::info!("stopped");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
