//! A replica as far as certificates go: the loop that keeps its certificate, and a webhook server that presents it and
//! allows everything.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use axum::{Json, Router, response::AppendHeaders, routing::post, serve::Listener};
use http::header::CONNECTION;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use rustls::{ServerConfig, crypto::ring, version::TLS13};
use seinode_certs::{
    Clock, Configuration, Handle, Lifetimes, Names, Origin, Readiness, Report, SecretName, Settings, prepare,
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::kit::{eventually, wait::DEADLINE};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Settings that a replica is started with.
#[derive(Clone)]
pub struct ReplicaSettings {
    pub client: Client,
    pub namespace: String,
    pub configurations: Vec<Configuration>,
    pub lifetimes: Lifetimes,
    pub origin: Option<Origin>,
}

pub struct Replica {
    pub handle: Handle,
    /// Number of seconds that its wall clock is ahead.
    pub ahead: Arc<AtomicI64>,
    pub address: SocketAddr,
    _ends_with_it: DropGuard,
}

impl Replica {
    /// Starts it; it stops when it is dropped.
    pub async fn start(settings: &ReplicaSettings) -> Self {
        let ahead = Arc::new(AtomicI64::new(0));
        let seconds = Arc::clone(&ahead);
        let clock = Clock::new(move || {
            let ahead = seconds.load(std::sync::atomic::Ordering::Relaxed);
            Timestamp::now() + SignedDuration::from_secs(ahead)
        });
        let secret = SecretName { namespace: settings.namespace.clone(), name: "webhook-authority".into() };
        let (handle, certificates) = prepare(Settings {
            watch_client: settings.client.clone(),
            client: settings.client.clone(),
            origin: settings.origin.clone().unwrap_or(Origin::SelfManaged(secret)),
            names: Names::parse(&["127.0.0.1"]).unwrap(),
            configurations: settings.configurations.clone(),
            lifetimes: settings.lifetimes.clone(),
            clock,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let rest = CancellationToken::new();
        tokio::spawn(certificates.run(rest.clone()));
        let serving = axum::serve(Tls { listener, acceptor: acceptor(&handle) }, routes());
        tokio::spawn(serving.with_graceful_shutdown(rest.clone().cancelled_owned()).into_future());
        Self { handle, ahead, address, _ends_with_it: rest.drop_guard() }
    }

    /// Waits for a report, and says what the last one was when it does not come.
    pub async fn until(&self, what: &str, holds: impl FnMut(&Report) -> bool) -> Report {
        let mut reports = self.handle.report.clone();
        let waited = timeout(DEADLINE, reports.wait_for(holds)).await;
        let last = self.report();
        waited.unwrap_or_else(|_| panic!("{what}; last: {last:#?}")).unwrap().clone()
    }

    pub async fn ready(&self) {
        self.until("it is ready", |report| report.readiness == Readiness::Ready).await;
    }

    /// Waits until it is not ready, for a reason that has these words.
    pub async fn says(&self, words: &str) {
        let says =
            |report: &Report| matches!(&report.readiness, Readiness::Waiting(why) if why.contains(words));
        self.until(words, says).await;
    }

    pub fn report(&self) -> Report {
        self.handle.report.borrow().clone()
    }

    /// The certificate that it presents.
    pub fn presented(&self) -> Vec<u8> {
        self.handle.resolver.presented().unwrap().cert[0].to_vec()
    }

    /// Waits until it presents another certificate.
    pub async fn presents_other_than(&self, before: &[u8]) {
        eventually("another certificate is presented", async || {
            if self.presented() == before { Err(self.report()) } else { Ok(()) }
        })
        .await;
    }

    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }
}

fn acceptor(handle: &Handle) -> TlsAcceptor {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13]).unwrap().with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::clone(&handle.resolver) as _);
    config.send_tls13_tickets = 0;
    TlsAcceptor::from(Arc::new(config))
}

/// Allows everything, and ends the connection: every call is a handshake.
fn routes() -> Router {
    let allow = async |Json(review): Json<Value>| {
        let response = json!({ "uid": review["request"]["uid"], "allowed": true });
        let answer =
            json!({ "apiVersion": review["apiVersion"], "kind": review["kind"], "response": response });
        (AppendHeaders([(CONNECTION, "close")]), Json(answer))
    };
    Router::new().route("/", post(allow))
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else { continue };
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, self.acceptor.accept(stream)).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
