//! One connection, from the handshake to its end.

use std::{convert::Infallible, pin::pin, sync::Arc};

use axum::Router;
use http::{HeaderValue, Request, header::CONNECTION};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustls::{
    ServerConfig,
    crypto::ring,
    server::{NoClientAuth, NoServerSessionStorage, ResolvesServerCert, danger::ClientCertVerifier},
    version::TLS13,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{io::InspectReader, sync::CancellationToken};

use super::{
    connections::Slot,
    limits::Limits,
    state::{Phase, end_of},
};
use crate::{
    handshake::{self, Reason},
    metrics::Metrics,
};

/// The largest header that is read, in bytes. Go's own limit is 1 MiB; API servers send less than 1 KiB.
const HEADER: usize = 64 << 10;

/// The context that all connections share.
pub(super) struct Common {
    pub(super) acceptor: TlsAcceptor,
    pub(super) routes: TowerToHyperService<Router>,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    /// Cancelled when the server is going to stop: every response ends its connection.
    pub(super) leaving: CancellationToken,
    /// Cancelled when the server stops: idle connections end at once.
    pub(super) closing: CancellationToken,
}

/// TLS 1.3 and HTTP/1.1, which is what API servers speak to webhooks. Sessions are not resumed: a session ticket would keep
/// an authority in use that is no longer trusted. Without `clients` everybody may connect.
pub(super) fn tls(
    certificates: Arc<dyn ResolvesServerCert>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, rustls::Error> {
    let clients = clients.unwrap_or_else(|| Arc::new(NoClientAuth));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Serves a connection until it ends, is evicted, or times out.
pub(super) async fn serve(stream: TcpStream, common: Arc<Common>, slot: Slot) {
    match handshake(stream, &common, &slot).await {
        Ok(stream) => {
            slot.state.enter(Phase::New);
            converse(stream, &common, slot).await;
        }
        Err(Some(reason)) => common.metrics.handshake_failed(reason),
        // The server stops.
        Err(None) => {}
    }
}

async fn handshake(
    stream: TcpStream,
    common: &Common,
    slot: &Slot,
) -> Result<TlsStream<TcpStream>, Option<Reason>> {
    // Responses are small and awaited.
    let _ = stream.set_nodelay(true);
    tokio::select! {
        accepted = timeout(common.limits.handshake, common.acceptor.accept(stream)) => match accepted {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Some(handshake::of(&error))),
            Err(_) => Err(Some(Reason::Timeout)),
        },
        () = slot.evicted.cancelled() => Err(Some(Reason::Displaced)),
        () = common.closing.cancelled() => Err(None),
    }
}

async fn converse(stream: TlsStream<TcpStream>, common: &Arc<Common>, slot: Slot) {
    let mut phases = slot.state.watch();
    let evicted = slot.evicted.clone();
    let inspected = {
        let state = slot.state.clone();
        InspectReader::new(stream, move |bytes| {
            if !bytes.is_empty() {
                state.received();
            }
        })
    };
    let born = Instant::now();
    let service = {
        let common = Arc::clone(common);
        service_fn(move |request| respond(request, Arc::clone(&common), slot.clone(), born))
    };
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(HEADER);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(inspected), service));
    let mut ends = false;
    loop {
        let end = end_of(*phases.borrow_and_update(), &common.limits);
        let overdue = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // A client may go away at any time.
            _ = connection.as_mut() => break,
            () = overdue => break,
            Ok(()) = phases.changed() => {}
            () = common.closing.cancelled(), if !ends => {
                ends = true;
                connection.as_mut().graceful_shutdown();
            }
            () = evicted.cancelled(), if !ends => {
                ends = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
    if evicted.is_cancelled() {
        common.metrics.evicted();
    }
}

/// Responds to a request, and ends the connection with it when the server is leaving or the connection is old.
async fn respond(
    mut request: Request<Incoming>,
    common: Arc<Common>,
    slot: Slot,
    born: Instant,
) -> Result<axum::response::Response, Infallible> {
    slot.state.enter(Phase::Body);
    request.extensions_mut().insert(slot.clone());
    let mut response = common.routes.call(request).await?;
    if common.leaving.is_cancelled() || born.elapsed() >= common.limits.age {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    slot.state.enter(Phase::Idle);
    Ok(response)
}
