//! People change their minds while a bootstrap goes on: it converges, and no two pods ever share the volume.

use std::sync::Arc;

use devcluster::kubelet::STOP_DELAY;
use k8s_openapi::api::{apps::v1::StatefulSet, batch::v1::Job, core::v1::Pod};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use scenario::scenario;
use serde_json::json;
use sidecar_sim::TaskType;

use super::{at, clean, create, runs};
use crate::kit::{Kit, Namespace, bootstrap::Bootstrap, eventually, namespace::condition, wait::DEADLINE};

/// A node whose bootstrap stands at `config-apply`, and whose pod takes its time to stop.
async fn half_way(ns: &Namespace) -> Pod {
    ns.sidecar("n0").behaviour().hold(TaskType::ConfigApply);
    create(ns, "").await;
    at(ns, TaskType::ConfigApply).await;
    let pod = ns.bootstrap_pod("n0").await;
    let slow = json!({"metadata": {"annotations": {STOP_DELAY: "1s"}}});
    ns.api::<Pod>().patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(slow)).await.unwrap()
}

async fn edit(ns: &Namespace, spec: serde_json::Value) {
    ns.patch("n0", json!({ "spec": spec })).await;
    ns.sidecar("n0").behaviour().release(TaskType::ConfigApply);
}

#[scenario]
async fn a_new_image_does_not_restart_the_bootstrap(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pod = half_way(&ns).await;
    edit(&ns, json!({"image": "registry.example.com/seid:v3"})).await;
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    let node = ns.running("n0").await;
    assert_eq!(node.status.unwrap().current_image.as_deref(), Some("registry.example.com/seid:v3"));
    clean(&ns).await;
    let pods: std::collections::BTreeSet<_> =
        ns.sidecar("n0").executions().into_iter().map(|run| run.pod_uid).collect();
    assert_eq!(pods.len(), 2, "one bootstrap pod, and the node's");
    assert!(pods.contains(&pod.uid().unwrap()));
}

#[scenario]
async fn a_new_halt_height_restarts_the_bootstrap(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let first = half_way(&ns).await.uid();
    edit(&ns, json!({"fullNode": {"snapshot": {"s3": {"targetHeight": 7}}}})).await;
    eventually("another bootstrap pod runs", async || {
        let pod = ns.bootstrap_pod("n0").await;
        if pod.uid() == first { Err(pod.name_any()) } else { Ok(()) }
    })
    .await;
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    let node = ns.running("n0").await;
    assert_eq!(node.status.unwrap().bootstrap.unwrap().target_height, Some(7));
    clean(&ns).await;
}

#[scenario]
async fn a_dropped_bootstrap_is_removed_before_the_node_starts(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    half_way(&ns).await;
    edit(&ns, json!({"fullNode": {"snapshot": {"bootstrapImage": null}}})).await;
    let node = ns.running("n0").await;
    assert_eq!(node.status.unwrap().bootstrap, None);
    clean(&ns).await;
    // The node restores the snapshot itself.
    let own = ns.api::<Pod>().get("n0-0").await.unwrap().uid().unwrap();
    let all = ns.sidecar("n0").executions();
    let all: Vec<_> = all.iter().filter(|run| run.pod_uid == own).map(|run| run.task.to_string()).collect();
    let wanted = [
        "snapshot-restore",
        "configure-genesis",
        "config-apply",
        "configure-state-sync",
        "config-validate",
        "mark-ready",
    ];
    // What the bootstrap pod was at when it was stopped is resumed by the store, and not by us.
    assert_eq!(all.iter().filter(|task| wanted.contains(&task.as_str())).collect::<Vec<_>>(), wanted);
}

#[scenario]
async fn adding_a_bootstrap_replaces_the_nodes_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().hold(TaskType::ConfigApply);
    ns.full_node("n0", &format!("  peers: [{{static: {{addresses: ['{}']}}}}]\n", super::PEER)).await;
    at(&ns, TaskType::ConfigApply).await;
    let slow = json!({"metadata": {"annotations": {STOP_DELAY: "1s"}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(slow)).await.unwrap();
    let snapshot = json!({"s3": {"targetHeight": 7}, "bootstrapImage": "registry.example.com/seid:v0"});
    edit(&ns, json!({"fullNode": {"snapshot": snapshot}})).await;
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
    clean(&ns).await;
    let replicas = ns.api::<StatefulSet>().get("n0").await.unwrap().spec.unwrap().replicas;
    assert_eq!(replicas, Some(1));
}

#[scenario]
async fn resuming_a_paused_bootstrap_opens_the_gate_again(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "").await;
    at(&ns, TaskType::MarkReady).await;
    ns.sidecar("n0").until(DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
    let first = ns.bootstrap_pod("n0").await;
    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    let node = ns.node_until("n0", "is paused", |status| {
        condition(status, "Paused").is_some_and(|paused| paused.reason == "Paused")
    });
    let plan = node.await.status.unwrap().plan.unwrap();
    let job = ns.api::<Job>().get("n0-bootstrap").await.unwrap();
    assert_eq!(job.spec.unwrap().suspend, Some(true));
    // What has ended may still be listed for a moment.
    let lives =
        |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
    let pods = ns.api::<Pod>().list(&ListParams::default()).await.unwrap().items;
    assert!(!pods.iter().any(lives), "{pods:#?}");

    ns.patch("n0", json!({"spec": {"paused": false}})).await;
    eventually("another pod of the same Job runs", async || {
        let pod = ns.bootstrap_pod("n0").await;
        if pod.uid() == first.uid() { Err(pod.name_any()) } else { Ok(()) }
    })
    .await;
    assert_eq!(ns.api::<Job>().get("n0-bootstrap").await.unwrap().metadata.uid, job.metadata.uid);
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    let node = ns.running("n0").await;
    clean(&ns).await;
    let reasons = ns.event_reasons("n0").await;
    assert_eq!(
        reasons.iter().filter(|reason| *reason == "PlanStarted").count(),
        1,
        "{} {reasons:?}",
        plan.id
    );
    assert_eq!(node.status.unwrap().plan, None);
    let sent = ns.sidecar("n0").submissions().into_iter().filter(|it| it.task == TaskType::MarkReady);
    assert_eq!(
        sent.map(|it| it.id).collect::<std::collections::BTreeSet<_>>().len(),
        3,
        "three gates, three ids"
    );
    assert_eq!(runs(&ns).into_iter().filter(|task| task == "snapshot-restore").count(), 1);
}

#[scenario]
async fn a_bootstrap_paused_half_way_resumes_where_it_was(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    half_way(&ns).await;
    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    ns.node_until("n0", "is paused", |status| {
        condition(status, "Paused").is_some_and(|paused| paused.reason == "Paused")
    })
    .await;
    edit(&ns, json!({"paused": null})).await;
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
    clean(&ns).await;
    assert_eq!(runs(&ns).into_iter().filter(|task| task == "snapshot-restore").count(), 1);
}
