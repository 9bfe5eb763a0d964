//! A node that is not Ready is rolled out like any other, untouched by hand: one that crashes or that was halted at an
//! upgrade height gets better by nothing else.

use std::sync::Arc;

use devcluster::kubelet::{BEHAVIOUR, CRASH_LOOP, HALTED_IMAGE};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use scenario::scenario;
use seinode_api::{SeiNode, status::Phase};
use serde_json::json;

use super::running;
use crate::kit::{
    Kit, Namespace,
    namespace::{condition, condition_status, full_node},
    rollout::RolloutWatch,
};

#[scenario]
async fn a_crash_looping_node_is_rolled_out_unaided(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    let crash = json!({"metadata": {"annotations": {BEHAVIOUR: CRASH_LOOP}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(crash)).await.unwrap();
    ns.node_until("n0", "crashes", |status| {
        condition(status, "Available").is_some_and(|it| it.message.contains("CrashLoopBackOff"))
    })
    .await;
    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
    ns.node_until("n0", "is Available", |status| condition_status(status, "Available") == "True").await;
    watch.holds();
    assert_eq!(watch.pods("n0").len(), 2);
}

/// Waits until nothing is left to be done, and checks that the node does not pass for one that serves.
async fn is_up_and_not_ready(ns: &Namespace, tag: &str) {
    let node = ns.node_until("n0", "is up", |status| {
        let runs = status.current_image.as_ref().is_some_and(|image| image.ends_with(tag));
        runs && status.phase == Some(Phase::Running) && status.plan.is_none()
    });
    let status = node.await.status.unwrap();
    assert_eq!(condition_status(&status, "Available"), "False");
    ns.reports("n0", ("Ready", "False", "CatchingUp"), &["n0-0"]).await;
}

#[scenario]
async fn a_never_ready_node_is_rolled_out_unaided(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let watch = RolloutWatch::begin(&ns).await;
    let [height_1, height_2] = [1, 2].map(|height| format!("{HALTED_IMAGE}-{height}"));
    ns.create_yaml::<SeiNode>(&full_node("n0", "").replace("seid:v1", &format!("seid:{height_1}"))).await;
    is_up_and_not_ready(&ns, &height_1).await;
    ns.image("n0", &height_2).await;
    is_up_and_not_ready(&ns, &height_2).await;
    ns.image("n0", "v3").await;
    ns.rolled("n0", "v3").await;
    ns.node_until("n0", "is Available", |status| condition_status(status, "Available") == "True").await;
    watch.holds();
    assert_eq!(watch.pods("n0").len(), 3, "each of them was replaced once");
}
