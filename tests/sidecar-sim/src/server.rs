//! The HTTP server: reads requests, asks the [`World`](crate::world::World) what they meet, and makes it
//! happen on the wire.
//!
//! It serves connections itself instead of leaving them to axum's server, because a handler there can only
//! answer, and a sidecar that is not there does not answer. It decides nothing.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::{Stream, StreamExt as _, stream};
use hyper::{Request, body::Incoming as RequestBody, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Addressed,
    reply::Reply,
    shared::Shared,
    world::{Arrival, Garble, Incoming},
};

/// No task's parameters are longer.
const BODY_LIMIT: usize = 4 << 20;
/// Wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The connection is to be reset instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the simulated sidecar resets the connection")]
struct Cut;

/// Accepts connections for ever.
pub(crate) async fn serve(listener: TcpListener, addressed: Addressed, shared: Arc<Shared>) {
    let addressed = Arc::new(addressed);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(converse(stream, Arc::clone(&addressed), Arc::clone(&shared))),
            // Out of file descriptors, or the client has gone: others may do better.
            Err(error) => {
                tracing::warn!(%error, "the simulated sidecar cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, addressed: Arc<Addressed>, shared: Arc<Shared>) {
    let service = service_fn(move |request| respond(Arc::clone(&addressed), Arc::clone(&shared), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let Err(error) = (&mut connection).await else { return };
    if std::error::Error::source(&error).is_some_and(|source| source.is::<Cut>()) {
        let stream = connection.into_parts().io.into_inner();
        // Closing without lingering resets the connection: as near to a refusal as a shared port comes.
        if let Err(error) = stream.set_zero_linger() {
            tracing::debug!(%error, "the connection is closed, not reset");
        }
    }
}

async fn respond(
    addressed: Arc<Addressed>,
    shared: Arc<Shared>,
    request: Request<RequestBody>,
) -> Result<Response, Cut> {
    let (head, body) = request.into_parts();
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some((node, path)) = addressed.node(head.uri.path(), host) else {
        let hint =
            "no node is addressed: neither by a path /NAMESPACE/NAME/v0/... nor by the host name of a pod\n";
        return Ok(Reply::text(StatusCode::NOT_FOUND, hint).into_response());
    };
    let Ok(body) = to_bytes(Body::new(body), BODY_LIMIT).await else {
        return Ok(Reply::text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long or incomplete\n")
            .into_response());
    };
    let incoming = Incoming { node: &node, method: head.method.as_str(), path, body: &body };
    match shared.change(|world, now| world.receive(incoming, now)) {
        Arrival::Swallowed => std::future::pending().await,
        Arrival::Cut => Err(Cut),
        Arrival::Hung(ended) => {
            ended.cancelled().await;
            Err(Cut)
        }
        Arrival::Answered(reply, garble, ended) => Ok(reply.garbled(garble, ended)),
    }
}

impl Reply {
    fn into_response(self) -> Response {
        let Self { status, content_type, allow, body } = self;
        let mut response = (status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.extend(content_type.map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value))));
        headers.extend(allow.map(|value| (header::ALLOW, HeaderValue::from_static(value))));
        response
    }

    fn garbled(mut self, garble: Garble, ended: CancellationToken) -> Response {
        let whole = std::mem::take(&mut self.body);
        let length = HeaderValue::from(whole.len());
        let body = match garble {
            _ if whole.is_empty() => return self.into_response(),
            Garble::None => Body::from(whole),
            Garble::Truncate => Body::from_stream(first_half(whole)),
            Garble::Drip(pause) => Body::from_stream(drip(whole, pause).take_until(ended.cancelled_owned())),
        };
        let mut response = self.into_response();
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
        *response.body_mut() = body;
        response
    }
}

/// Half of the body, then a broken connection.
fn first_half(whole: String) -> impl Stream<Item = io::Result<Bytes>> {
    let mut half = whole.into_bytes();
    half.truncate(half.len() / 2);
    let broken = stream::once(async {
        // Returns to the connection once, so that it flushes the half before it learns of the break.
        tokio::task::yield_now().await;
        Err(io::Error::other("the body is cut"))
    });
    stream::iter([Ok(half.into())]).chain(broken)
}

/// The body a byte at a time.
fn drip(whole: String, pause: Duration) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter(whole.into_bytes()).then(move |byte| async move {
        tokio::time::sleep(pause).await;
        Ok(Bytes::from(vec![byte]))
    })
}
