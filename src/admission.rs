//! Composes admission: the certificate, the server that presents it, and the gate of readiness.
//!
//! Every replica serves, whoever leads. Judging is `seinode-webhook`'s business, the certificate `seinode-certs`'; here
//! they only meet.

mod metrics;

use std::{convert::Infallible, sync::Arc};

use futures::FutureExt;
use prometheus::Registry;
use rustls::server::ResolvesServerCert;
use seinode_certs::{
    Certificates, Clock, Configuration, Handle, Kind, Lifetimes, Names, Origin, Readiness, Report,
    SecretName, Settings, prepare,
};
use seinode_controller::Gate;
use seinode_webhook::{Door, Limits, Metrics, review, serve};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use self::metrics::Presented;
use crate::{
    clients::Clients,
    settings::admission::{Admission, Authority},
};

/// What admission consists of, before it runs.
pub struct Parts {
    handle: Handle,
    certificates: Certificates,
    metrics: Metrics,
}

/// Why admission cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// The names of the certificate.
    #[error("the certificate of the webhooks cannot be made: {0}")]
    Names(#[from] seinode_certs::BadNames),
    /// A metric of ours is defined wrongly.
    #[error("the metrics of admission cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Prepares everything and does nothing yet.
///
/// # Errors
/// When the namespace of the kubeconfig fits no DNS name, or a metric is defined wrongly.
pub fn assemble(admission: &Admission, clients: &Clients, registry: &Registry) -> Result<Parts, Unprepared> {
    let namespace =
        admission.namespace.clone().unwrap_or_else(|| clients.request.default_namespace().to_owned());
    let names = match &*admission.names {
        [] => vec![format!("{}.{namespace}.svc", Admission::SERVICE)],
        names => names.to_vec(),
    };
    let origin = match &admission.authority {
        Authority::Secret(name) => Origin::SelfManaged(SecretName { namespace, name: name.clone() }),
        Authority::Files(files) => Origin::Files(files.clone()),
    };
    let configuration = |kind, name: &String| Configuration { kind, name: name.clone() };
    let (handle, certificates) = prepare(Settings {
        watch_client: clients.watch.clone(),
        client: clients.request.clone(),
        origin,
        names: Names::parse(&names)?,
        configurations: vec![
            configuration(Kind::Mutating, &admission.mutating),
            configuration(Kind::Validating, &admission.validating),
        ],
        lifetimes: Lifetimes::default(),
        clock: Clock::system(),
    });
    registry.register(Box::new(Presented::new(handle.report.clone())?))?;
    Ok(Parts { handle, certificates, metrics: Metrics::register(registry)? })
}

impl Parts {
    /// The certificate, for another server of this process.
    pub fn certificate(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.handle.resolver) as _
    }

    /// Serves on a socket until `stop` is cancelled and the drain after it is over.
    ///
    /// # Errors
    /// When TLS cannot be set up; a defect of ours.
    pub fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), rustls::Error>> + Send + use<> {
        let door = Door { listener, certificates: Arc::clone(&self.handle.resolver) as _ };
        serve(door, Arc::new(review::answer), Limits::default(), self.metrics.clone(), stop)
    }

    /// Keeps the certificate in order and the gate in step with it, until `close` is cancelled.
    pub fn keep(
        self,
        gate: Gate,
        close: CancellationToken,
    ) -> impl Future<Output = Result<(), Infallible>> + Send {
        let Self { handle, certificates, metrics: _ } = self;
        async move {
            let following = follow(handle.report, gate);
            tokio::select! {
                () = certificates.run(close.clone()) => {}
                // It ends when the certificates stop, which then end too.
                () = following.then(|()| close.cancelled()) => {}
            }
            Ok(())
        }
    }
}

/// Shuts the gate while the API servers cannot call this replica.
async fn follow(mut report: watch::Receiver<Report>, gate: Gate) {
    loop {
        match &report.borrow_and_update().readiness {
            Readiness::Ready => gate.open(),
            Readiness::Waiting(why) => gate.wait(why),
        }
        if report.changed().await.is_err() {
            return;
        }
    }
}
