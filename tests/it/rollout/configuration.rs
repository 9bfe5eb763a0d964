//! A changed configuration takes effect in a new pod, while its gate is shut.

use std::sync::Arc;

use kube::ResourceExt;
use scenario::scenario;
use serde_json::{Value, json};
use sidecar_sim::{Submission, TaskType, Times};

use super::running;
use crate::kit::{Kit, Namespace, namespace::condition, rolling::current_task, rollout::RolloutWatch};

/// Submissions to the sidecar since the node came up.
fn submitted(ns: &Namespace, since: usize) -> Vec<Submission> {
    ns.sidecar("n0").submissions().into_iter().skip(since).collect()
}

fn names(submitted: &[Submission]) -> Vec<String> {
    submitted.iter().map(|it| it.task.to_string()).collect()
}

const PEER: &str = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";

#[scenario]
async fn a_new_pod_is_configured_before_its_gate_opens(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    let overrides = |port: &str| json!({"overrides": {"evm.http_port": port}});
    let config = |port: &str| json!({"logging.level": "info", "evm.http_port": port});
    let with_peer = |port: &str| {
        let mut config = config(port);
        config["network.p2p.persistent_peers"] = json!(PEER);
        config
    };

    let first = configured(&ns, overrides("8546")).await;
    assert_eq!(names(&first), ["config-apply", "config-validate", "mark-ready"]);
    assert_eq!(json!(first[0].params)["overrides"], config("8546"));

    let second = configured(&ns, json!({"peers": [{"static": {"addresses": [PEER]}}]})).await;
    assert_eq!(names(&second), ["config-apply", "config-validate", "mark-ready"]);
    assert_eq!(json!(second[0].params)["overrides"], with_peer("8546"));

    // config-apply overwrites the peers: it names them again, though they have not changed.
    let third = configured(&ns, overrides("8547")).await;
    assert_eq!(names(&third), ["config-apply", "config-validate", "mark-ready"]);
    assert_eq!(json!(third[0].params)["overrides"], with_peer("8547"));
    watch.holds();
    assert_eq!(watch.pods("n0").len(), 4, "one pod for each configuration");
}

/// Changes the spec and returns the submissions for it, all on a new pod whose gate was shut.
async fn configured(ns: &Namespace, spec: Value) -> Vec<Submission> {
    let (before, old) = (ns.sidecar("n0").submissions().len(), ns.pod("n0").await.uid());
    ns.sidecar("n0").behaviour().hold(TaskType::ConfigValidate);
    ns.patch("n0", json!({"spec": spec})).await;
    ns.node_until("n0", "is at config-validate", |status| current_task(status) == "config-validate").await;
    let new = ns.pod("n0").await.uid();
    assert_ne!(new, old);
    assert!(ns.sidecar("n0").is_up() && !ns.sidecar("n0").is_ready(), "its gate is shut");
    ns.sidecar("n0").behaviour().release(TaskType::ConfigValidate);
    ns.rolled("n0", "v1").await;
    let submitted = submitted(ns, before);
    assert!(
        submitted.iter().all(|it| Some(&it.pod_uid) == new.as_ref()),
        "all of it on the new pod: {submitted:#?}"
    );
    submitted
}

#[scenario]
async fn an_invalid_configuration_keeps_the_gate_shut(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let before = ns.sidecar("n0").submissions().len();
    ns.sidecar("n0").behaviour().fail_task(TaskType::ConfigValidate, Times::Always, "evm.http_port is taken");
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_port": "1"}}})).await;
    let failing = ns
        .node_until("n0", "reports a failed update", |status| {
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
    let submitted = names(&submitted(&ns, before));
    let opened: Vec<_> = (0..submitted.len()).filter(|at| submitted[*at] == "mark-ready").collect();
    assert_eq!(opened, [submitted.len() - 1], "the gate was opened once, at the end: {submitted:#?}");
}
