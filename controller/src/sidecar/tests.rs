//! The client against the simulated sidecar: every answer of the contract, and every way of not giving one.

use std::{net::Ipv4Addr, time::Duration};

use reqwest::StatusCode;
use seinode_core::{
    ids::{PlanId, Target},
    node::Deletion,
    observation::{Container, KeySource},
    task_type::TaskType,
};
use serde_json::json;
use sidecar_sim::{Endpoint, Fault, Scope, Sidecars as Simulated, Times};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// One node whose sidecar runs, and a client for it.
struct Scene {
    simulated: Simulated,
    sidecars: Sidecars,
    node: NodeRef,
}

/// Clients, with the crypto provider that the binary installs; another test may have been first.
fn clients(url: SidecarUrl) -> Result<Sidecars, reqwest::Error> {
    rustls::crypto::ring::default_provider().install_default().ok();
    Sidecars::new(url)
}

impl Scene {
    async fn new() -> Self {
        let simulated = Simulated::standalone().await.unwrap();
        let sidecars = clients(SidecarUrl::parse(&simulated.url_template()).unwrap()).unwrap();
        let node = NodeRef { namespace: "ns".into(), name: "n0".into(), uid: "u".into() };
        let scene = Self { simulated, sidecars, node };
        scene.process().start_process();
        scene.process().settled(Duration::from_secs(5)).await.unwrap();
        scene
    }

    fn process(&self) -> sidecar_sim::Node {
        self.simulated.node("ns", "n0")
    }

    fn disturb(&self, fault: Fault, endpoint: Endpoint) {
        self.process().behaviour().disturb(fault, Scope::Only(endpoint), Times::Always);
    }

    fn client(&self) -> Sidecar {
        self.sidecars.of(&self.node, &pod("pod-0"), 7777).unwrap()
    }

    async fn health(&self) -> Answer<Health> {
        self.client().health().await
    }

    async fn task(&self) -> Answer<TaskReport> {
        self.client().task(id(0)).await
    }

    async fn submit(&self, task: TaskType, params: Option<serde_json::Value>) -> Outcome {
        self.client().submit(&Submission { id: id(0), task, params }).await
    }

    /// Reads a task until it is done.
    async fn result(&self) -> Answer<TaskReport> {
        self.process().settled(Duration::from_secs(5)).await.unwrap();
        self.task().await
    }
}

fn pod(uid: &str) -> Pod {
    Pod {
        name: "n0-0".into(),
        uid: uid.into(),
        stateful_set_uid: None,
        job_uid: None,
        revision: None,
        version: "1".into(),
        signing_secret: None,
        key_source: KeySource::None,
        deletion: Deletion::Absent,
        going: None,
        run: seinode_core::observation::Run::Lives,
        ip: Some(Ipv4Addr::LOCALHOST.into()),
        seid_image: None,
        seid: Container::Up,
        seid_since: None,
        halt: None,
        seid_id: None,
        sidecar: Container::Up,
        sidecar_restarts: 0,
        sidecar_since: None,
        ready: false,
        ready_since: None,
        machine: None,
        trouble: None,
    }
}

fn id(attempt: u32) -> TaskId {
    let plan = PlanId::derive("u", "Init", Target::of(b"spec"), jiff::Timestamp::UNIX_EPOCH);
    TaskId::derive(plan, TaskType::MarkReady, 0, attempt)
}

#[tokio::test]
async fn mark_ready_opens_the_gate() {
    let scene = Scene::new().await;
    assert_eq!(scene.health().await, Ok(Health::NotReady));
    assert_eq!(scene.task().await, Ok(TaskReport::Unknown));
    assert_eq!(scene.submit(TaskType::MarkReady, None).await, Outcome::Submitted(TaskType::MarkReady));
    assert_eq!(scene.result().await, Ok(TaskReport::Completed));
    assert_eq!(scene.health().await, Ok(Health::Ready));
}

#[tokio::test]
async fn a_failed_task_is_told_in_the_sidecars_words() {
    let scene = Scene::new().await;
    let params = json!({"mode": "full", "overrides": {"no.such": "1"}});
    assert_eq!(
        scene.submit(TaskType::ConfigApply, Some(params)).await,
        Outcome::Submitted(TaskType::ConfigApply)
    );
    let Ok(TaskReport::Failed(words)) = scene.result().await else { panic!("it did not fail") };
    assert!(words.contains("no.such"), "{words}");
}

#[tokio::test]
async fn a_sidecar_tells_the_node_id_as_soon_as_there_is_a_key() {
    let scene = Scene::new().await;
    assert_eq!(scene.client().node_id().await, Err(Unreachable::Unexpected("HTTP 500".into())));
    let params = json!({"chainId": "c", "moniker": "n0"});
    scene.submit(TaskType::GenerateIdentity, Some(params)).await;
    scene.result().await.unwrap();
    assert_eq!(scene.health().await, Ok(Health::NotReady), "seid need not run");
    let id = scene.client().node_id().await.unwrap();
    assert_eq!(id.to_string().len(), 40);
    scene.disturb(Fault::NotJson, Endpoint::NodeId);
    assert!(matches!(scene.client().node_id().await, Err(Unreachable::Unexpected(_))));
}

#[tokio::test]
async fn a_refused_task_is_told_from_a_store_that_does_not_work() {
    let scene = Scene::new().await;
    let simulated = sidecar_sim::TaskType::MarkReady;
    let behaviour = scene.process().behaviour();
    behaviour.refuse_submit(simulated, Times::Next(1), "unknown task type: mark-ready");
    let refused = scene.submit(TaskType::MarkReady, None).await;
    assert_eq!(refused, Outcome::Rejected("unknown task type: mark-ready".into()));
    behaviour.refuse_submit(simulated, Times::Next(1), "persist task: disk full");
    let Outcome::Unreachable(_, Unreachable::Unexpected(why)) = scene.submit(TaskType::MarkReady, None).await
    else {
        panic!("W40: a broken store is not the task's fault")
    };
    assert!(why.contains("store"), "{why}");
}

#[tokio::test]
async fn ways_of_not_answering_are_told_apart_in_stable_words() {
    let scene = Scene::new().await;
    let unexpected = |words: &str| Err(Unreachable::Unexpected(words.into()));
    for (fault, expected) in [
        (Fault::Reset, Err(Unreachable::Refused)),
        (Fault::Hang, Err(Unreachable::Timeout)),
        (Fault::Status(StatusCode::IM_A_TEAPOT), unexpected("HTTP 418")),
    ] {
        scene.process().behaviour().reset();
        scene.disturb(fault, Endpoint::Healthz);
        assert_eq!(scene.health().await, expected, "{fault:?}");
    }
    scene.process().behaviour().reset();
    scene.submit(TaskType::MarkReady, None).await;
    let unexpected = |words: &str| Err(Unreachable::Unexpected(words.into()));
    scene.result().await.unwrap();
    for (fault, expected) in [
        (Fault::NotJson, unexpected("not the JSON of the contract")),
        (Fault::Truncated, Err(Unreachable::Refused)),
        (Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), unexpected("HTTP 500")),
    ] {
        scene.process().behaviour().reset();
        scene.disturb(fault, Endpoint::ReadTask);
        assert_eq!(scene.task().await, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_refused() {
    let scene = Scene::new().await;
    scene.process().stop_process();
    assert_eq!(scene.health().await, Err(Unreachable::Refused));
    let closed = clients(SidecarUrl::parse("http://{podIP}:1").unwrap()).unwrap();
    let sidecar = closed.of(&scene.node, &pod("pod-0"), 7777).unwrap();
    assert_eq!(sidecar.health().await, Err(Unreachable::Refused));
}

#[tokio::test]
async fn a_host_that_does_not_resolve_is_told() {
    let template = SidecarUrl::parse("http://{name}.{namespace}.invalid:{port}").unwrap();
    let node = NodeRef { namespace: "ns".into(), name: "n0".into(), uid: "u".into() };
    let sidecar = clients(template).unwrap().of(&node, &pod("pod-0"), 7777).unwrap();
    assert_eq!(sidecar.health().await, Err(Unreachable::NoSuchHost));
}

#[tokio::test]
async fn a_pod_without_address_has_no_sidecar() {
    let scene = Scene::new().await;
    let homeless = Pod { ip: None, ..pod("pod-0") };
    assert!(scene.sidecars.of(&scene.node, &homeless, 7777).is_none());
}

#[tokio::test]
async fn a_long_list_of_large_tasks_is_read() {
    let scene = Scene::new().await;
    // As config-apply with the addresses of a thousand peers.
    let params = json!({"overrides": {"p2p.persistent-peers": "x".repeat(64 << 10)}});
    for attempt in 0..40 {
        let task = TaskType::ConfigApply;
        let submission = Submission { id: id(attempt), task, params: Some(params.clone()) };
        assert_eq!(scene.client().submit(&submission).await, Outcome::Submitted(task));
    }
    scene.process().settled(Duration::from_secs(5)).await.unwrap();
    assert_eq!(scene.client().running().await, Ok(vec![]));
    scene.process().behaviour().hold(sidecar_sim::TaskType::ConfigApply);
    let newest = Submission { id: id(40), task: TaskType::ConfigApply, params: Some(params) };
    scene.client().submit(&newest).await;
    let running = scene.client().running().await.unwrap();
    assert_eq!(running.iter().map(|task| task.id).collect::<Vec<_>>(), [id(40)]);
}

#[tokio::test]
async fn a_connection_ends_with_its_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sidecars = clients(SidecarUrl::parse("http://{podIP}:{port}").unwrap()).unwrap();
    let node = NodeRef { namespace: "ns".into(), name: "n0".into(), uid: "u".into() };
    let sidecar = sidecars.of(&node, &pod("pod-0"), port).unwrap();
    for _ in 0..2 {
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = String::new();
            while !asked.ends_with("\r\n\r\n") {
                asked.push(char::from(stream.read_u8().await.unwrap()));
            }
            assert!(asked.to_lowercase().contains("\r\nconnection: close\r\n"), "{asked}");
            // It offers to go on, and nobody does.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the connection is kept");
        };
        let (fact, ()) = tokio::join!(sidecar.health(), served);
        assert_eq!(fact, Ok(Health::Ready));
    }
}
