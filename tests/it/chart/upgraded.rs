//! An upgrade of the release under continuous calls of the API server: both replicas are replaced, as the Deployment's strategy
//! says, and no call fails, not even one that may fail open.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use devcluster::{Audit, Options};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::kit::{
    Kit, Namespace, Operator,
    namespace::full_node,
    release::{NAME, Release},
};

#[scenario]
async fn an_upgrade_under_load_fails_no_admission(kit: Arc<Kit>) {
    let options =
        Options { audit: Audit::On, crds: vec![seinode_api::crd::seinode()], ..xtask::platform::options() };
    let world = Arc::new(kit.private(options).await);
    let nodes = Namespace::create(Arc::clone(&world), "sei").await;
    let release = Arc::new(Release::install(world, &json!({})).await);
    let (first, second) = (ready(&release, "operator-a").await, ready(&release, "operator-b").await);
    release.asked(&nodes).await;
    nodes.full_node("n0", "").await;
    nodes.running("n0").await;
    let before = failures(&nodes.client).await;

    let load = Load::start(&nodes);
    let upgraded = Arc::clone(&release);
    let more = json!({"log": {"filter": "info"}, "controller": {"maxConcurrentRollouts": 3}});
    tokio::task::spawn_blocking(move || upgraded.upgrade(&more)).await.unwrap();
    let deployment = release.system.api::<Deployment>().get(NAME).await.unwrap();
    let strategy = serde_json::to_value(deployment.spec.unwrap().strategy).unwrap();
    assert_eq!(strategy["rollingUpdate"], json!({"maxUnavailable": 0, "maxSurge": 1}));
    // So a newcomer is ready before the next one goes.
    let third = ready(&release, "operator-c").await;
    let (stopped, fourth) = tokio::join!(first.stop(), ready(&release, "operator-d"));
    assert!(stopped.success());
    assert!(second.stop().await.success());
    let calls = load.end().await;

    assert!(calls > 200, "too few calls to mean anything: {calls}");
    let after = failures(&nodes.client).await;
    assert_eq!(after, before, "an API server could not call a webhook: {:#?}", failed_calls(&nodes));
    let answered = async |replica: &Operator| {
        let (_, text) = replica.get("metrics", "/metrics").await;
        text.lines().any(|line| line.starts_with("sei_admission_requests_total{"))
    };
    assert!(answered(&third).await || answered(&fourth).await, "no successor was ever asked");
}

/// A replica that is ready, and known to be so by the Service.
async fn ready(release: &Release, pod: &str) -> Operator {
    let replica = release.replica(pod).await;
    replica.ready().await;
    release.service.has(&replica).await;
    replica
}

/// The API server's words about them.
fn failed_calls(nodes: &Namespace) -> Vec<String> {
    let log = std::fs::read_to_string(nodes.world.cluster.log("kube-apiserver")).unwrap_or_default();
    log.lines().filter(|line| line.to_lowercase().contains("calling webhook")).map(str::to_owned).collect()
}

/// Calls of webhooks that failed, whatever came of them: an ignored failure is counted as well.
async fn failures(client: &Client) -> Vec<String> {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = client.request_text(request).await.unwrap();
    let counts = |line: &&str| {
        line.starts_with("apiserver_admission_webhook_fail_open_count")
            || line.contains("error_type=\"calling_webhook_error\"")
    };
    text.lines().filter(counts).map(str::to_owned).collect()
}

/// Dry runs without a pause, each of which a webhook has to judge.
struct Load {
    stop: CancellationToken,
    callers: JoinSet<()>,
    calls: Arc<AtomicU64>,
}

impl Load {
    fn start(nodes: &Namespace) -> Self {
        let mut load =
            Self { stop: CancellationToken::new(), callers: JoinSet::new(), calls: Arc::default() };
        for call in [Call::Created, Call::Changed, Call::Rolled, Call::Doubled] {
            let (stop, calls) = (load.stop.clone(), Arc::clone(&load.calls));
            let (api, sets) = (nodes.api::<SeiNode>(), nodes.api::<StatefulSet>());
            load.callers.spawn(async move {
                while !stop.is_cancelled() {
                    call.made(&api, &sets).await;
                    calls.fetch_add(1, Relaxed);
                }
            });
        }
        load
    }

    /// Ends it; none of the calls may have failed.
    async fn end(mut self) -> u64 {
        // The last connections to who has gone are still in use.
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.stop.cancel();
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        self.calls.load(Relaxed)
    }
}

/// Call that is tried: each answer shows whether a webhook was asked.
#[derive(Clone, Copy)]
enum Call {
    /// A SeiNode is created, and labelled.
    Created,
    /// A SeiNode that runs gets another spec.
    Changed,
    /// A StatefulSet that rolls by itself is made OnDelete.
    Rolled,
    /// The StatefulSet of one that runs gets a second replica, and is refused.
    Doubled,
}

impl Call {
    async fn made(self, api: &Api<SeiNode>, sets: &Api<StatefulSet>) {
        let create = PostParams { dry_run: true, ..PostParams::default() };
        let patch = PatchParams { dry_run: true, ..PatchParams::default() };
        match self {
            Self::Created => {
                let node: SeiNode = serde_norway::from_str(&full_node("called", "")).unwrap();
                let node = api.create(&create, &node).await.unwrap();
                assert!(node.metadata.labels.unwrap().contains_key("sei.io/chain"), "it was not labelled");
            }
            Self::Changed => {
                let change = json!({"spec": {"podLabels": {"team": "rpc"}}});
                api.patch("n0", &patch, &Patch::Merge(change)).await.unwrap();
            }
            Self::Rolled => {
                let set = sets.create(&create, &serde_json::from_value(set()).unwrap()).await.unwrap();
                let strategy = set.spec.unwrap().update_strategy.unwrap().type_;
                assert_eq!(strategy.as_deref(), Some("OnDelete"), "it was not changed on the way in");
            }
            Self::Doubled => {
                let more = Patch::Merge(json!({"spec": {"replicas": 2}}));
                let refused = sets.patch("n0", &patch, &more).await.unwrap_err().to_string();
                assert!(refused.contains("spec.replicas"), "{refused}");
            }
        }
    }
}

fn set() -> Value {
    let labels = json!({"sei.io/node": "called"});
    json!({
        "metadata": {"name": "called", "labels": labels},
        "spec": {"serviceName": "called", "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels},
                              "spec": {"containers": [{"name": "seid", "image": "example.com/seid:v1"}]}}},
    })
}
