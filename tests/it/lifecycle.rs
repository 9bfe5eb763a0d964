//! A node comes up: its children, its status, its events, and what people see.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{Resource, ResourceExt};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};

use crate::kit::{
    Kit, eventually,
    namespace::{condition, condition_status},
};

#[scenario]
async fn a_full_node_comes_up_with_its_children_status_and_events(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let rest = "  podLabels: {team: rpc}\n  overrides: {evm.http_port: '8546'}\n  \
                peers: [{static: {addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]\n";
    ns.full_node("n0", rest).await;
    let node = ns.running("n0").await;

    let status = node.status.clone().unwrap();
    assert_eq!(status.observed_generation, node.metadata.generation);
    assert_eq!(status.mode.as_deref(), Some("fullNode"));
    assert_eq!(status.current_image.as_deref(), Some("registry.example.com/seid:v1"));
    assert_eq!(status.plan, None);
    for (type_, expected) in [
        ("Reconciling", "False"),
        ("Stalled", "False"),
        ("SpecValid", "True"),
        ("DataVolumeReady", "True"),
        ("SidecarReady", "True"),
    ] {
        assert_eq!(condition_status(&status, type_), expected, "{type_}: {:#?}", condition(&status, type_));
    }

    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    let service = ns.api::<Service>().get("n0").await.unwrap();
    owned(&node, &volume);
    owned(&node, &set);
    owned(&node, &service);
    assert_eq!(set.spec.as_ref().unwrap().replicas, Some(1));
    assert_eq!(set.spec.unwrap().update_strategy.unwrap().type_.as_deref(), Some("OnDelete"));
    assert_eq!(service.spec.unwrap().cluster_ip.as_deref(), Some("None"));
    let pod = ns.api::<Pod>().get("n0-0").await.unwrap();
    assert_eq!(pod.labels().get("team").map(String::as_str), Some("rpc"));
    assert_eq!(pod.spec.unwrap().termination_grace_period_seconds, Some(120));

    let submitted: Vec<(String, Value)> = ns
        .sidecar("n0")
        .submissions()
        .into_iter()
        .map(|task| (task.task.to_string(), task.params.map_or(Value::Null, Value::Object)))
        .collect();
    let config = json!({"mode":"full","incremental":false,"targetVersion":0,
                        "overrides":{"logging.level":"info","evm.http_port":"8546","network.p2p.persistent_peers":
                            "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656"}});
    let expected = [
        ("configure-genesis", Value::Null),
        ("config-apply", config),
        ("config-validate", Value::Null),
        ("mark-ready", Value::Null),
    ];
    assert_eq!(submitted, expected.map(|(task, params)| (task.to_owned(), params)));

    eventually("the events are there", async || {
        let reasons = ns.event_reasons("n0").await;
        match ["PlanStarted", "PhaseTransition", "PlanComplete"]
            .iter()
            .all(|one| reasons.iter().any(|it| it == one))
        {
            true => Ok(()),
            false => Err(reasons),
        }
    })
    .await;
    eventually("the pod is Available", async || {
        let status = ns.api::<SeiNode>().get("n0").await.unwrap().status.unwrap();
        if condition_status(&status, "Available") == "True" { Ok(()) } else { Err(status.conditions) }
    })
    .await;
}

fn owned<K: Resource<DynamicType = ()>>(node: &SeiNode, child: &K) {
    let owners = child.owner_references();
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert_eq!(owners[0].uid, node.uid().unwrap());
    assert_eq!((owners[0].controller, owners[0].block_owner_deletion), (Some(true), Some(true)));
    let label = |key: &str| child.labels().get(key).cloned();
    assert_eq!(label("sei.io/node").as_deref(), Some("n0"));
    assert_eq!(label("team").as_deref(), Some("rpc"));
}

#[scenario]
async fn kubectl_get_shows_the_progress(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let output = ns.world.cluster.kubectl().args(["get", "snode", "-n", &ns.name]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        lines.next().unwrap(),
        [
            "NAME",
            "READY",
            "AVAILABLE",
            "MODE",
            "CHAIN",
            "PHASE",
            "IMAGE",
            "CURRENT",
            "SIDECAR",
            "UPDATING",
            "AGE"
        ],
        "{table}"
    );
    let row = lines.next().unwrap();
    let image = "registry.example.com/seid:v1";
    assert_eq!(
        &row[..9],
        ["n0", "True", "True", "fullNode", "atlantic-2", "Running", image, image, "True"],
        "{table}"
    );
}
