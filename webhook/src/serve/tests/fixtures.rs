//! A server for the tests, and its certificate.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus::{Registry, TextEncoder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::super::{Limits, Listener, serve};
use crate::{
    Metrics,
    clients::Clients,
    endpoint::Endpoint,
    review::{Response, Summary},
};

const ENDPOINT: Endpoint = Endpoint::ALL[0];
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Path of the endpoint that the tests call.
pub(super) fn path() -> &'static str {
    ENDPOINT.path()
}

pub(super) fn name() -> &'static str {
    ENDPOINT.name()
}

/// A reviewer that reports the length of the body.
pub(super) fn allow(_: Endpoint, body: &[u8]) -> Response {
    let summary = Summary { operation: "CREATE", allowed: true, code: 200, ..Summary::default() };
    Response { status: 200, body: format!("reviewed {} bytes", body.len()).into_bytes(), summary }
}

pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) authority: CertificateDer<'static>,
    pub(super) presented: Arc<Presented>,
    pub(super) stop: CancellationToken,
    registry: Registry,
    server: JoinHandle<Result<(), rustls::Error>>,
}

impl Served {
    pub(super) async fn start(
        limits: Limits,
        reviewer: impl Fn(Endpoint, &[u8]) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::start_for(None, limits, reviewer).await
    }

    /// Serves clients with a certificate of the authority in a file only.
    pub(super) async fn for_clients_of(authority: &Path) -> Self {
        let clients = Arc::new(Clients::read(authority).unwrap());
        Self::start_for(Some(clients), Limits::default(), allow).await
    }

    async fn start_for(
        clients: Option<Arc<Clients>>,
        limits: Limits,
        reviewer: impl Fn(Endpoint, &[u8]) -> Response + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (authority, certified) = certificate();
        let presented = Arc::new(Presented(Mutex::new(Some(Arc::new(certified)))));
        let (registry, stop) = (Registry::new(), CancellationToken::new());
        let metrics = Metrics::register(&registry).unwrap();
        let clients = clients.map(|clients| clients as _);
        let listener = Listener { socket, certificates: Arc::clone(&presented) as _, clients };
        let server = tokio::spawn(serve(listener, Arc::new(reviewer), limits, metrics, stop.clone()));
        Self { address, authority, presented, stop, registry, server }
    }

    /// The value of a series, 0 where there is none.
    pub(super) fn metric(&self, series: &str) -> f64 {
        let text = self.text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    pub(super) async fn ended(self) {
        timeout(PATIENCE, self.server).await.expect("it serves on").unwrap().unwrap();
    }
}

/// Waits until a metric shows something.
pub(super) async fn counted(served: &Served, what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not counted: {what}; {}", served.text()));
}

/// A certificate that can be taken away.
#[derive(Debug)]
pub(super) struct Presented(Mutex<Option<Arc<CertifiedKey>>>);

impl Presented {
    pub(super) fn take_away(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.lock().unwrap().clone()
    }
}

/// An authority that signed nothing here.
pub(super) fn other_authority() -> CertificateDer<'static> {
    certificate().0
}

fn certificate() -> (CertificateDer<'static>, CertifiedKey) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let certified =
        CertifiedKey::from_der(vec![leaf.der().clone()], private, &ring::default_provider()).unwrap();
    (issuer.der().clone(), certified)
}

/// An authority of clients: its certificate as PEM, and a certificate that it signed, with its key.
pub(super) fn client_authority() -> (String, (CertificateDer<'static>, PrivateKeyDer<'static>)) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["apiserver".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (issuer.pem(), (leaf.der().clone(), private))
}
