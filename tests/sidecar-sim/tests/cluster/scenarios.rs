//! Pods come, restart, overlap and go; the simulated sidecar of their node follows.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use scenario::scenario;
use serde_json::json;
use sidecar_sim::{Cause, Interruption, Node, RESTART_SIDECAR};

use crate::fixtures::{Fixture, Shared, eventually};

const MARK: &str = "aaaaaaaa-0000-5000-8000-000000000000";
const UPLOAD: &str = "bbbbbbbb-0000-5000-8000-000000000000";

#[scenario]
async fn the_task_store_outlives_the_bootstrap_pod(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let it = Fixture::new(cluster, "hands-over").await;
    let pod = it.bootstrap().await;
    it.until(Node::is_up).await;
    assert_eq!(it.node.pod_uid(), pod.uid());
    it.submit(MARK, "mark-ready").await;
    it.until(Node::is_ready).await;
    it.end_bootstrap(&pod.name_any()).await;
    it.until(|node| !node.is_up()).await;
    assert_eq!(it.get("/v0/healthz").await, None, "the process has ended with its pod");

    let pod = it.stateful_set().await;
    it.until(Node::is_up).await;
    assert_eq!(it.node.pod_uid(), pod.uid());
    assert_eq!(it.get("/v0/healthz").await, Some(503));
    assert_eq!(it.get(&format!("/v0/tasks/{MARK}")).await, Some(200));
    assert_eq!(it.node.overlaps(), []);
}

#[scenario]
async fn the_newer_of_two_pods_answers(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let it = Fixture::new(cluster, "overlap").await;
    let first = it.bootstrap().await;
    it.until(Node::is_up).await;
    // Creation times are whole seconds: within the same one, chance would decide which of the two is newer.
    let created = first.creation_timestamp().unwrap().0.as_second();
    eventually("the second has passed", async || {
        let now = Timestamp::now();
        if now.as_second() > created { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let second = it.stateful_set().await;
    it.until(|node| node.pod_uid() == second.uid() && node.is_up()).await;
    let overlaps = it.node.overlaps();
    let pods: Vec<_> = overlaps.iter().map(|overlap| (&*overlap.earlier, &*overlap.later)).collect();
    assert_eq!(pods, [(&*first.name_any(), "a-0")]);
}

#[scenario]
async fn a_restarted_container_resumes_or_fails_its_tasks(shared: Arc<Shared>) {
    let cluster = shared.cluster().await;
    let it = Fixture::new(cluster, "restarted-container").await;
    it.stateful_set().await;
    it.until(Node::is_up).await;
    it.submit(UPLOAD, "snapshot-upload").await;

    // As after SIGKILL: the row stays running, and the next process executes it again.
    it.annotate("a-0", json!({ RESTART_SIDECAR: "first" })).await;
    it.until(|node| node.executions_of(UPLOAD).len() == 2).await;
    assert_eq!(it.node.executions_of(UPLOAD)[1].cause, Cause::Resumed);
    assert_eq!(it.task(UPLOAD).await["status"], "running");

    // As after SIGTERM when the store is still open.
    it.submit(MARK, "mark-ready").await;
    it.until(Node::is_ready).await;
    it.node.behaviour().interruption(Interruption::SavedAsFailed);
    it.annotate("a-0", json!({ RESTART_SIDECAR: "second" })).await;
    it.until(|node| node.is_up() && !node.is_ready()).await;
    let task = it.task(UPLOAD).await;
    assert_eq!((&task["status"], &task["error"]), (&json!("failed"), &json!("context canceled")));
    assert_eq!(it.node.executions_of(UPLOAD).len(), 2, "a failed task is not resumed");
}
