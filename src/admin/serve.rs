//! A small HTTP server: one request a connection, within a deadline, a bounded number of connections at once.
//!
//! Probes and scrapes need no more. Each server has slots of its own, so that clients of one cannot starve another.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    pin, time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connections::{Connections, Phase, Slot},
    transport::{Stream, Transport},
};

/// Bounds of one server.
#[derive(Clone)]
pub struct Limits {
    /// Connections at once; one more evicts one of them.
    pub connections: usize,
    /// From the connection to the end of the request header, the TLS handshake included.
    pub header: Duration,
    /// From the end of the request header to the end of the response.
    pub response: Duration,
}

/// Bytes of a request header: a bearer token has one or two thousand.
const HEADER_BYTES: usize = 16 << 10;
/// Time for responses under way after the stop.
const DRAIN: Duration = Duration::from_secs(1);
/// Wait when the machine has no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(10);
/// Least time between two log lines about connections that cannot be accepted.
const SILENCE: Duration = Duration::from_secs(60);

impl Limits {
    /// The bounds of a server with this many connections. A TLS handshake takes both sides some computing, which a busy
    /// machine spreads over seconds.
    pub fn of(transport: &Transport, connections: usize) -> Self {
        let header = Duration::from_secs(if matches!(transport, Transport::Plain) { 1 } else { 5 });
        Self { connections, header, response: Duration::from_secs(10) }
    }
}

/// Serves until `stop` is cancelled.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    limits: Limits,
    routes: Router,
    stop: CancellationToken,
) {
    let connections = Connections::new(limits.connections);
    let tasks = TaskTracker::new();
    let accept_all = async {
        let mut reported = None;
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) if is_of_the_client(&error) => continue,
                Err(error) => {
                    report(&error, &mut reported);
                    connections.evict();
                    time::sleep(EXHAUSTED).await;
                    continue;
                }
            };
            let stream = Arc::new(stream);
            let socket = Arc::clone(&stream);
            let slot = connections.admit(move || has_bytes(&socket)).await;
            tasks.spawn(hold(stream, slot, transport.clone(), limits.clone(), routes.clone()));
        }
    };
    stop.run_until_cancelled(accept_all).await;
    tasks.close();
    // Responses that are not complete by then are cut off.
    let _ = time::timeout(DRAIN, tasks.wait()).await;
}

/// True if a socket has bytes, or its end, to read.
fn has_bytes(socket: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    SockRef::from(socket).peek(&mut byte).is_ok()
}

/// Errors of a connection that was gone before it could be accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn report(error: &io::Error, reported: &mut Option<Instant>) {
    if reported.is_none_or(|at| at.elapsed() >= SILENCE) {
        tracing::warn!(%error, "connections cannot be accepted");
        *reported = Some(Instant::now());
    }
}

/// Holds a connection until it ends, is evicted or exceeds a deadline.
async fn hold(stream: Arc<TcpStream>, slot: Slot, transport: Transport, limits: Limits, routes: Router) {
    let served = async {
        // Until then it needs no buffers.
        if stream.readable().await.is_err() {
            return;
        }
        // A handshake that is not complete is worth no more than silence.
        slot.enter(if matches!(transport, Transport::Plain) { Phase::Asking } else { Phase::Silent });
        // Nobody else has the socket now.
        let Some(stream) = Arc::into_inner(stream) else { return };
        match transport.open(stream).await {
            Ok(Stream::Plain(stream)) => respond(stream, &slot, routes).await,
            Ok(Stream::Tls(stream)) => respond(stream, &slot, routes).await,
            // A client that cannot shake hands is its own business.
            Err(_) => {}
        }
    };
    pin!(served);
    tokio::select! {
        () = &mut served => return,
        () = slot.evicted() => return,
        () = time::sleep(limits.header) => {}
    }
    if slot.is_answering() {
        tokio::select! {
            () = served => {}
            () = slot.evicted() => {}
            () = time::sleep(limits.response) => {}
        }
    }
}

async fn respond(stream: impl AsyncRead + AsyncWrite + Unpin, slot: &Slot, routes: Router) {
    slot.enter(Phase::Asking);
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|request| {
        slot.enter(Phase::Answering);
        hyper::service::Service::call(&routes, request)
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEADER_BYTES).max_headers(64);
    // A client that goes away or sends nonsense is its own business.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinHandle,
    };

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn start(limits: Limits) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let routes = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/never", get(|| async { std::future::pending::<()>().await }));
        (address, stop.clone(), tokio::spawn(serve(listener, Transport::Plain, limits, routes, stop)))
    }

    async fn send(address: SocketAddr, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    async fn rest(client: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        // A connection that is cut off may end in a reset.
        let _ =
            time::timeout(Duration::from_secs(30), client.read_to_end(&mut answer)).await.expect("no end");
        String::from_utf8(answer).unwrap()
    }

    async fn get_from(address: SocketAddr) -> String {
        rest(&mut send(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await).await
    }

    #[tokio::test]
    async fn one_request_is_answered_and_the_connection_closed() {
        let (address, stop, server) = start(Limits { connections: 1, header: HOUR, response: HOUR }).await;
        let answer = get_from(address).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
        stop.cancel();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn silent_slow_and_unread_connections_are_evicted() {
        for greedy in ["", "GET / HTTP/1.1\r\nHos", "GET /never HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let (address, _stop, _server) =
                start(Limits { connections: 1, header: HOUR, response: HOUR }).await;
            let mut greedy = send(address, greedy).await;
            assert!(get_from(address).await.ends_with("hello"));
            assert_eq!(rest(&mut greedy).await, "");
        }
    }

    #[tokio::test]
    async fn a_header_has_a_deadline_of_its_own() {
        let header = Duration::from_millis(100);
        let (address, _stop, _server) = start(Limits { connections: 9, header, response: HOUR }).await;
        let mut never = send(address, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(rest(&mut send(address, "GET / HTTP/1.1\r\nHos").await).await, "", "it is still open");
        assert!(never.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
        never.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_huge_header_is_refused() {
        let (address, _stop, _server) = start(Limits::of(&Transport::Plain, 9)).await;
        let huge = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
        let mut client = TcpStream::connect(address).await.unwrap();
        let _ = client.write_all(huge.as_bytes()).await;
        let answer = rest(&mut client).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
}
