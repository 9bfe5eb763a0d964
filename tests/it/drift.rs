//! Drift: only a change of its spec restarts a node. Changed peers, platform settings and rendering wait for the next
//! update, and a condition reports them.

mod adopted;

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::ResourceExt;
use scenario::scenario;
use seinode_api::{SeiNode, SeiNodeStatus};
use serde_json::{Value, json};
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, Operator, conditions::reports, eventually, namespace::full_node, plans::PlanWatch,
};

const UP_TO_DATE: (&str, &str, &str) = ("TemplateOutdated", "False", "UpToDate");
const OTHER_RENDERING: (&str, &str, &str) = ("TemplateOutdated", "True", "RenderingChanged");
const OTHER_CONFIGURATION: (&str, &str, &str) = ("TemplateOutdated", "True", "ConfigurationChanged");

/// Number of nodes that select the peer.
const FLEET: usize = 50;

/// The platform as another team would set it.
const OTHER_SETTINGS: [(&str, &str); 5] = [
    ("SEI_RESOURCE_CPU_DEFAULT", "7"),
    ("SEI_RESOURCE_MEM_DEFAULT", "48Gi"),
    ("SEI_NODEPOOL_NAME", "sei-archive"),
    ("SEI_SERVICE_ACCOUNT", "another-account"),
    ("SEI_GENESIS_BUCKET", "another-bucket"),
];

/// Waits until all of these nodes fulfil a condition, with one look at all of them at a time.
async fn all_until(ns: &Namespace, names: &[String], what: &str, holds: impl Fn(&SeiNodeStatus) -> bool) {
    eventually(&format!("all {} nodes: {what}", names.len()), async || {
        let nodes = ns.api::<SeiNode>().list(&Default::default()).await.unwrap().items;
        let short = nodes
            .iter()
            .filter(|node| names.contains(&node.name_any()))
            .find(|node| node.status.as_ref().is_none_or(|status| !holds(status)));
        match short {
            Some(node) => Err((node.name_any(), node.status.clone())),
            None => Ok(()),
        }
    })
    .await;
}

/// UIDs of all pods by name.
async fn pods(ns: &Namespace) -> BTreeMap<String, String> {
    let pods = ns.api::<Pod>().list(&Default::default()).await.unwrap().items;
    pods.iter().map(|pod| (pod.name_any(), pod.uid().unwrap())).collect()
}

/// Generations of all sets by name.
async fn generations(ns: &Namespace) -> BTreeMap<String, Option<i64>> {
    let sets = ns.api::<StatefulSet>().list(&Default::default()).await.unwrap().items;
    sets.iter().map(|set| (set.name_any(), set.metadata.generation)).collect()
}

async fn sentry(ns: &Namespace, name: &str) {
    let labelled = format!("{{name: {name}, labels: {{role: sentry}}}}");
    let yaml = full_node(name, "").replace(&format!("{{name: {name}}}"), &labelled);
    ns.create_yaml::<SeiNode>(&yaml).await;
    ns.running(name).await;
}

async fn relabel(ns: &Namespace, name: &str, role: &str) {
    ns.patch(name, json!({"metadata": {"labels": {"role": role}}})).await;
}

#[scenario]
async fn peers_that_come_and_go_restart_no_node(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let plans = PlanWatch::begin(&ns).await;
    sentry(&ns, "s0").await;
    let names: Vec<String> = (0..FLEET).map(|number| format!("n{number:02}")).collect();
    join_all(names.iter().map(|name| ns.full_node(name, "  peers: [{label: {selector: {role: sentry}}}]\n")))
        .await;
    all_until(&ns, &names, "run", |status| reports(status, ("Ready", "True", "Running"), &[])).await;
    all_until(&ns, &names, "are up to date", |status| reports(status, UP_TO_DATE, &[])).await;
    let (before, applied) = (pods(&ns).await, generations(&ns).await);
    let sent = ns.sidecar("n00").submissions().len();

    let other_peers = |status: &SeiNodeStatus| {
        status.resolved_peers.len() == 2 && reports(status, OTHER_CONFIGURATION, &["peers"])
    };
    let same_peers =
        |status: &SeiNodeStatus| status.resolved_peers.len() == 1 && reports(status, UP_TO_DATE, &[]);
    sentry(&ns, "s1").await;
    all_until(&ns, &names, "know of the new peer", other_peers).await;
    relabel(&ns, "s1", "retired").await;
    all_until(&ns, &names, "know that it is none any more", same_peers).await;
    relabel(&ns, "s1", "sentry").await;
    all_until(&ns, &names, "know that it is one again", other_peers).await;
    ns.delete::<SeiNode>("s1", kube::api::PropagationPolicy::Background).await;
    all_until(&ns, &names, "know that it is gone", same_peers).await;
    ns.gone::<Pod>("s1-0").await;
    assert_eq!(pods(&ns).await, before, "pods were restarted");
    ns.gone::<StatefulSet>("s1").await;
    assert_eq!(generations(&ns).await, applied, "sets were applied");
    assert_eq!(plans.updates(&ns).await, [""; 0]);
    assert_eq!(ns.sidecar("n00").submissions().len(), sent, "its sidecar got a task");
}

#[scenario]
async fn the_next_update_configures_the_current_peers(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    sentry(&ns, "s0").await;
    ns.full_node("n0", "  peers: [{label: {selector: {role: sentry}}}]\n").await;
    ns.running("n0").await;
    let before = ns.pod_uid("n0").await;
    sentry(&ns, "s1").await;
    ns.reports("n0", OTHER_CONFIGURATION, &["peers", "next rollout"]).await;
    assert_eq!(ns.pod_uid("n0").await, before);

    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    ns.pod_runs("n0", "registry.example.com/seid:v2").await;
    ns.running("n0").await;
    ns.reports("n0", UP_TO_DATE, &[]).await;
    let after = ns.pod_uid("n0").await;
    let sent: Vec<_> = ns.sidecar("n0").submissions().into_iter().filter(|it| it.pod_uid == after).collect();
    let order: Vec<_> = sent.iter().map(|it| it.task).collect();
    let wanted = [TaskType::ConfigApply, TaskType::ConfigValidate, TaskType::MarkReady];
    assert_eq!(order, wanted, "the configuration is handed over while the gate of the new pod is shut");
    let given =
        sent[0].params.as_ref().map(|params| params["overrides"]["network.p2p.persistent_peers"].clone());
    let peers = [ns.peer_address("s0").await, ns.peer_address("s1").await];
    assert_eq!(given, Some(json!(peers.join(","))));
}

#[scenario]
async fn an_image_update_leaves_the_configuration_alone(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "  overrides: {evm.http_port: '8545'}\n").await;
    ns.running("n0").await;
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    ns.pod_runs("n0", "registry.example.com/seid:v2").await;
    ns.running("n0").await;
    let after = ns.pod_uid("n0").await;
    let sent = ns.sidecar("n0").submissions().into_iter().filter(|it| it.pod_uid == after);
    assert_eq!(sent.map(|it| it.task).collect::<Vec<_>>(), [TaskType::MarkReady]);
}

#[scenario]
async fn new_platform_settings_wait_for_the_next_update(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let scope = format!("--watch-namespace={}", ns.name);
    let plans = PlanWatch::begin(&ns).await;
    let operator = ns.operator();
    for name in ["n0", "n1"] {
        ns.full_node(name, "").await;
    }
    for name in ["n0", "n1"] {
        ns.running(name).await;
        ns.reports(name, UP_TO_DATE, &[]).await;
    }
    let (before, applied) = (pods(&ns).await, generations(&ns).await);
    assert!(operator.stop().await.success());

    let operator =
        Operator::with_settings(&ns.world, ns.world.cluster.kubeconfig(), &[&scope], &OTHER_SETTINGS);
    for name in ["n0", "n1"] {
        let status = ns.reports(name, OTHER_RENDERING, &["next rollout"]).await.status.unwrap();
        assert!(reports(&status, ("Ready", "True", "Running"), &[]), "{status:#?}");
    }
    assert_eq!((pods(&ns).await, generations(&ns).await), (before.clone(), applied));
    assert_eq!(plans.updates(&ns).await, [""; 0]);

    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    let pod = ns.pod_runs("n0", "registry.example.com/seid:v2").await;
    ns.running("n0").await;
    ns.reports("n0", UP_TO_DATE, &[]).await;
    let spec: Value = serde_json::to_value(pod.spec).unwrap();
    assert_eq!(spec["containers"][0]["resources"]["requests"], json!({"cpu": "7", "memory": "48Gi"}));
    assert_eq!(spec["nodeName"], "sei-archive-0");
    assert_eq!(spec["serviceAccountName"], "another-account");
    let variables = spec["initContainers"][1]["env"].as_array().unwrap();
    assert!(variables.contains(&json!({"name": "SEI_GENESIS_BUCKET", "value": "another-bucket"})));

    // The other one still waits, and no longer does once the settings are what they were.
    ns.reports("n1", OTHER_RENDERING, &[]).await;
    assert!(operator.stop().await.success());
    let _operator = ns.operator();
    ns.reports("n1", UP_TO_DATE, &[]).await;
    ns.reports("n0", OTHER_RENDERING, &[]).await;
    assert_eq!(pods(&ns).await.get("n1-0"), before.get("n1-0"));
    assert_eq!(plans.updates(&ns).await, ["n0"]);
}
