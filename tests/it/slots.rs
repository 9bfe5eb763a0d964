//! `--max-concurrent-rollouts`: the number of concurrent updates is bounded, and a waiting node is untouched.

mod chain;

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, Operator, conditions::reports, eventually, namespace::condition_status, plans::PlanWatch,
};

const WAITING: (&str, &str, &str) = ("NodeUpdateInProgress", "False", "WaitingForSlot");
const STARTED: (&str, &str, &str) = ("NodeUpdateInProgress", "True", "UpdateStarted");
const COMPLETE: (&str, &str, &str) = ("NodeUpdateInProgress", "False", "UpdateComplete");
const NODES: [&str; 6] = ["n0", "n1", "n2", "n3", "n4", "n5"];
const V2: &str = "registry.example.com/seid:v2";

/// An operator with this limit.
fn operator(ns: &Namespace, at_once: usize) -> Operator {
    let scope = format!("--watch-namespace={}", ns.name);
    let limit = format!("--max-concurrent-rollouts={at_once}");
    Operator::start(&ns.world, ns.world.cluster.kubeconfig(), &[&scope, &limit])
}

/// Brings nodes up.
async fn up(ns: &Namespace, nodes: &[&str]) {
    for node in nodes {
        ns.full_node(node, "").await;
    }
    for node in nodes {
        ns.running(node).await;
    }
}

async fn update(ns: &Namespace, node: &str, image: &str) {
    ns.patch(node, json!({"spec": {"image": image}})).await;
}

async fn generations(ns: &Namespace) -> BTreeMap<String, Option<i64>> {
    let sets = ns.api::<StatefulSet>().list(&Default::default()).await.unwrap().items;
    sets.iter().map(|set| (set.name_any(), set.metadata.generation)).collect()
}

/// Waits until this many nodes are being updated and the others wait. Returns both groups.
async fn updated_and_waiting(ns: &Namespace, at_once: usize) -> (Vec<String>, Vec<String>) {
    eventually(&format!("{at_once} are updated, the others wait"), async || {
        let nodes = ns.api::<SeiNode>().list(&Default::default()).await.unwrap().items;
        let those = |verdict| -> Vec<String> {
            let reported = |node: &&SeiNode| node.status.as_ref().is_some_and(|it| reports(it, verdict, &[]));
            nodes.iter().filter(reported).map(ResourceExt::name_any).collect()
        };
        let (updated, waiting) = (those(STARTED), those(WAITING));
        let all = updated.len() + waiting.len() == nodes.len();
        if updated.len() == at_once && all { Ok((updated, waiting)) } else { Err((updated, waiting)) }
    })
    .await
}

#[scenario]
async fn concurrent_updates_stay_within_the_limit(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let first = operator(&ns, 2);
    up(&ns, &NODES).await;
    let plans = PlanWatch::begin(&ns).await;
    let before = generations(&ns).await;
    for node in NODES {
        ns.sidecar(node).behaviour().hold(TaskType::MarkReady);
        update(&ns, node, V2).await;
    }
    let (updated, waiting) = updated_and_waiting(&ns, 2).await;
    let untouched = |now: &BTreeMap<String, Option<i64>>| {
        waiting.iter().filter(|node| now[*node] == before[*node]).count()
    };
    assert_eq!(untouched(&generations(&ns).await), 4, "a waiting node was touched");
    for node in &updated {
        ns.pod_runs(node, V2).await;
    }
    // The condition names the holders of the slots.
    let holders: Vec<&str> = updated.iter().map(String::as_str).collect();
    for node in &waiting {
        ns.reports(node, WAITING, &holders).await;
    }

    first.kill();
    let _second = operator(&ns, 2);
    for node in &waiting {
        ns.retry(node, "show the holders").await;
    }
    assert_eq!(
        updated_and_waiting(&ns, 2).await,
        (updated, waiting.clone()),
        "slots are kept over a restart"
    );
    assert_eq!(untouched(&generations(&ns).await), 4);

    for node in NODES {
        ns.sidecar(node).behaviour().release(TaskType::MarkReady);
    }
    join_all(NODES.map(|node| ns.reports(node, COMPLETE, &[]))).await;
    for node in NODES {
        ns.running(node).await;
        assert_eq!(ns.status(node).await["currentImage"], V2);
    }
    assert_eq!(plans.updates(&ns).await, NODES, "one update for each node");
    assert_eq!(plans.most_at_once(&ns).await, 2);
}

#[scenario]
async fn a_stuck_node_holds_its_slot_and_is_named(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = operator(&ns, 1);
    up(&ns, &NODES[..3]).await;
    let plans = PlanWatch::begin(&ns).await;
    let before = generations(&ns).await;
    update(&ns, "n0", "registry.example.com/seid:does-not-exist").await;
    ns.reports("n0", ("RolloutBlocked", "True", "ImagePullBackOff"), &["does-not-exist"]).await;
    for node in ["n1", "n2"] {
        update(&ns, node, V2).await;
    }
    for node in ["n1", "n2"] {
        ns.reports(node, WAITING, &["n0"]).await;
        assert_eq!(generations(&ns).await[node], before[node]);
        let reported = ns.api::<SeiNode>().get(node).await.unwrap().status.unwrap();
        let (ready, serves) =
            (condition_status(&reported, "Ready"), condition_status(&reported, "Available"));
        assert_eq!((ready, serves), ("False", "True"), "it serves on, and is not at its spec");
    }
    update(&ns, "n0", V2).await;
    for node in ["n0", "n1", "n2"] {
        ns.pod_runs(node, V2).await;
        ns.reports(node, COMPLETE, &[]).await;
        ns.running(node).await;
    }
    assert_eq!(plans.most_at_once(&ns).await, 1);
}

#[scenario]
async fn a_cancelled_update_releases_its_slot(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = operator(&ns, 1);
    up(&ns, &NODES[..3]).await;
    let pod = ns.pod_uid("n1").await;
    ns.sidecar("n0").behaviour().hold(TaskType::MarkReady);
    update(&ns, "n0", V2).await;
    ns.reports("n0", STARTED, &[]).await;
    for node in ["n1", "n2"] {
        update(&ns, node, V2).await;
        ns.reports(node, WAITING, &["n0"]).await;
    }
    // One thinks better of it while it waits, and who holds the slot is deleted.
    update(&ns, "n1", "registry.example.com/seid:v1").await;
    ns.node_until("n1", "it waits for nothing any more", |status| !reports(status, WAITING, &[])).await;
    ns.delete::<SeiNode>("n0", kube::api::PropagationPolicy::Background).await;
    ns.pod_runs("n2", V2).await;
    ns.reports("n2", COMPLETE, &[]).await;
    ns.running("n2").await;
    ns.running("n1").await;
    assert_eq!(ns.pod_uid("n1").await, pod, "it was updated to what it ran");
}
