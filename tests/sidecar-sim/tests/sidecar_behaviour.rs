//! Behaviour of the simulated sidecar beyond the recording: processes that come and go, and faults on demand,
//! as a client sees them.

#![allow(clippy::unwrap_used, reason = "this is a test, and a failed step of its set-up fails it")]

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sidecar_sim::{Node, Sidecars};

#[path = "sidecar_behaviour/faults.rs"]
mod faults;
#[path = "sidecar_behaviour/lifecycle.rs"]
mod lifecycle;
#[path = "sidecar_behaviour/tasks.rs"]
mod tasks;

const DEADLINE: Duration = Duration::from_secs(10);
/// Ids of tasks.
const A: &str = "aaaaaaaa-0000-5000-8000-000000000000";
const B: &str = "bbbbbbbb-0000-5000-8000-000000000000";

/// One node without a cluster, and a client of its sidecar.
struct Setup {
    sidecars: Sidecars,
    node: Node,
    client: reqwest::Client,
}

impl Setup {
    /// The node has no process yet.
    async fn empty() -> Self {
        let sidecars = Sidecars::standalone().await.unwrap();
        let node = sidecars.node("ns", "a");
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        // No pooling: every request then shows what a new connection meets.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(DEADLINE)
            .build()
            .unwrap();
        Self { sidecars, node, client }
    }

    async fn running() -> Self {
        let setup = Self::empty().await;
        setup.node.start_process();
        setup
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.sidecars.url("ns", "a")))
    }

    async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        self.request(Method::GET, path).send().await
    }

    /// The status of `GET path`; `None` when there was no answer.
    async fn status(&self, path: &str) -> Option<u16> {
        self.get(path).await.ok().map(|response| response.status().as_u16())
    }

    async fn submit(&self, id: &str, task: &str) -> reqwest::Result<reqwest::Response> {
        let body = json!({"id": id, "type": task});
        self.request(Method::POST, "/v0/tasks").json(&body).send().await
    }

    /// Submits a task that must be accepted, and lets what can end come to its end.
    async fn run(&self, id: &str, task: &str) {
        assert_eq!(self.submit(id, task).await.unwrap().status(), 201);
        self.node.settled(DEADLINE).await.unwrap();
    }

    /// The stored task.
    async fn task(&self, id: &str) -> Value {
        self.get(&format!("/v0/tasks/{id}")).await.unwrap().json().await.unwrap()
    }

    /// Status, run and error of the stored task.
    async fn progress(&self, id: &str) -> (String, u64, Option<String>) {
        let task = self.task(id).await;
        (
            task["status"].as_str().unwrap().to_owned(),
            task["run"].as_u64().unwrap(),
            task["error"].as_str().map(str::to_owned),
        )
    }
}
