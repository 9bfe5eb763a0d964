//! Peers: nodes that select each other come up from nothing and stay up; whoever is missing or came back as another is told.

use std::sync::Arc;

use futures::future::join_all;
use kube::api::PropagationPolicy;
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::{TaskType, Times};

use crate::kit::{
    Kit, Namespace,
    fixtures::validator,
    keys::{FIRST, NODE_KEY},
    namespace::full_node,
};

const UP_TO_DATE: (&str, &str, &str) = ("TemplateOutdated", "False", "UpToDate");
const OUTDATED: (&str, &str, &str) = ("TemplateOutdated", "True", "ConfigurationChanged");
/// First 20 bytes of the SHA-256 of the public half of `NODE_KEY`.
const ID_OF_THE_KEY: &str = "dac073e0123bdea59dd9b3bda9cf6037f63aca82";

/// Creates a node with a label `role`.
async fn create(ns: &Namespace, role: &str, yaml: String) {
    let labelled = yaml.replacen('}', &format!(", labels: {{role: {role}}}}}"), 1);
    ns.create_yaml::<SeiNode>(&labelled).await;
}

fn selecting(role: &str) -> String {
    format!("  peers: [{{label: {{selector: {{role: {role}}}}}}}]\n")
}

/// The list of peers that the sidecar of a node was last given; empty when it was given none.
fn given(ns: &Namespace, node: &str) -> String {
    let applied = ns.sidecar(node).submissions().into_iter().rfind(|it| it.task == TaskType::ConfigApply);
    let params = applied.and_then(|it| it.params).unwrap_or_default();
    let overrides = params.get("overrides").cloned().unwrap_or_default();
    overrides["network.p2p.persistent_peers"].as_str().unwrap_or_default().to_owned()
}

async fn addresses(ns: &Namespace, nodes: &[&str]) -> String {
    let mut all = Vec::new();
    for node in nodes {
        all.push(ns.peer_address(node).await);
    }
    all.join(",")
}

#[scenario]
async fn nodes_that_select_each_other_come_up_from_nothing(kit: Arc<Kit>) {
    const VALIDATORS: [&str; 3] = ["v0", "v1", "v2"];
    const SENTRIES: [&str; 3] = ["s0", "s1", "s2"];
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.keys("v0", &FIRST.file(), NODE_KEY).await;
    create(&ns, "validator", validator("v0", &selecting("sentry"))).await;
    let observer = |name| full_node(name, &selecting("sentry")).replace("fullNode: {}", "validator: {}");
    join_all(["v1", "v2"].map(|name| create(&ns, "validator", observer(name)))).await;
    join_all(SENTRIES.map(|name| create(&ns, "sentry", full_node(name, &selecting("validator"))))).await;
    let all = [VALIDATORS, SENTRIES].concat();
    for name in &all {
        ns.running(name).await;
        ns.reports(name, ("PeersResolved", "True", "Resolved"), &[]).await;
    }
    let id = ns.status("v0").await["nodeId"].clone();
    assert_eq!(id, ID_OF_THE_KEY, "its sidecar tells another one: only seid has the key");

    let change = json!({"spec": {"overrides": {"evm.http_port": "8546"}}});
    join_all(all.iter().map(|name| ns.patch(name, change.clone()))).await;
    for name in &all {
        let generation = ns.api::<SeiNode>().get(name).await.unwrap().metadata.generation;
        ns.node_until(name, "is done with the change", |status| {
            status.observed_generation == generation && status.plan.is_none()
        })
        .await;
        ns.reports(name, UP_TO_DATE, &[]).await;
        ns.running(name).await;
    }
    for (nodes, peers) in [(VALIDATORS, SENTRIES), (SENTRIES, VALIDATORS)] {
        let peers = addresses(&ns, &peers).await;
        for node in nodes {
            assert_eq!(given(&ns, node), peers, "{node}");
        }
    }
}

#[scenario]
async fn a_node_without_a_matching_peer_comes_up_and_says_so(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("rpc", &selecting("sentry")).await;
    ns.reports("rpc", ("PeersResolved", "False", "NoPeers"), &["role=sentry"]).await;
    ns.running("rpc").await;
    let before = ns.pod_uid("rpc").await;
    create(&ns, "sentry", full_node("sentry", "")).await;
    ns.reports("rpc", ("PeersResolved", "True", "Resolved"), &[]).await;
    ns.reports("rpc", OUTDATED, &["the peers changed"]).await;
    let listed = ns.status("rpc").await["resolvedPeers"].clone();
    assert_eq!(listed, json!([ns.peer_address("sentry").await]));
    assert_eq!(
        (ns.pod_uid("rpc").await, given(&ns, "rpc")),
        (before, String::new()),
        "nobody is restarted for it"
    );
}

#[scenario]
async fn a_recreated_peer_is_told_and_the_next_rollout_brings_it(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let counted = async |state: &str| {
        let labels = format!("{{name=\"rpc\",namespace=\"{}\",state=\"{state}\"}}", ns.name);
        operator.metric(&format!("sei_controller_seinode_peers{labels}")).await
    };
    create(&ns, "sentry", full_node("sentry", "")).await;
    ns.running("sentry").await;
    ns.full_node("rpc", &selecting("sentry")).await;
    ns.running("rpc").await;
    let (first, pod) = (ns.peer_address("sentry").await, ns.pod_uid("rpc").await);
    assert_eq!(given(&ns, "rpc"), first);
    ns.delete::<SeiNode>("sentry", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("sentry").await;
    create(&ns, "sentry", full_node("sentry", "")).await;
    ns.reports("rpc", OUTDATED, &["came back with another node id"]).await;
    assert_eq!(ns.pod_uid("rpc").await, pod);
    assert_eq!((counted("outdated").await, counted("resolved").await), (1.0, 0.0));

    ns.patch("rpc", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    ns.pod_runs("rpc", "registry.example.com/seid:v2").await;
    ns.reports("rpc", UP_TO_DATE, &[]).await;
    assert_eq!((counted("outdated").await, counted("resolved").await), (0.0, 1.0));
    let second = ns.peer_address("sentry").await;
    assert_eq!(given(&ns, "rpc"), second);
    assert_ne!(first, second);
}

#[scenario]
async fn a_sidecar_that_cannot_discover_keeps_no_node_down(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let words = "unknown task type: discover-peers";
    ns.sidecar("n0").behaviour().refuse_submit(TaskType::DiscoverPeers, Times::Always, words);
    ns.full_node("n0", "  peers: [{ec2Tags: {region: eu-central-1, tags: {chain: atlantic-2}}}, \
                        {static: {addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@a.example.com:26656']}}]\n")
        .await;
    ns.running("n0").await;
    ns.reports("n0", ("PeersResolved", "False", "DiscoveryFailed"), &[words]).await;
    assert_eq!(given(&ns, "n0"), "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@a.example.com:26656");
}
