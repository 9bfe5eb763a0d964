//! Composes admission: the certificate, the server that presents it, and the readiness check.
//!
//! Every replica serves, whoever leads. `seinode-webhook` reviews, `seinode-certs` provides the certificate; this module
//! only connects them.

mod metrics;

use std::{convert::Infallible, path::PathBuf, sync::Arc};

use futures::FutureExt;
use prometheus::Registry;
use rustls::server::ResolvesServerCert;
use seinode_certs::{
    Certificates, Clock, Configuration, Handle, Kind, Lifetimes, Names, Origin, Readiness, Report,
    SecretName, Settings, prepare,
};
use seinode_controller::Gate;
use seinode_webhook::{
    Limits, Listener, Metrics,
    clients::{BadAuthority, Clients as ApiServers},
    review, serve,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use self::metrics::Presented;
use crate::{
    clients::Clients,
    settings::admission::{Admission, Authority},
};

/// The parts of admission, before it runs.
pub struct Parts {
    handle: Handle,
    certificates: Certificates,
    clients: Option<Arc<ApiServers>>,
    metrics: Metrics,
}

/// Reasons why admission cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// The names of the certificate.
    #[error("the certificate of the webhooks cannot be made: {0}")]
    Names(#[from] seinode_certs::BadNames),
    /// The file of the authority of clients.
    #[error("--webhook-client-ca: {file} {reason}: name a file with the certificate of an authority, in PEM")]
    Clients {
        /// The file.
        file: PathBuf,
        /// Fault of the file.
        reason: BadAuthority,
    },
    /// A metric of ours is defined wrongly.
    #[error("the metrics of admission cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Prepares everything and does nothing yet.
///
/// # Errors
/// When the namespace of the kubeconfig does not fit into a DNS name, the authority of clients cannot be read, or a metric is
/// defined wrongly.
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
    let clients = admission.clients.as_ref().map(|file| {
        let clients = ApiServers::read(file).map(Arc::new);
        clients.map_err(|reason| Unprepared::Clients { file: file.clone(), reason })
    });
    Ok(Parts { handle, certificates, clients: clients.transpose()?, metrics: Metrics::register(registry)? })
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
        socket: TcpListener,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), rustls::Error>> + Send + use<> {
        let certificates = Arc::clone(&self.handle.resolver) as _;
        let clients = self.clients.clone();
        let listener =
            Listener { socket, certificates, clients: clients.clone().map(|clients| clients as _) };
        let serving =
            serve(listener, Arc::new(review::respond), Limits::default(), self.metrics.clone(), stop);
        async move {
            let Some(clients) = clients else { return serving.await };
            tokio::select! {
                served = serving => served,
                never = clients.follow() => match never {},
            }
        }
    }

    /// Renews the certificate and updates the readiness check, until `close` is cancelled.
    pub fn keep(
        self,
        gate: Gate,
        close: CancellationToken,
    ) -> impl Future<Output = Result<(), Infallible>> + Send {
        let Self { handle, certificates, clients: _, metrics: _ } = self;
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

/// Fails the readiness check while the API servers cannot call this replica.
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
