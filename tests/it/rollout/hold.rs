//! Stops a rollout at one of its tasks, and lets it go on.

use devcluster::kubelet::ABSENT_IMAGE;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sidecar_sim::TaskType;

use crate::kit::{
    Namespace,
    rolling::{current_task, image},
};

/// The tasks that wait for something, in their order.
pub const GAPS: [&str; 6] =
    ["replace-pod", "observe-image", "config-apply", "discover-peers", "config-validate", "mark-ready"];

/// A spec that every task of a rollout is needed for.
pub fn wish(tag: &str, port: &str) -> Value {
    let peer = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";
    let ec2 = json!({"region": "eu-central-1", "tags": {"chain": "atlantic-2"}});
    let peers = [json!({"static": {"addresses": [peer]}}), json!({"ec2Tags": ec2})];
    json!({"spec": {"image": image(tag), "overrides": {"evm.http_port": port}, "peers": peers}})
}

/// Begins a rollout of node n0 that stands at this task.
pub async fn begin_and_stop_at(ns: &Namespace, gap: &str) {
    match held(gap) {
        Some(task) => drop(ns.sidecar("n0").behaviour().hold(task)),
        // The earlier pod stays, though its processes end.
        None if gap == "replace-pod" => finalizers(ns, json!(["example.com/hold"])).await,
        // Below: an image that cannot be pulled is never observed.
        None => {}
    }
    ns.patch("n0", wish(if gap == "observe-image" { ABSENT_IMAGE } else { "v2" }, "2")).await;
    ns.node_until("n0", &format!("is at {gap}"), |status| current_task(status) == gap).await;
}

/// Releases the held step. An image that cannot be pulled is left to the scenario.
pub async fn let_go_on(ns: &Namespace, gap: &str) {
    match held(gap) {
        Some(task) => drop(ns.sidecar("n0").behaviour().release(task)),
        None if gap == "replace-pod" => finalizers(ns, json!(null)).await,
        None => {}
    }
}

/// The task that the sidecar holds.
fn held(gap: &str) -> Option<TaskType> {
    TaskType::ALL.into_iter().find(|task| task.to_string() == gap)
}

/// Sets the finalizers of n0's pod.
pub async fn finalizers(ns: &Namespace, finalizers: Value) {
    let patch = json!({"metadata": {"finalizers": finalizers}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}
