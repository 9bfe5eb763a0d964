//! The client of the nodes' sidecars: plain HTTP, every request with a deadline.
//!
//! An answer must belong to the pod that was observed, so no connection outlives its request: none leads to an earlier pod.
//! A pod is a short way off. Connections that are kept for the next probe would take more memory than all caches of a fleet:
//! some 27 KB each.

mod wire;

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{CONNECTION, HeaderMap, HeaderValue},
};
use seinode_core::{
    effect::{Outcome, Submission},
    ids::TaskId,
    node::{NodeId, NodeRef},
    observation::Pod,
    sidecar::{Answer, Health, RunningTask, TaskReport, Unreachable},
};

use crate::settings::SidecarUrl;

/// Longest time that a sidecar may take to answer a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time that it may take to answer about tasks.
const TASK_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that a connection may take: a pod's network answers at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The sidecars of all nodes.
pub(crate) struct Sidecars {
    url: SidecarUrl,
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
    /// # Errors
    /// When this machine has no client for HTTP.
    pub(crate) fn new(url: SidecarUrl) -> Result<Self, reqwest::Error> {
        // The sidecar closes first, and keeps what the kernel remembers of a connection for a minute.
        let close = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TASK_TIMEOUT)
            .pool_max_idle_per_host(0)
            .default_headers(close)
            .user_agent(concat!("seinode-operator/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { url, client })
    }

    /// The sidecar in a pod; `None` while the pod has no address.
    pub(crate) fn of(&self, node: &NodeRef, pod: &Pod, port: u16) -> Option<Sidecar> {
        let base = self.url.of(pod.ip?, &node.namespace, &node.name, port);
        Some(Sidecar { base, pod_uid: pod.uid.clone(), client: self.client.clone() })
    }
}

impl Sidecar {
    /// Submits a task.
    pub(crate) async fn submit(&self, submission: &Submission) -> Outcome {
        let unreachable = |why| Outcome::Unreachable(submission.id, why);
        self.post(submission).await.unwrap_or_else(unreachable)
    }

    /// Reads the state of the gate.
    pub(crate) async fn health(&self) -> Answer<Health> {
        let request = self.client.get(format!("{}/v0/healthz", self.base)).timeout(PROBE_TIMEOUT);
        match wire::send(request).await?.status() {
            StatusCode::OK => Ok(Health::Ready),
            StatusCode::SERVICE_UNAVAILABLE => Ok(Health::NotReady),
            other => Err(wire::unexpected(other)),
        }
    }

    /// Reads the id by which peers know the node; `seid` need not run for it.
    pub(crate) async fn node_id(&self) -> Answer<NodeId> {
        let request = self.client.get(format!("{}/v0/node-id", self.base)).timeout(PROBE_TIMEOUT);
        let response = wire::send(request).await?;
        match response.status() {
            StatusCode::OK => wire::node_id(&wire::body(response).await?),
            other => Err(wire::unexpected(other)),
        }
    }

    /// Reads the state of a task.
    pub(crate) async fn task(&self, id: TaskId) -> Answer<TaskReport> {
        let response = wire::send(self.client.get(format!("{}/v0/tasks/{id}", self.base))).await?;
        match response.status() {
            StatusCode::OK => wire::report(&wire::body(response).await?),
            // Only the sidecar's own 404 says that it does not know the task; a proxy's or a router's does not.
            StatusCode::NOT_FOUND => wire::refusal(&wire::body(response).await?).map(|_| TaskReport::Unknown),
            other => Err(wire::unexpected(other)),
        }
    }

    /// Reads the tasks that are under way.
    pub(crate) async fn running(&self) -> Answer<Vec<RunningTask>> {
        let response = wire::send(self.client.get(format!("{}/v0/tasks", self.base))).await?;
        match response.status() {
            StatusCode::OK => wire::running(&wire::beginning(response).await?),
            other => Err(wire::unexpected(other)),
        }
    }

    /// Deletes the row of a task; one that is gone already is no failure.
    pub(crate) async fn drop_task(&self, id: TaskId) -> Outcome {
        let request = self.client.delete(format!("{}/v0/tasks/{id}", self.base));
        let dropped = wire::send(request).await.and_then(|response| match response.status() {
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            other => Err(wire::unexpected(other)),
        });
        Outcome::TaskDropped(id, dropped)
    }

    async fn post(&self, submission: &Submission) -> Answer<Outcome> {
        let request = self.client.post(format!("{}/v0/tasks", self.base)).json(&wire::body_of(submission));
        let response = wire::send(request).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::ACCEPTED => {
                wire::accepted(&wire::body(response).await?, submission)
            }
            StatusCode::BAD_REQUEST => {
                let words = wire::refusal(&wire::body(response).await?)?;
                // The sidecar answers 400 also when its own store fails (W40): that is not the task's fault.
                if words.starts_with("persist task") {
                    return Err(Unreachable::Unexpected("its task store does not work".into()));
                }
                Ok(Outcome::Rejected(words))
            }
            other => Err(wire::unexpected(other)),
        }
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
