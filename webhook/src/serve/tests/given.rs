//! A server as the tests are given it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus::{Registry, TextEncoder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::super::{Door, Limits, serve};
use crate::{
    Metrics,
    endpoint::Endpoint,
    review::{Answer, Facts},
};

const ENDPOINT: Endpoint = Endpoint::ALL[0];
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Its path.
pub(super) fn path() -> &'static str {
    ENDPOINT.path()
}

pub(super) fn name() -> &'static str {
    ENDPOINT.name()
}

/// Says how much it was given.
pub(super) fn allow(_: Endpoint, body: &[u8]) -> Answer {
    let facts = Facts { operation: "CREATE", allowed: true, code: 200, ..Facts::default() };
    Answer { status: 200, body: format!("judged {} bytes", body.len()).into_bytes(), facts }
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
        judge: impl Fn(Endpoint, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (authority, certified) = certificate();
        let presented = Arc::new(Presented(Mutex::new(Some(Arc::new(certified)))));
        let (registry, stop) = (Registry::new(), CancellationToken::new());
        let metrics = Metrics::register(&registry).unwrap();
        let door = Door { listener, certificates: Arc::clone(&presented) as _ };
        let server = tokio::spawn(serve(door, Arc::new(judge), limits, metrics, stop.clone()));
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

/// Waits until something was counted.
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
pub(super) fn stranger() -> CertificateDer<'static> {
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
