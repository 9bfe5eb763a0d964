//! A proxy between the operator and all it talks to: API server and sidecars. It counts what would change the
//! world (events and Leases aside), and can stop one such request right before or right after it takes effect, for good or for a while.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use kube::Client;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::World;

const SIDECARS: &str = "/sidecars";

/// Moment at which the operator is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The request does not reach its goal, or late.
    Before,
    /// It takes effect, and the operator does not learn of it, or late.
    After,
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    port: u16,
    state: Arc<Wire>,
    server: JoinHandle<()>,
}

struct Wire {
    api: Client,
    sidecars: String,
    web: reqwest::Client,
    changes: AtomicUsize,
    cut: Option<(usize, Cut)>,
    is_cut: watch::Sender<bool>,
    is_released: watch::Sender<bool>,
}

impl Proxy {
    /// Starts a proxy that stops the operator at the change with this number, counted from 0.
    pub async fn start(world: &World, cut: Option<(usize, Cut)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Wire {
            api: world.cluster.client(),
            sidecars: format!("http://127.0.0.1:{}", world.sidecars.port()),
            web: reqwest::Client::builder().no_proxy().build().unwrap(),
            changes: AtomicUsize::new(0),
            cut,
            is_cut: watch::Sender::new(false),
            is_released: watch::Sender::new(false),
        });
        let routes = Router::new().fallback(forward).with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { port, state, server }
    }

    /// A kubeconfig that leads through the proxy.
    pub fn kubeconfig(&self, world: &World) -> PathBuf {
        let path = world.cluster.dir().join(format!("proxy-{}.kubeconfig", self.port));
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, users: [{{name: u, user: {{}}}}], \
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
             clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]}}",
            self.port
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A sidecar URL template that leads through the proxy.
    pub fn sidecars(&self) -> String {
        format!("http://127.0.0.1:{}{SIDECARS}/{{namespace}}/{{name}}", self.port)
    }

    /// Waits until the cut came.
    pub async fn is_cut(&self) {
        self.state.is_cut.subscribe().wait_for(|cut| *cut).await.unwrap();
    }

    /// Lets the request that was stopped go on.
    pub fn release(&self) {
        self.state.is_released.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(State(wire): State<Arc<Wire>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let beside = path.contains("/events") || path.contains("/leases");
    let changes = ![Method::GET, Method::HEAD].contains(request.method()) && !beside;
    let cut = changes.then(|| wire.count()).flatten();
    if cut == Some(Cut::Before) {
        wire.stop().await;
    }
    let response = match path.strip_prefix(SIDECARS) {
        Some(path) => wire.to_sidecar(path.to_owned(), request).await,
        None => wire.to_api_server(request).await,
    };
    if cut == Some(Cut::After) {
        wire.stop().await;
    }
    response
}

impl Wire {
    fn count(&self) -> Option<Cut> {
        let number = self.changes.fetch_add(1, Ordering::SeqCst);
        self.cut.filter(|(at, _)| *at == number).map(|(_, cut)| cut)
    }

    /// Tells the scenario, which kills the operator or lets it go on.
    async fn stop(&self) {
        self.is_cut.send_replace(true);
        let mut released = self.is_released.subscribe();
        released.wait_for(|released| *released).await.ok();
    }

    async fn to_api_server(&self, request: Request) -> Response {
        let (mut parts, sent) = request.into_parts();
        parts.headers.remove(header::HOST);
        let sent = body::to_bytes(sent, usize::MAX).await.unwrap();
        let request = http::Request::from_parts(parts, kube::client::Body::from(sent.to_vec()));
        match self.api.send(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }

    async fn to_sidecar(&self, path: String, request: Request) -> Response {
        let (parts, sent) = request.into_parts();
        let sent = body::to_bytes(sent, usize::MAX).await.unwrap();
        let mut onward = self.web.request(parts.method, format!("{}{path}", self.sidecars)).body(sent);
        if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
            onward = onward.header(header::CONTENT_TYPE, kind);
        }
        match onward.send().await {
            Ok(answer) => {
                let status = answer.status();
                let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
                let mut response = (status, answer.bytes().await.unwrap_or_default()).into_response();
                response.headers_mut().remove(header::CONTENT_TYPE);
                if let Some(kind) = kind {
                    response.headers_mut().insert(header::CONTENT_TYPE, kind);
                }
                response
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}
