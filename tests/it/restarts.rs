//! A person asks for a restart: the pod is replaced once, with the spec as it is.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use scenario::scenario;
use serde_json::{Value, json};

use crate::kit::{Kit, Namespace};

impl Namespace {
    /// Waits until a restart of a node is done, and returns the value that asked for it.
    async fn restarted(&self, node: &str, before: &str) -> String {
        let found = self
            .node_until(node, "is restarted", |status| {
                let restart = status.restart.clone().unwrap_or_default();
                restart.done.is_some() && restart.done == restart.requested && restart.pod.is_none()
            })
            .await;
        self.running(node).await;
        assert_ne!(self.pod_uid(node).await, before, "its pod was not replaced");
        found.status.unwrap().restart.unwrap().done.unwrap()
    }
}

#[scenario]
async fn kubectl_rollout_restart_replaces_the_pod_once(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let before = ns.pod_uid("n0").await;
    ns.kubectl(&["rollout", "restart", "statefulset/n0"]);
    let done = ns.restarted("n0", &before).await;

    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    let annotations = set.spec.unwrap().template.metadata.unwrap().annotations.unwrap();
    assert_eq!(annotations.get("kubectl.kubernetes.io/restartedAt"), Some(&done), "it is no edit");
    assert_eq!(ns.status("n0").await["repairs"], Value::Null);
    ns.reports("n0", ("NodeUpdateInProgress", "False", "UpdateComplete"), &[]).await;
    let after = ns.pod_uid("n0").await;
    operator.kill();
    let _operator = ns.operator();
    ns.retry("n0", "another process looks").await;
    ns.running("n0").await;
    assert_eq!(ns.pod_uid("n0").await, after, "what is done is not done again");
}

#[scenario]
async fn a_new_restart_annotation_replaces_the_pod_once(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/restart": "at first sight"}}})).await;
    ns.running("n0").await;
    for value in ["1", "2"] {
        let before = ns.pod_uid("n0").await;
        ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/restart": value}}})).await;
        ns.node_until("n0", "has the request", |status| {
            status.restart.as_ref().is_some_and(|restart| restart.requested.as_deref() == Some(value))
        })
        .await;
        assert_eq!(ns.restarted("n0", &before).await, value);
    }
}
