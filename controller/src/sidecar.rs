//! The client of the nodes' sidecars (plans-tasks-sidecar §5): plain HTTP, every request with a deadline.
//!
//! An answer must belong to the pod that was observed. So each pod has its own connections, and those to an
//! earlier pod of the same node are dropped with it.

mod wire;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::StatusCode;
use seinode_core::{
    answer::{Health, Silence, TaskReport},
    effect::{Outcome, Submission},
    fact::Fact,
    ids::TaskId,
    node::NodeRef,
    observation::Pod,
};

use crate::settings::SidecarUrl;

/// How long a sidecar may take to answer a probe (plans-tasks-sidecar §8).
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take to answer about tasks (plans-tasks-sidecar §5.1).
const TASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take: a pod's network answers at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The sidecars of all nodes.
pub(crate) struct Sidecars {
    url: SidecarUrl,
    connections: Mutex<BTreeMap<(String, String), Connection>>,
}

/// The connections to one pod.
struct Connection {
    pod_uid: String,
    client: reqwest::Client,
}

/// One sidecar of one pod.
#[derive(Clone)]
pub(crate) struct Sidecar {
    base: String,
    pod_uid: String,
    client: reqwest::Client,
}

impl PartialEq for Sidecar {
    fn eq(&self, other: &Self) -> bool {
        (&self.base, &self.pod_uid) == (&other.base, &other.pod_uid)
    }
}

impl Sidecars {
    pub(crate) fn new(url: SidecarUrl) -> Self {
        Self { url, connections: Mutex::default() }
    }

    /// The sidecar in a pod; `None` while the pod has no address.
    ///
    /// # Errors
    /// When no client can be made: it counts as silence, like any sidecar that cannot be reached.
    pub(crate) fn of(&self, node: &NodeRef, pod: &Pod, port: u16) -> Option<Result<Sidecar, Silence>> {
        let base = self.url.of(pod.ip?, &node.namespace, &node.name, port);
        Some(self.client(node, pod).map(|client| Sidecar { base, pod_uid: pod.uid.clone(), client }))
    }

    /// Drops the connections of a node that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn client(&self, node: &NodeRef, pod: &Pod) -> Result<reqwest::Client, Silence> {
        let key = (node.namespace.clone(), node.name.clone());
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connections.get(&key).filter(|open| open.pod_uid == pod.uid) {
            return Ok(connection.client.clone());
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TASK_TIMEOUT)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("seinode-operator/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Silence::Unexpected(format!("no HTTP client could be made: {error}")))?;
        connections.insert(key, Connection { pod_uid: pod.uid.clone(), client: client.clone() });
        Ok(client)
    }
}

impl Sidecar {
    /// How a task is doing.
    pub(crate) async fn report(&self, id: TaskId) -> Fact {
        self.task(id).await.map_or_else(Fact::Silent, Fact::Task)
    }

    /// Whether the gate is open.
    pub(crate) async fn gate(&self) -> Fact {
        self.health().await.map_or_else(Fact::Silent, Fact::Gate)
    }

    /// Hands a task over.
    pub(crate) async fn submit(&self, submission: &Submission) -> Outcome {
        self.post(submission).await.unwrap_or_else(Outcome::Silent)
    }

    async fn health(&self) -> Result<Health, Silence> {
        let request = self.client.get(format!("{}/v0/healthz", self.base)).timeout(PROBE_TIMEOUT);
        match wire::send(request).await?.status() {
            StatusCode::OK => Ok(Health::Ready),
            StatusCode::SERVICE_UNAVAILABLE => Ok(Health::NotReady),
            other => Err(wire::unexpected(other)),
        }
    }

    async fn task(&self, id: TaskId) -> Result<TaskReport, Silence> {
        let response = wire::send(self.client.get(format!("{}/v0/tasks/{id}", self.base))).await?;
        match response.status() {
            StatusCode::OK => wire::report(&wire::body(response).await?),
            // Only the sidecar's own 404 says that it does not know the task; a proxy's or a router's does not.
            StatusCode::NOT_FOUND => wire::refusal(&wire::body(response).await?).map(|_| TaskReport::Unknown),
            other => Err(wire::unexpected(other)),
        }
    }

    async fn post(&self, submission: &Submission) -> Result<Outcome, Silence> {
        let request = self.client.post(format!("{}/v0/tasks", self.base)).json(&wire::body_of(submission));
        let response = wire::send(request).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::ACCEPTED => {
                wire::accepted(&wire::body(response).await?, submission.id)
            }
            StatusCode::BAD_REQUEST => {
                let words = wire::refusal(&wire::body(response).await?)?;
                // The sidecar answers 400 also when its own store fails (W40): that is not the task's fault.
                if words.starts_with("persist task") {
                    return Err(Silence::Unexpected("its task store does not work".into()));
                }
                Ok(Outcome::Rejected(words))
            }
            other => Err(wire::unexpected(other)),
        }
    }
}

#[cfg(test)]
mod tests;
