//! The server: HTTPS for API servers, which call it for each object that the configurations name.
//!
//! It carries a body to the judge and the answer back, and keeps everybody in bounds: connections, time, size and the
//! work that is under way. It must never look into a review, nor send a request of its own: what it cannot answer in
//! time it refuses at once, and the failure policy of the configuration decides.
//!
//! ```text
//! accept ─> crowd ─────> connection ──────> desk ──────────> judge
//!           gives way     handshake, idle,   size, work       pure
//!                         header time        and deadline
//! ```

mod body;
mod connection;
mod crowd;
mod desk;
mod limits;
mod phase;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper_util::service::TowerToHyperService;
use rustls::server::ResolvesServerCert;
use tokio::{net::TcpListener, time};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{connection::Common, crowd::Crowd, desk::Desk};
pub use self::{desk::Judge, limits::Limits};
use crate::metrics::Metrics;

/// Where the server listens, and what it presents there.
pub struct Door {
    /// The socket.
    pub listener: TcpListener,
    /// Its certificate. It may be exchanged at any time, and counts from the next handshake on.
    pub certificates: Arc<dyn ResolvesServerCert>,
}

/// Serves until `stop` is cancelled, and then for [`Limits::grace`] longer: it takes a while until nobody calls this
/// replica any more. In that time every answer ends its connection. Last, what is under way is answered.
///
/// # Errors
/// When TLS cannot be set up; a defect of ours.
pub async fn serve(
    door: Door,
    judge: Judge,
    limits: Limits,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), rustls::Error> {
    let Door { listener, certificates } = door;
    let tls = connection::tls(certificates)?;
    let desk = Arc::new(Desk::new(judge, &limits, metrics.clone()));
    let common = Arc::new(Common {
        acceptor: TlsAcceptor::from(Arc::new(tls)),
        routes: TowerToHyperService::new(routes::routes(&desk)),
        limits: limits.clone(),
        metrics,
        leaving: stop.clone(),
        closing: CancellationToken::new(),
    });
    let connections = TaskTracker::new();
    let time_is_up = async {
        stop.cancelled().await;
        time::sleep(limits.grace).await;
    };
    tokio::select! {
        () = accept_all(&listener, &common, &connections) => {}
        () = time_is_up => {}
    }
    drop(listener);
    common.closing.cancel();
    connections.close();
    if time::timeout(limits.finish, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "calls were cut off, as they did not end in time");
    }
    Ok(())
}

/// Never returns.
async fn accept_all(listener: &TcpListener, common: &Arc<Common>, connections: &TaskTracker) {
    let mut crowd = Crowd::new(common.limits.connections);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                time::sleep(common.limits.exhausted).await;
                continue;
            }
        };
        match crowd.admit() {
            Some(seat) => {
                connections.spawn(connection::hold(stream, Arc::clone(common), seat));
            }
            // All others are being answered.
            None => common.metrics.shed(),
        }
    }
}
