//! Processes, pods and volumes that come and go.

use sidecar_sim::{Answer, Cause, Delay, Interruption, TaskType};

use super::*;

#[tokio::test]
async fn without_a_process_there_is_no_answer() {
    let setup = Setup::empty().await;
    let error = setup.get("/v0/livez").await.unwrap_err();
    assert!(is_connection_reset(&error), "{error:?}");
    setup.node.start_process();
    assert_eq!(setup.status("/v0/livez").await, Some(200));
    setup.node.stop_process();
    assert_eq!(setup.status("/v0/livez").await, None, "between two processes");
    setup.node.remove_pod();
    assert_eq!(setup.status("/v0/livez").await, None, "after the last pod");

    let requests = setup.node.requests();
    let answers: Vec<_> = requests.iter().map(|request| request.answer).collect();
    assert_eq!(answers, [Answer::Dropped, Answer::Status(200), Answer::Dropped, Answer::Dropped]);
    let had_pod: Vec<_> = requests.iter().map(|request| request.pod_uid.is_some()).collect();
    assert_eq!(had_pod, [false, true, true, false]);
}

/// A reset comes as near to a refused connection as a shared port can.
fn is_connection_reset(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut io_errors = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io_errors.any(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn the_host_names_the_node_where_the_path_does_not() {
    let setup = Setup::running().await;
    let ask = async |host: &str| {
        let url = format!("http://127.0.0.1:{}/v0/livez", setup.sidecars.port());
        setup.client.get(url).header("host", host).send().await
    };
    assert_eq!(ask("a-0.a.ns.svc.cluster.local:7777").await.unwrap().status(), 200);
    assert!(ask("b-0.b.ns.svc.cluster.local").await.is_err(), "this node has no process");
    let lost = ask("sidecar.example").await.unwrap();
    assert_eq!(lost.status(), 404);
    assert!(lost.text().await.unwrap().contains("no node is addressed"));
    assert_eq!(
        setup.sidecars.url_template(),
        format!("http://127.0.0.1:{}/{{namespace}}/{{name}}", setup.sidecars.port())
    );
}

#[tokio::test]
async fn a_starting_process_does_not_answer_until_its_delay_is_over() {
    let setup = Setup::empty().await;
    let delay =
        Delay::Between { shortest: Duration::from_secs(3600), longest: Duration::from_secs(7200), seed: 1 };
    setup.sidecars.behaviour().start_delay(delay);
    setup.node.start_process();
    assert_eq!(setup.status("/v0/livez").await, None);
    assert!(setup.node.pod_uid().is_some());

    setup.node.behaviour().start_delay(Delay::Fixed(Duration::from_millis(20)));
    setup.node.replace_pod();
    assert!(!setup.node.is_up(), "the new process starts at once");
    setup.node.until(DEADLINE, Node::is_up).await.unwrap();
    assert_eq!(setup.status("/v0/livez").await, Some(200));
}

#[tokio::test]
async fn a_new_pod_has_the_store_but_not_the_open_gate() {
    let setup = Setup::running().await;
    setup.run(A, "mark-ready").await;
    assert_eq!(setup.status("/v0/healthz").await, Some(200));
    let first_pod = setup.node.pod_uid();

    setup.node.replace_pod();
    assert_ne!(setup.node.pod_uid(), first_pod);
    assert_eq!(setup.status("/v0/healthz").await, Some(503));
    setup.run(A, "mark-ready").await;
    assert_eq!(setup.status("/v0/healthz").await, Some(503), "the old id does nothing");
    setup.run(B, "mark-ready").await;
    assert_eq!(setup.status("/v0/healthz").await, Some(200));

    setup.node.replace_volume();
    assert_eq!(setup.status("/v0/healthz").await, Some(503));
    assert_eq!(setup.status(&format!("/v0/tasks/{A}")).await, Some(404));
}

#[tokio::test]
async fn a_silent_restart_shuts_the_gate_and_nothing_else() {
    let setup = Setup::running().await;
    setup.run(A, "mark-ready").await;
    let pod = setup.node.pod_uid();
    setup.node.restart_process();
    assert_eq!(setup.node.pod_uid(), pod);
    assert_eq!(setup.status("/v0/healthz").await, Some(503));
    assert_eq!(setup.progress(A).await, ("completed".into(), 1, None));
}

#[tokio::test]
async fn a_lost_store_knows_nothing_while_the_gate_stays_open() {
    let setup = Setup::running().await;
    setup.run(A, "mark-ready").await;
    setup.node.behaviour().hold(TaskType::ConfigApply);
    setup.submit(B, "config-apply").await.unwrap();
    setup.node.lose_store();
    setup.node.behaviour().release(TaskType::ConfigApply);
    setup.node.settled(DEADLINE).await.unwrap();
    for id in [A, B] {
        assert_eq!(setup.status(&format!("/v0/tasks/{id}")).await, Some(404), "{id}");
    }
    assert_eq!(setup.status("/v0/healthz").await, Some(200));
    setup.run(A, "mark-ready").await;
    assert_eq!(setup.progress(A).await, ("completed".into(), 1, None));
    assert_eq!(setup.node.executions_of(A).len(), 2);
}

#[tokio::test]
async fn a_mark_ready_that_was_running_opens_the_gate_of_the_next_process() {
    let setup = Setup::running().await;
    setup.node.behaviour().hold(TaskType::MarkReady);
    setup.run(A, "mark-ready").await;
    assert_eq!(setup.progress(A).await, ("running".into(), 1, None));
    setup.node.replace_pod();
    assert!(!setup.node.is_ready());
    setup.node.behaviour().release(TaskType::MarkReady);
    setup.node.until(DEADLINE, Node::is_ready).await.unwrap();
    assert_eq!(setup.progress(A).await, ("completed".into(), 1, None));
    let causes: Vec<_> =
        setup.node.executions_of(A).iter().map(|execution| (execution.cause, execution.run)).collect();
    assert_eq!(causes, [(Cause::Submitted, 1), (Cause::Resumed, 1)]);
}

#[tokio::test]
async fn an_interrupted_task_can_be_saved_as_failed() {
    let setup = Setup::running().await;
    setup.node.behaviour().interruption(Interruption::SavedAsFailed);
    setup.run(A, "snapshot-upload").await;
    setup.node.restart_process();
    assert_eq!(setup.progress(A).await, ("failed".into(), 1, Some("context canceled".into())));
    assert_eq!(setup.node.executions_of(A).len(), 1, "a failed task is not resumed");
}

#[tokio::test]
async fn a_background_task_lasts_until_it_is_told_to_end() {
    let setup = Setup::running().await;
    let params = json!({"bucket": "b", "region": "r", "canonicalRpc": "http://rpc.example.com:26657"});
    let export = json!({"id": A, "type": "result-export", "params": params});
    setup.request(Method::POST, "/v0/tasks").json(&export).send().await.unwrap();
    setup.run(B, "snapshot-upload").await;
    assert_eq!(setup.progress(A).await, ("running".into(), 1, None));
    assert_eq!(setup.node.end_endless(TaskType::ResultExport, Ok(())), 1);
    assert_eq!(setup.progress(A).await, ("completed".into(), 1, None));
    assert_eq!(setup.progress(B).await, ("running".into(), 1, None));

    setup.node.restart_process();
    let executed: Vec<_> = setup.node.executions().into_iter().map(|it| (it.task, it.cause)).collect();
    assert_eq!(executed[2..], [(TaskType::SnapshotUpload, Cause::Resumed)], "as after SIGKILL");
    assert_eq!(setup.node.end_endless(TaskType::SnapshotUpload, Err("the volume is full")), 1);
    assert_eq!(setup.progress(B).await, ("failed".into(), 1, Some("the volume is full".into())));
}

#[tokio::test]
async fn the_server_ends_with_its_last_handle() {
    let setup = Setup::running().await;
    let Setup { sidecars, client, .. } = setup;
    let url = format!("{}/v0/livez", sidecars.url("ns", "a"));
    let clone = sidecars.clone();
    drop(sidecars);
    assert!(client.get(&url).send().await.is_ok(), "one handle is left");
    drop(clone);
    let gone = async {
        while client.get(&url).send().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
}
