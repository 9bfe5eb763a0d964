//! The server: HTTPS for API servers, which call it for each object that the configurations name.
//!
//! It passes a body to the reviewer and returns the response, and bounds connections, time, size and memory: the webhook
//! server sheds load, evicts idle and slow connections and never answers after its deadline. It must never look into a
//! review, nor send a request of its own: a request that it cannot answer in time is rejected at once, and the failure
//! policy of the configuration decides.
//!
//! ```text
//! accept ─> connections ─> connection ──────> handler ───────> reviewer
//!           evict slow     handshake, idle,   size, memory     pure
//!           and idle       header time        and deadline
//! ```

mod body;
mod budget;
mod connection;
mod connections;
mod handler;
mod limits;
mod routes;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper_util::service::TowerToHyperService;
use rustls::server::{ResolvesServerCert, danger::ClientCertVerifier};
use tokio::{net::TcpListener, time};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{connection::Common, connections::Connections, handler::Handler};
pub use self::{handler::Reviewer, limits::Limits};
use crate::metrics::Metrics;

/// A socket that listens, and its TLS.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// The server's certificate. It may change at any time, and is presented from the next handshake on.
    pub certificates: Arc<dyn ResolvesServerCert>,
    /// Verifies the certificates of clients; `None` lets everybody connect.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// Serves until `stop` is cancelled, and then for [`Limits::grace`] longer: it takes a while until nobody calls this
/// replica any more. In that time every response ends its connection. Requests that are under way then are answered last.
///
/// # Errors
/// When TLS cannot be set up; a defect of ours.
pub async fn serve(
    listener: Listener,
    reviewer: Reviewer,
    limits: Limits,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), rustls::Error> {
    let Listener { socket, certificates, clients } = listener;
    let tls = connection::tls(certificates, clients)?;
    let handler = Arc::new(Handler::new(reviewer, &limits, metrics.clone()));
    let common = Arc::new(Common {
        acceptor: TlsAcceptor::from(Arc::new(tls)),
        routes: TowerToHyperService::new(routes::routes(&handler)),
        limits: limits.clone(),
        metrics,
        leaving: stop.clone(),
        closing: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let grace_is_over = async {
        stop.cancelled().await;
        time::sleep(limits.grace).await;
    };
    tokio::select! {
        () = accept_all(&socket, &common, &tasks) => {}
        () = grace_is_over => {}
    }
    drop(socket);
    common.closing.cancel();
    tasks.close();
    if time::timeout(limits.finish, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "calls were cut off, as they did not end in time");
    }
    Ok(())
}

/// Never returns.
async fn accept_all(socket: &TcpListener, common: &Arc<Common>, tasks: &TaskTracker) {
    let mut connections = Connections::new(common.limits.connections);
    loop {
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                time::sleep(common.limits.exhausted).await;
                continue;
            }
        };
        match connections.admit() {
            Some(slot) => {
                tasks.spawn(connection::serve(stream, Arc::clone(common), slot));
            }
            // A request of every other connection is being answered.
            None => common.metrics.shed(),
        }
    }
}
