//! Tasks: what is recorded of them, and how they are made to fail, last or wait.

use sidecar_sim::{Delay, SubmissionEffect, TaskType, Times};

use super::*;

#[tokio::test]
async fn submissions_are_recorded_in_order_with_their_wire_parameters() {
    let setup = Setup::running().await;
    let params = json!({"mode": "full", "incremental": false, "targetVersion": 0});
    let body = json!({"id": A, "type": "config-apply", "params": params});
    setup.request(Method::POST, "/v0/tasks").json(&body).send().await.unwrap();
    setup.run(B, "mark-ready").await;
    setup.run(B, "mark-ready").await;

    let submissions = setup.sidecars.submissions("ns", "a");
    let seen: Vec<_> = submissions
        .iter()
        .map(|one| (one.id.as_str(), one.task, one.params.is_some(), one.run, one.effect))
        .collect();
    assert_eq!(
        seen,
        [
            (A, TaskType::ConfigApply, true, 1, SubmissionEffect::Executed),
            (B, TaskType::MarkReady, false, 1, SubmissionEffect::Executed),
            (B, TaskType::MarkReady, false, 1, SubmissionEffect::AlreadyKnown),
        ]
    );
    assert_eq!(submissions[0].params, params.as_object().cloned());
    assert_eq!(Some(submissions[0].pod_uid.clone()), setup.node.pod_uid());
    assert!(submissions[0].at <= submissions[1].at);
    assert_eq!(setup.node.executions_of(B).len(), 1);

    let requests = setup.node.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/v0/tasks"));
    assert_eq!(requests[0].body, body.to_string());
}

#[tokio::test]
async fn a_submission_without_id_gets_one_and_the_list_is_newest_first() {
    let setup = Setup::running().await;
    setup.run(A, "configure-genesis").await;
    let answer = setup.request(Method::POST, "/v0/tasks").json(&json!({"type": "mark-ready"})).send().await;
    let made: Value = answer.unwrap().json().await.unwrap();
    let list: Value = setup.get("/v0/tasks").await.unwrap().json().await.unwrap();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|task| task["id"].clone()).collect();
    assert_eq!(ids, [made["id"].clone(), json!(A)]);
}

#[tokio::test]
async fn a_task_fails_as_often_as_it_is_told_to() {
    let setup = Setup::running().await;
    setup.node.behaviour().fail_task(TaskType::ConfigureGenesis, Times::Next(2), "no genesis yet");
    for run in 1..=2 {
        setup.run(A, "configure-genesis").await;
        assert_eq!(setup.progress(A).await, ("failed".into(), run, Some("no genesis yet".into())));
    }
    setup.run(A, "configure-genesis").await;
    assert_eq!(setup.progress(A).await, ("completed".into(), 3, None));
}

#[tokio::test]
async fn the_default_holds_for_every_node_until_it_is_reset() {
    let setup = Setup::running().await;
    let other = setup.sidecars.node("ns", "b");
    other.start_process();
    setup.sidecars.behaviour().fail_task(TaskType::MarkReady, Times::Always, "no");
    setup.run(A, "mark-ready").await;
    let url = setup.sidecars.url("ns", "b");
    let body = json!({"type": "mark-ready"});
    setup.client.post(format!("{url}/v0/tasks")).json(&body).send().await.unwrap();
    other.settled(DEADLINE).await.unwrap();
    assert!(!setup.node.is_ready() && !other.is_ready());

    setup.sidecars.behaviour().reset();
    setup.run(A, "mark-ready").await;
    assert!(setup.node.is_ready());
}

#[tokio::test]
async fn a_refused_submission_is_not_stored() {
    let setup = Setup::running().await;
    let message = "unknown task type: discover-peers";
    setup.node.behaviour().refuse_submit(TaskType::DiscoverPeers, Times::Next(1), message);
    let answer = setup.submit(A, "discover-peers").await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"error": message}));
    assert_eq!(setup.status(&format!("/v0/tasks/{A}")).await, Some(404));
    assert!(setup.node.submissions().is_empty());
    assert_eq!(setup.submit(A, "discover-peers").await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_task_lasts_as_long_as_it_is_told_to() {
    let setup = Setup::running().await;
    let an_hour = Delay::Fixed(Duration::from_secs(3600));
    setup.sidecars.behaviour().task_duration(TaskType::ConfigApply, an_hour);
    setup.submit(A, "config-apply").await.unwrap();
    assert_eq!(setup.progress(A).await, ("running".into(), 1, None));

    // One that never ends by itself ends when it is given a duration.
    setup.node.behaviour().task_duration(TaskType::SnapshotUpload, Delay::Fixed(Duration::from_millis(20)));
    setup.submit(B, "snapshot-upload").await.unwrap();
    let has_ended = async {
        while setup.progress(B).await.0 != "completed" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, has_ended).await.unwrap();
}

#[tokio::test]
async fn a_held_task_runs_until_it_is_released() {
    let setup = Setup::running().await;
    setup.node.behaviour().hold(TaskType::MarkReady);
    setup.run(A, "mark-ready").await;
    setup.run(B, "configure-genesis").await;
    assert_eq!(setup.progress(A).await.0, "running");
    assert_eq!(setup.progress(B).await.0, "completed");
    setup.node.behaviour().release(TaskType::MarkReady);
    assert_eq!(setup.progress(A).await.0, "completed");
    assert!(setup.node.is_ready());
}

#[tokio::test]
async fn a_running_task_that_is_removed_comes_back_at_its_end() {
    let setup = Setup::running().await;
    let path = format!("/v0/tasks/{A}");
    setup.node.behaviour().hold(TaskType::MarkReady);
    setup.run(A, "mark-ready").await;
    assert_eq!(setup.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(setup.status(&path).await, Some(404));
    setup.node.behaviour().release(TaskType::MarkReady);
    assert_eq!(setup.progress(A).await.0, "completed");
}

#[tokio::test]
async fn peers_are_found_once_their_gate_was_opened() {
    let setup = Setup::running().await;
    let other = setup.sidecars.node("ns", "b");
    other.start_process();
    let post = async |name: &str, body: Value| {
        let url = format!("{}/v0/tasks", setup.sidecars.url("ns", name));
        assert_eq!(setup.client.post(url).json(&body).send().await.unwrap().status(), 201);
        setup.sidecars.node("ns", name).settled(DEADLINE).await.unwrap();
    };
    let sources = json!([{"type": "dnsEndpoints", "endpoints": ["b-0.b.ns.svc.cluster.local"]}]);
    let discover = json!({"id": A, "type": "discover-peers", "params": {"sources": sources}});

    post("a", discover.clone()).await;
    assert_eq!(setup.progress(A).await.0, "failed");
    post("b", json!({"type": "generate-identity", "params": {"chainId": "c", "moniker": "b"}})).await;
    post("b", json!({"type": "mark-ready"})).await;
    post("a", discover).await;
    assert_eq!(setup.progress(A).await, ("completed".into(), 2, None));

    post("a", json!({"id": B, "type": "configure-state-sync"})).await;
    assert_eq!(setup.progress(B).await.0, "completed", "there are peers now");
    let node_id: Value = setup
        .client
        .get(format!("{}/v0/node-id", setup.sidecars.url("ns", "b")))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(node_id["nodeId"].as_str().map(str::len), Some(40));

    // `b` still answers while its sidecar restarts: its `seid` goes on.
    other.restart_process();
    setup.sidecars.add_peer("elsewhere");
    for (id, endpoint) in [("1", "b-0.b.ns.svc.cluster.local"), ("2", "elsewhere")] {
        let id = format!("c{id}cccccc-0000-5000-8000-000000000000");
        let sources = json!([{"type": "dnsEndpoints", "endpoints": [endpoint]}]);
        post("a", json!({"id": id, "type": "discover-peers", "params": {"sources": sources}})).await;
        assert_eq!(setup.progress(&id).await.0, "completed", "{endpoint}");
    }
    other.replace_pod();
    let sources = json!([{"type": "dnsEndpoints", "endpoints": ["b-0.b.ns.svc.cluster.local"]}]);
    let id = "dddddddd-0000-5000-8000-000000000000";
    post("a", json!({"id": id, "type": "discover-peers", "params": {"sources": sources}})).await;
    assert_eq!(setup.progress(id).await.0, "failed", "the gate of the new pod is shut");
}

#[tokio::test]
async fn metrics_count_this_process() {
    let setup = Setup::running().await;
    setup.run(A, "mark-ready").await;
    let scrape = async || setup.get("/v0/metrics").await.unwrap().text().await.unwrap();
    let line = "seictl_task_submissions_total{type=\"mark-ready\"} 1";
    assert!(scrape().await.lines().any(|written| written == line));
    setup.node.restart_process();
    assert!(!scrape().await.contains("mark-ready"));
}
