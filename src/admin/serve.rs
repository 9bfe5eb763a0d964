//! A small HTTP server: one request a connection, within a deadline, a bounded number at once.
//!
//! Probes and scrapes need no more, and so a client that is slow, silent or greedy holds nothing for long.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, sync::Semaphore, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What one server grants.
struct Limits {
    /// From the connection to the end of the response.
    deadline: Duration,
    /// Connections at once; more wait in the kernel's queue.
    at_once: usize,
}

const LIMITS: Limits = Limits { deadline: Duration::from_secs(10), at_once: 64 };
/// How long answers under way may go on after the stop.
const DRAIN: Duration = Duration::from_secs(1);
/// Pause when the machine has no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    serve_within(LIMITS, listener, routes, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, routes: Router, stop: CancellationToken) {
    let Limits { deadline, at_once } = limits;
    let places = Arc::new(Semaphore::new(at_once));
    let connections = TaskTracker::new();
    let accept_all = async {
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    time::sleep(EXHAUSTED).await;
                    continue;
                }
            };
            let routes = TowerToHyperService::new(routes.clone());
            connections.spawn(async move {
                let connection =
                    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), routes);
                // A client that goes away or is too slow is its own business.
                let _ = time::timeout(deadline, connection).await;
                drop(place);
            });
        }
    };
    stop.run_until_cancelled(accept_all).await;
    connections.close();
    // What is not answered by then is cut off.
    let _ = time::timeout(DRAIN, connections.wait()).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    async fn start(limits: Limits) -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let routes = Router::new().route("/", get(|| async { "hello" }));
        (address, stop.clone(), tokio::spawn(serve_within(limits, listener, routes, stop)))
    }

    async fn ask(address: std::net::SocketAddr) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = client.read_to_string(&mut answer);
        time::timeout(Duration::from_secs(30), read).await.expect("no answer").unwrap();
        answer
    }

    #[tokio::test]
    async fn one_request_is_answered_and_the_connection_closed() {
        let patient = Limits { deadline: Duration::from_secs(3600), at_once: 1 };
        let (address, stop, server) = start(patient).await;
        let answer = ask(address).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
        stop.cancel();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_silent_client_loses_its_place_to_the_next() {
        let (address, _stop, _server) = start(Limits { deadline: Duration::from_secs(1), at_once: 1 }).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        assert!(ask(address).await.ends_with("hello"));
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "the silent connection is still open");
    }
}
