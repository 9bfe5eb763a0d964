//! Starts everything, waits for a reason to stop, and stops in order.
//!
//! Readiness goes first, then no new pass begins and running ones end, while webhooks are served on for those who have
//! not learned of it; then the endpoints close. A second signal ends
//! the process at once; a part that ends by itself takes the process down with it, so that Kubernetes starts it anew.

mod crew;
mod signals;

use std::{convert::Infallible, pin::pin, task::Poll, time::Duration};

use futures::{FutureExt, poll};
use seinode_controller::{Baton, Election, Fence, Gate, Readiness, Settings, Terms};
use tokio::{net::TcpListener, sync::mpsc, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::crew::{Crew, Ended};
use crate::{
    admin::{self, Access, Limits, Transport},
    admission,
    clients::{self, Clients},
    config::{Configuration, Listen, MetricsAccess},
};

/// How long running passes may go on after a signal. Their pod must be granted more: terminationGracePeriodSeconds.
const DRAIN: Duration = Duration::from_secs(10);
/// How much longer the controller may take to send its last events, and the webhooks to answer the last calls, before
/// they are left behind. The webhooks take 13 s at most: `seinode_webhook::Limits`, grace and finish.
const OVERDUE: Duration = Duration::from_secs(5);

/// Why the operator did not start, or did not end well.
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
    /// Passes were cut off.
    #[error("a second signal ({0}) ended the process before its passes did; the next start continues them")]
    CutOff(&'static str),
}

/// Runs the operator until a signal has ended it.
///
/// # Errors
/// When it cannot start, a part of it ended by itself, or a second signal cut it off.
pub async fn run(configuration: Configuration) -> Result<(), Failure> {
    let signals = signals::listen().map_err(Failure::Signals)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = configuration.instance,
        scope = ?configuration.scope,
        concurrency = configuration.concurrency,
        "starting"
    );
    let registry = admin::registry()?;
    let readiness = Readiness::default();
    let gate = readiness.gate("process", "it is starting");
    let counted = clients::count::Requests::register(&registry)?;
    let (fence, baton) = match configuration.election {
        Some(_) => {
            let (fence, baton) = Fence::contested();
            (fence, Some(baton))
        }
        None => (Fence::open(), None),
    };
    let clients = clients::connect(configuration.cluster.clone(), &counted, &fence).await?;
    let Listeners { health, metrics, webhooks } = listeners(&configuration)?;
    let limits = Limits::with(admin::descriptors::share(admin::descriptors::raise()));

    let mut fleet = Fleet::default();
    let admission = configuration.admission.as_ref();
    let admission =
        admission.map(|admission| admission::assemble(admission, &clients, &registry)).transpose()?;
    let (transport, access) = match (configuration.metrics_access, &admission) {
        (MetricsAccess::Reviewed, Some(parts)) => {
            (Transport::tls(parts.certificate())?, Some(Access::new(clients.request.clone())))
        }
        _ => (Transport::Plain, None),
    };
    let mut open = |name, listener: Option<TcpListener>, transport, routes| {
        if let Some(listener) = listener {
            let serving = admin::serve(listener, transport, limits.clone(), routes, fleet.close.clone());
            fleet.serving.add(name, serving.map(Ok::<(), Infallible>));
        }
    };
    open("the health endpoint", health, Transport::Plain, admin::health_routes(readiness.clone()));
    open("the metrics endpoint", metrics, transport, admin::metrics_routes(registry.clone(), access));

    if let Some((parts, listener)) = admission.zip(webhooks) {
        let gate = readiness.gate("webhooks", "there is no certificate yet");
        fleet.working.add("the webhook endpoint", parts.serve(listener, fleet.rest.clone()));
        // Whoever still calls during the drain needs a certificate.
        fleet.serving.add("the keeper of certificates", parts.keep(gate, fleet.close.clone()));
    }

    let settings = Settings {
        election: baton.map(|baton| candidate(&configuration, &clients, baton)),
        watch_client: clients.watch,
        client: clients.fenced,
        fence,
        scope: configuration.scope,
        platform: configuration.platform,
        sidecar_url: configuration.sidecar_url,
        instance: configuration.instance,
        concurrency: configuration.concurrency,
        max_concurrent_rollouts: configuration.rollouts,
        probe_interval: configuration.probe_interval,
        drain: DRAIN,
    };
    let (rest, begun) = (fleet.rest.clone(), gate.clone());
    fleet.working.add("the controller", async move {
        let mut running = pin!(seinode_controller::run(settings, &readiness, &registry, rest));
        // It puts up its own gates when it is first polled. Until then that none of them is shut means nothing.
        match poll!(running.as_mut()) {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                begun.open();
                running.await
            }
        }
    });
    fleet.until_stopped(signals, &gate, DRAIN + OVERDUE).await
}

/// A candidate for the Lease. Its identity is new with each process: one that was restarted in its pod is another.
fn candidate(configuration: &Configuration, clients: &Clients, baton: Baton) -> Election {
    let named = configuration.election.as_ref().and_then(|election| election.namespace.clone());
    Election {
        client: clients.request.clone(),
        namespace: named.unwrap_or_else(|| clients.request.default_namespace().to_owned()),
        name: Election::LEASE.to_owned(),
        identity: format!("{}_{}", configuration.instance, Uuid::new_v4()),
        terms: Terms::default(),
        baton,
    }
}

/// The sockets, each where it is wanted.
struct Listeners {
    health: Option<TcpListener>,
    metrics: Option<TcpListener>,
    webhooks: Option<TcpListener>,
}

/// Opens all sockets, so that the message names every address that is taken. Health comes first.
fn listeners(configuration: &Configuration) -> Result<Listeners, Failure> {
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
    let health = open("health", "health-probe-bind-address", configuration.health);
    let metrics = open("metrics", "metrics-bind-address", configuration.metrics);
    let webhooks = configuration.admission.as_ref().map_or(Listen::Off, |admission| admission.listen);
    let webhooks = open("webhooks", "webhook-bind-address", webhooks);
    if refused.is_empty() { Ok(Listeners { health, metrics, webhooks }) } else { Err(Failure::Bind(refused)) }
}

/// Everything that runs, and how it is told to stop.
#[derive(Default)]
struct Fleet {
    /// What works on nodes.
    working: Crew,
    /// Tells `working` to begin nothing new and to end.
    rest: CancellationToken,
    /// What answers about the process; it must outlive `working`.
    serving: Crew,
    /// Tells `serving` to end.
    close: CancellationToken,
}

impl Fleet {
    /// Waits for a signal or a part that ends by itself, then stops all in order.
    async fn until_stopped(
        mut self,
        mut signals: mpsc::Receiver<&'static str>,
        gate: &Gate,
        patience: Duration,
    ) -> Result<(), Failure> {
        let outcome = tokio::select! {
            Some(signal) = signals.recv() => {
                tracing::info!(signal, "stopping: running passes end, no new ones begin");
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
            rested = time::timeout(patience, self.working.all_end()) => rested,
        };
        let panicked = rested.unwrap_or_else(|_| {
            tracing::warn!(
                ?patience,
                "passes are cut off, as they did not end in time; the next start continues them"
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
