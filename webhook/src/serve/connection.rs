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
    server::{NoServerSessionStorage, ResolvesServerCert},
    version::TLS13,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{io::InspectReader, sync::CancellationToken};

use super::{
    crowd::Seat,
    limits::Limits,
    phase::{Phase, Pulse, end_of},
};
use crate::{
    handshake::{self, Reason},
    metrics::Metrics,
};

/// The largest header that is read, in bytes. Go's own limit is 1 MiB; API servers send less than 1 KiB.
const HEADER: usize = 64 << 10;

/// What all connections share.
pub(super) struct Common {
    pub(super) acceptor: TlsAcceptor,
    pub(super) routes: TowerToHyperService<Router>,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    /// Cancelled when the server is going to stop: every answer ends its connection.
    pub(super) leaving: CancellationToken,
    /// Cancelled when it stops: idle connections end at once.
    pub(super) closing: CancellationToken,
}

/// TLS 1.3 and HTTP/1.1, which is what API servers speak to webhooks. Nothing is resumed: a session ticket would keep
/// an authority in use that is no longer trusted.
pub(super) fn tls(certificates: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Serves a connection until it ends, has to give way, or took too long over something.
pub(super) async fn hold(stream: TcpStream, common: Arc<Common>, seat: Seat) {
    match handshake(stream, &common, &seat).await {
        Ok(stream) => {
            seat.pulse.enter(Phase::Idle);
            converse(stream, &common, seat).await;
        }
        Err(Some(reason)) => common.metrics.handshake_failed(reason),
        // The server stops.
        Err(None) => {}
    }
}

async fn handshake(
    stream: TcpStream,
    common: &Common,
    seat: &Seat,
) -> Result<TlsStream<TcpStream>, Option<Reason>> {
    // Answers are small and awaited.
    let _ = stream.set_nodelay(true);
    tokio::select! {
        shaken = timeout(common.limits.handshake, common.acceptor.accept(stream)) => match shaken {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Some(handshake::of(&error))),
            Err(_) => Err(Some(Reason::Timeout)),
        },
        () = seat.displaced.cancelled() => Err(Some(Reason::Displaced)),
        () = common.closing.cancelled() => Err(None),
    }
}

async fn converse(stream: TlsStream<TcpStream>, common: &Arc<Common>, seat: Seat) {
    let Seat { pulse, displaced } = seat;
    let mut phases = pulse.watch();
    let inspected = {
        let pulse = pulse.clone();
        InspectReader::new(stream, move |bytes| {
            if !bytes.is_empty() {
                pulse.bytes();
            }
        })
    };
    let born = Instant::now();
    let service = {
        let common = Arc::clone(common);
        service_fn(move |request| answer(request, Arc::clone(&common), pulse.clone(), born))
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
            // A client that goes away is its own business.
            _ = connection.as_mut() => return,
            () = overdue => return,
            Ok(()) = phases.changed() => {}
            () = common.closing.cancelled(), if !ends => {
                ends = true;
                connection.as_mut().graceful_shutdown();
            }
            () = displaced.cancelled(), if !ends => {
                common.metrics.displaced();
                ends = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Answers a request, and ends the connection with it when the server is leaving or the connection is old.
async fn answer(
    request: Request<Incoming>,
    common: Arc<Common>,
    pulse: Pulse,
    born: Instant,
) -> Result<axum::response::Response, Infallible> {
    pulse.enter(Phase::Busy);
    let mut response = common.routes.call(request).await?;
    if common.leaving.is_cancelled() || born.elapsed() >= common.limits.age {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    pulse.enter(Phase::Idle);
    Ok(response)
}
