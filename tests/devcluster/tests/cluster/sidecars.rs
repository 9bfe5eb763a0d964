//! The simulated sidecars follow the pods of a real control plane: those of a StatefulSet, and those of a bootstrap Job
//! before it.

use std::sync::Arc;

use devcluster::sidecar::{Cause, Interruption, Node, Sidecars};
use devcluster::{Cluster, stages};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::jobs::{bootstrap, delete, end, running_pod};
use crate::kit::{Room, SOON, Scenario, eventually, stateful_set};

const MARK: &str = "aaaaaaaa-0000-5000-8000-000000000000";
const UPLOAD: &str = "bbbbbbbb-0000-5000-8000-000000000000";

pub fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("a_store_outlives_the_bootstrap_pod_and_a_gate_does_not", |cluster| Box::pin(hands_over(cluster))),
        ("two_pods_of_a_node_are_told_and_the_newer_answers", |cluster| Box::pin(overlap(cluster))),
        ("a_restarted_container_goes_on_or_gives_up_as_it_is_told", |cluster| Box::pin(restarts(cluster))),
    ]
}

/// Node `a` of a namespace, and a client of its sidecar.
struct Sidecar {
    room: Room,
    node: Node,
    base: String,
    web: reqwest::Client,
    _server: Sidecars,
}

impl Sidecar {
    async fn new(cluster: &Cluster, namespace: &str) -> Self {
        let room = Room::new(cluster, namespace).await;
        let server = Sidecars::start(cluster.client()).await.unwrap();
        Self {
            node: server.node(&room.namespace, "a"),
            base: server.url(&room.namespace, "a"),
            web: reqwest::Client::builder().no_proxy().build().unwrap(),
            _server: server,
            room,
        }
    }

    /// The status of `GET path`; `None` when there was no answer.
    async fn get(&self, path: &str) -> Option<u16> {
        let answer = self.web.get(format!("{}{path}", self.base)).send().await.ok();
        answer.map(|answer| answer.status().as_u16())
    }

    async fn submit(&self, id: &str, task: &str) {
        let body = json!({ "id": id, "type": task });
        let answer = self.web.post(format!("{}/v0/tasks", self.base)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    async fn task(&self, id: &str) -> Value {
        let answer = self.web.get(format!("{}/v0/tasks/{id}", self.base)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn until(&self, holds: impl Fn(&Node) -> bool) {
        self.node.until(SOON, holds).await.unwrap();
    }
}

async fn hands_over(cluster: Arc<Cluster>) {
    let it = Sidecar::new(&cluster, "hands-over").await;
    bootstrap(&it.room, "a", |_| ()).await;
    let pod = running_pod(&it.room, "a").await;
    it.until(Node::is_up).await;
    assert_eq!(it.node.pod_uid(), pod.uid());
    it.submit(MARK, "mark-ready").await;
    it.until(Node::is_ready).await;
    end(&it.room, "a", stages::COMPLETE).await;
    it.until(|node| !node.is_up()).await;
    assert_eq!(it.get("/v0/healthz").await, None, "the process has ended with its pod");
    delete(&it.room, "a").await;

    it.room.create::<StatefulSet>(stateful_set("a")).await;
    let pod = it.room.ready_pod("a-0").await;
    it.until(Node::is_up).await;
    assert_eq!(it.node.pod_uid(), pod.uid());
    assert_eq!(it.get("/v0/healthz").await, Some(503));
    assert_eq!(it.get(&format!("/v0/tasks/{MARK}")).await, Some(200));
    assert_eq!(it.node.overlaps(), []);
}

async fn overlap(cluster: Arc<Cluster>) {
    let it = Sidecar::new(&cluster, "overlap").await;
    bootstrap(&it.room, "a", |_| ()).await;
    let first = running_pod(&it.room, "a").await;
    it.until(Node::is_up).await;
    // Creation times are whole seconds: in the same one chance would say which of the two is newer.
    let born = first.creation_timestamp().unwrap().0.as_second();
    eventually("the second is over", || async move {
        let now = Timestamp::now();
        if now.as_second() > born { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    it.room.create::<StatefulSet>(stateful_set("a")).await;
    let second = it.room.ready_pod("a-0").await;
    it.until(|node| node.pod_uid() == second.uid() && node.is_up()).await;
    let overlaps = it.node.overlaps();
    let told: Vec<_> = overlaps.iter().map(|overlap| (&*overlap.earlier, &*overlap.later)).collect();
    assert_eq!(told, [(&*first.name_any(), "a-0")]);
}

async fn restarts(cluster: Arc<Cluster>) {
    let it = Sidecar::new(&cluster, "restarted-container").await;
    it.room.node("a", |_| ()).await;
    it.room.ready_pod("a-0").await;
    it.until(Node::is_up).await;
    it.submit(UPLOAD, "snapshot-upload").await;

    // As after SIGKILL: the row stays running, and the next process executes it again.
    it.room.annotate("a-0", json!({ stages::RESTART_SIDECAR: "first" })).await;
    it.until(|node| node.executions_of(UPLOAD).len() == 2).await;
    assert_eq!(it.node.executions_of(UPLOAD)[1].cause, Cause::Resumed);
    assert_eq!(it.task(UPLOAD).await["status"], "running");

    // As after SIGTERM when the store is still open.
    it.submit(MARK, "mark-ready").await;
    it.until(Node::is_ready).await;
    it.node.behaviour().interruption(Interruption::SavedAsFailed);
    it.room.annotate("a-0", json!({ stages::RESTART_SIDECAR: "second" })).await;
    it.until(|node| node.is_up() && !node.is_ready()).await;
    let task = it.task(UPLOAD).await;
    assert_eq!((&task["status"], &task["error"]), (&json!("failed"), &json!("context canceled")));
    assert_eq!(it.node.executions_of(UPLOAD).len(), 2, "a failed task is not resumed");
}
