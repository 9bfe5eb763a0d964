//! A changed configuration takes effect in a new pod, while its gate is shut.

use std::sync::Arc;

use devcluster::sidecar::{Submission, TaskType, Times};
use kube::ResourceExt;
use serde_json::json;

use super::running;
use crate::kit::{Kit, Namespace, namespace::condition};

/// What the sidecar was given since the node came up.
fn given(ns: &Namespace, since: usize) -> Vec<Submission> {
    ns.sidecar("n0").submissions().into_iter().skip(since).collect()
}

fn names(given: &[Submission]) -> Vec<String> {
    given.iter().map(|it| it.task.to_string()).collect()
}

pub async fn a_changed_override_is_configured_on_a_new_pod_before_its_gate_opens(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let before = ns.sidecar("n0").submissions().len();
    let peer = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";
    ns.patch(
        "n0",
        json!({"spec": {"overrides": {"evm.http_port": "8546"}, "peers": [{"static": {"addresses": [peer]}}]}}),
    )
    .await;
    ns.rolled("n0", "v1").await;
    let given = given(&ns, before);
    assert_eq!(names(&given), ["config-apply", "discover-peers", "config-validate", "mark-ready"]);
    let pod = ns.pod("n0").await.uid().unwrap();
    assert!(given.iter().all(|it| it.pod_uid == pod), "all of it on the new pod: {given:#?}");
    let config = json!(given[0].params);
    assert_eq!(config["overrides"], json!({"logging.level": "info", "evm.http_port": "8546"}));
    let peers = json!({"sources": [{"type": "static", "addresses": [peer]}]});
    assert_eq!(json!(given[1].params), peers);
}

pub async fn a_configuration_that_is_not_valid_keeps_the_gate_shut(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    ns.sidecar("n0").behaviour().fail_task(TaskType::ConfigValidate, Times::Always, "evm.http_port is taken");
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_port": "1"}}})).await;
    let failing = ns
        .node_until("n0", "says that the update failed", |status| {
            let update = condition(status, "NodeUpdateInProgress");
            update.is_some_and(|it| it.reason == "UpdateFailed")
                && status.plan.as_ref().is_some_and(|plan| plan.failures.unwrap_or_default() > 1)
        })
        .await;
    let status = failing.status.unwrap();
    let update = condition(&status, "NodeUpdateInProgress").unwrap();
    assert!(update.message.contains("evm.http_port is taken"), "{}", update.message);
    assert!(!ns.sidecar("n0").is_ready(), "the gate stays shut");
    let pod = ns.pod("n0").await.uid();

    ns.sidecar("n0").behaviour().reset();
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_port": "2"}}})).await;
    ns.rolled("n0", "v1").await;
    assert_ne!(ns.pod("n0").await.uid(), pod, "another configuration is another revision");
}
