//! Rollouts converge on the newest spec, whatever comes in between.

mod configuration;
mod hold;
mod interrupted;
mod requests;
mod sigkill;
mod stuck;
mod superseded;
mod unready;

use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use scenario::scenario;
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{Kit, Namespace, Operator, eventually, rollout::RolloutWatch};

/// A node that runs v1, and an operator that serves it.
async fn running(kit: &Kit) -> (Namespace, Operator) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    (ns, operator)
}

#[scenario]
async fn an_image_changed_and_reverted_replaces_each_pod_once(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    let begun = Timestamp::now();
    let mut uids = vec![ns.pod("n0").await.uid().unwrap()];
    for tag in ["v2", "v1", "v2"] {
        ns.image("n0", tag).await;
        ns.rolled("n0", tag).await;
        uids.push(ns.pod("n0").await.uid().unwrap());
    }
    uids.dedup();
    assert_eq!(uids.len(), 4, "each rollout has made a pod of its own");
    let deleted =
        ns.requests(begun).into_iter().filter(|it| (&*it.verb, &*it.resource) == ("delete", "pods"));
    assert_eq!(deleted.count(), 3, "no pod was deleted that was what it should be");
    watch.holds();
    let reasons = ns.event_reasons("n0").await;
    assert!(
        !reasons.contains(&"SidecarReadinessLost".to_owned()),
        "our own restarts are no loss: {reasons:?}"
    );
}

#[scenario]
async fn rapid_changes_converge_on_the_last(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    for tag in ["v2", "v1", "v2", "v1", "v2"] {
        ns.image("n0", tag).await;
    }
    ns.rolled("n0", "v2").await;
    ns.image("n0", "v1").await;
    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
    watch.holds();
}

#[scenario]
async fn every_part_of_the_pod_is_rolled_out(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    let mut uid = ns.pod("n0").await.uid();
    for change in [
        json!({"sidecar": {"image": "registry.example.com/sidecar:v2"}}),
        json!({"sidecar": {"resources": {"limits": {"memory": "1Gi"}}}}),
        json!({"podLabels": {"team": "rpc"}}),
        json!({"entrypoint": {"command": ["seid", "start"]}}),
    ] {
        ns.patch("n0", json!({"spec": change})).await;
        let before = uid.clone();
        eventually(&format!("{change}: another pod"), async || match ns.api::<Pod>().get_opt("n0-0").await {
            Ok(Some(pod)) if pod.uid() != before => Ok(()),
            other => Err(other.map(|pod| pod.map(|pod| pod.metadata))),
        })
        .await;
        ns.rolled("n0", "v1").await;
        uid = ns.pod("n0").await.uid();
    }
    watch.holds();
    assert_eq!(watch.pods("n0").len(), 5, "each change has made one pod");
    let pod = ns.pod("n0").await;
    let sidecar =
        pod.spec.as_ref().unwrap().init_containers.iter().flatten().find(|it| it.name == "sei-sidecar");
    assert_eq!(sidecar.unwrap().image.as_deref(), Some("registry.example.com/sidecar:v2"));
    assert_eq!(pod.labels().get("team").map(String::as_str), Some("rpc"));
    assert_eq!(
        ns.sidecar("n0").submissions().iter().filter(|it| it.task == TaskType::ConfigApply).count(),
        1
    );
}

#[scenario(first)]
async fn thirty_nodes_are_rolled_out_at_once(kit: Arc<Kit>) {
    roll_out_at_once(&kit, 30).await;
}

#[scenario(exhaustive)]
async fn a_hundred_nodes_are_rolled_out_at_once(kit: Arc<Kit>) {
    roll_out_at_once(&kit, 100).await;
}

async fn roll_out_at_once(kit: &Kit, count: usize) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let names: Vec<_> = (0..count).map(|index| format!("n{index}")).collect();
    let ns = &ns;
    join_all(names.iter().map(|name| ns.full_node(name, ""))).await;
    for name in &names {
        ns.running(name).await;
    }
    let watch = RolloutWatch::begin(ns).await;
    join_all(names.iter().map(|name| ns.image(name, "v2"))).await;
    for name in &names {
        ns.rolled(name, "v2").await;
    }
    watch.holds();
}
