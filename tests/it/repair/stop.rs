//! The emergency stop: somebody scales the set of a node to 0, and that is honoured until somebody takes it back.

use std::sync::Arc;

use devcluster::kubelet::STOP_DELAY;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::api::{Patch, PatchParams};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, conditions::reports, eventually, namespace::condition_status, pods::PodWatch,
    wait::DEADLINE,
};

const STOPPED: (&str, &str, &str) = ("Paused", "True", "ScaledByHand");
const NOT_PAUSED: (&str, &str, &str) = ("Paused", "False", "NotPaused");
/// `kubectl scale --replicas=0` leaves no name: the API server keeps no field manager of a zero set that way.
const SOMEBODY: &str = "somebody";
const V2: &str = "registry.example.com/seid:v2";
const V3: &str = "registry.example.com/seid:v3";

/// Scales the set of a node by hand.
fn scale(ns: &Namespace, node: &str, replicas: u32) {
    ns.kubectl(&["scale", &format!("statefulset/{node}"), &format!("--replicas={replicas}")]);
}

async fn replicas(ns: &Namespace, node: &str) -> Option<i32> {
    ns.api::<StatefulSet>().get(node).await.unwrap().spec.unwrap().replicas
}

/// Waits until a node reports who stopped it, as far as that is known, and has no pod.
async fn stopped(ns: &Namespace, node: &str, by: &str) {
    let reported = ns.reports(node, STOPPED, &[by, "scaled the StatefulSet to 0", "sei.io/retry"]).await;
    let reported = reported.status.unwrap();
    assert_eq!(condition_status(&reported, "Ready"), "False", "{reported:#?}");
    let by_hand = ns.status(node).await["scaledByHand"].clone();
    assert!(by_hand["manager"].as_str().is_some_and(|manager| manager.contains(by)), "{by_hand}");
    assert!(by_hand["since"].is_string(), "{by_hand}");
    ns.emits(node, "ScaledByHand", &[by]).await;
    ns.gone::<Pod>(&format!("{node}-0")).await;
}

/// Makes sure that the operator, having looked once more, still leaves a node without its pod.
async fn stays_down(ns: &Namespace, node: &str) {
    // A change that takes effect at once while a node is paused: when it has, a pass was made.
    let was = ns.status(node).await["observedGeneration"].clone();
    ns.patch(node, json!({"spec": {"dataVolume": {"retain": true}}})).await;
    eventually("the operator has looked", async || {
        let status = ns.status(node).await;
        let kept = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|it| it["type"] == "VolumeRetained" && it["reason"] == "Retained");
        if kept && status["observedGeneration"] != was { Ok(()) } else { Err(status) }
    })
    .await;
    ns.reports(node, STOPPED, &[]).await;
    assert_eq!(replicas(ns, node).await, Some(0), "somebody scaled it up");
    assert!(ns.api::<Pod>().get_opt(&format!("{node}-0")).await.unwrap().is_none(), "it has a pod");
}

/// Waits until a node is up again and reports no stop.
async fn up_again(ns: &Namespace, node: &str) {
    ns.running(node).await;
    ns.reports(node, NOT_PAUSED, &[]).await;
    assert_eq!(replicas(ns, node).await, Some(1));
    assert!(ns.status(node).await["scaledByHand"].is_null());
}

#[scenario]
async fn manual_scale_to_zero_survives_a_restart(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let pods = PodWatch::begin(&[&ns]).await;
    scale(&ns, "n0", 0);
    stopped(&ns, "n0", SOMEBODY).await;
    operator.kill();
    let _operator = ns.operator();
    stays_down(&ns, "n0").await;
    assert_eq!(ns.notes("n0", "HandEditRepaired").await, [""; 0]);
    assert_eq!(pods.ever().len(), 1, "it had another pod in between");
    ns.retry("n0", "the incident is over").await;
    up_again(&ns, "n0").await;
}

#[scenario]
async fn a_scale_to_zero_during_an_outage_persists(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    operator.kill();
    scale(&ns, "n0", 0);
    ns.patch("n0", json!({"spec": {"image": V2}})).await;
    ns.gone::<Pod>("n0-0").await;
    let _operator = ns.operator();
    stopped(&ns, "n0", SOMEBODY).await;
    stays_down(&ns, "n0").await;
    ns.retry("n0", "go on").await;
    ns.pod_runs("n0", V2).await;
    up_again(&ns, "n0").await;
}

#[scenario]
async fn a_node_that_is_coming_up_can_be_stopped(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().hold(TaskType::ConfigApply);
    ns.full_node("n0", "").await;
    let submitted =
        |sidecar: &sidecar_sim::Node| sidecar.submissions().iter().any(|it| it.task == TaskType::ConfigApply);
    sidecar.until(DEADLINE, submitted).await.unwrap();
    scale(&ns, "n0", 0);
    stopped(&ns, "n0", SOMEBODY).await;
    stays_down(&ns, "n0").await;
    sidecar.behaviour().release(TaskType::ConfigApply);
    ns.retry("n0", "go on").await;
    up_again(&ns, "n0").await;
}

#[scenario]
async fn a_stop_ends_by_retry_by_pause_or_by_scaling_up(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let nodes = ["n0", "n1", "n2"];
    for node in nodes {
        ns.full_node(node, "").await;
    }
    for node in nodes {
        ns.running(node).await;
    }
    scale(&ns, "n0", 0);
    ns.kubectl_patch("statefulset/n1", &json!({"spec": {"replicas": 0}}));
    ns.update_as::<StatefulSet>("incident-bot", "n2", |set| set["spec"]["replicas"] = json!(0)).await;
    for (node, by) in [("n0", SOMEBODY), ("n1", "kubectl-patch"), ("n2", "incident-bot")] {
        stopped(&ns, node, by).await;
    }
    ns.retry("n0", "1").await;
    up_again(&ns, "n0").await;
    ns.patch("n1", json!({"spec": {"paused": true}})).await;
    ns.reports("n1", ("Paused", "True", "Paused"), &[]).await;
    ns.patch("n1", json!({"spec": {"paused": false}})).await;
    up_again(&ns, "n1").await;
    scale(&ns, "n2", 1);
    up_again(&ns, "n2").await;
    // And it can be done again.
    scale(&ns, "n0", 0);
    stopped(&ns, "n0", SOMEBODY).await;
}

#[scenario]
async fn an_update_stopped_by_hand_resumes_with_the_newest_spec(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:does-not-exist"}})).await;
    ns.reports("n0", ("RolloutBlocked", "True", "ImagePullBackOff"), &["does-not-exist"]).await;
    let pods = PodWatch::begin(&[&ns]).await;
    scale(&ns, "n0", 0);
    stopped(&ns, "n0", SOMEBODY).await;
    stays_down(&ns, "n0").await;
    for image in [V2, V3] {
        ns.patch("n0", json!({"spec": {"image": image}})).await;
        let generation = ns.api::<SeiNode>().get("n0").await.unwrap().metadata.generation;
        ns.node_until("n0", "the operator knows the newest spec", |status| {
            status.observed_generation == generation && reports(status, STOPPED, &[])
        })
        .await;
    }
    assert_eq!((replicas(&ns, "n0").await, pods.ever().len()), (Some(0), 1));
    ns.retry("n0", "go on").await;
    ns.pod_runs("n0", V3).await;
    up_again(&ns, "n0").await;
    assert_eq!(ns.status("n0").await["currentImage"], V3);
    assert_eq!(pods.ever().len(), 2, "it came up once");
}

#[scenario]
async fn a_stop_during_a_pod_replacement_is_honoured(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let pods = PodWatch::begin(&[&ns]).await;
    let slow = json!({"metadata": {"annotations": {STOP_DELAY: "4s"}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(slow)).await.unwrap();
    ns.patch("n0", json!({"spec": {"image": V2}})).await;
    eventually("its pod is being deleted", async || {
        let pod = ns.pod("n0").await;
        if pod.metadata.deletion_timestamp.is_some() { Ok(()) } else { Err(pod.metadata) }
    })
    .await;
    scale(&ns, "n0", 0);
    stopped(&ns, "n0", SOMEBODY).await;
    stays_down(&ns, "n0").await;
    assert_eq!(pods.ever().len(), 1, "no pod came in its place");
    ns.retry("n0", "go on").await;
    ns.pod_runs("n0", V2).await;
    up_again(&ns, "n0").await;
    assert_eq!(ns.status("n0").await["currentImage"], V2);
}
