//! Leader election of real replicas: one works, and another takes over when it is killed, paused or stopped.

use std::sync::Arc;

use devcluster::audit;
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::StatefulSet, coordination::v1::Lease};
use kube::api::{Patch, PatchParams};
use scenario::scenario;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, Operator, eventually,
    proxy::{Cut, Proxy},
    within,
};

const LEASE: &str = "bc1f5b0a.sei.io";
const LEADS: &str = "sei_controller_leader";

#[scenario]
async fn the_second_replica_takes_over_when_the_leader_stops(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let first = replica(&ns, "first");
    first.leads().await;
    let second = replica(&ns, "second");
    second.ready().await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;

    // Each node has one series, and it is the leader's.
    let series = "sei_controller_seinode_phase{name=\"n0\",namespace=\"";
    let shows = async |replica: &Operator| replica.get("metrics", "/metrics").await.1.contains(series);
    assert!(shows(&first).await && !shows(&second).await);
    assert_eq!(second.metric(LEADS).await, 0.0);
    assert_eq!(second.metric("sei_controller_queue_depth").await, 0.0);
    assert!(holder(&ns).await.starts_with("first_"));
    let renewed = lease(&ns).await.renew_time;

    assert!(first.stop().await.success());
    let released = first.log().iter().any(|line| line["message"] == "the lease was released");
    assert!(released, "{:#?}", first.log());
    let freed = lease(&ns).await;
    assert!(freed.renew_time > renewed, "whoever waits for it would wait for its end");
    second.leads().await;
    assert!(holder(&ns).await.starts_with("second_"));
    assert_eq!(second.metric("sei_controller_leader_transitions").await, 1.0);
    ns.full_node("n1", "").await;
    ns.running("n1").await;
    eventually(
        "the new leader shows both nodes",
        async || {
            if shows(&second).await { Ok(()) } else { Err(()) }
        },
    )
    .await;
}

#[scenario]
async fn a_leader_killed_within_a_plan_is_succeeded(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let proxy = Proxy::start(&ns.world, Some((6, Cut::After))).await;
    let arguments = arguments(&ns);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let kubeconfig = proxy.kubeconfig(&ns.world);
    let first = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &arguments);
    first.leads().await;
    let second = replica(&ns, "second");
    second.ready().await;

    ns.full_node("n0", "").await;
    within("the leader is in the middle of its plan", proxy.is_cut()).await;
    first.kill();
    ns.running("n0").await;
    second.leads().await;
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.metadata.generation, Some(1), "the set was changed after it was made");
    let runs: Vec<_> = ns.sidecar("n0").executions().iter().map(|run| run.task.to_string()).collect();
    assert_eq!(runs, ["configure-genesis", "config-apply", "config-validate", "mark-ready"]);
}

#[scenario]
async fn a_leader_that_was_paused_writes_nothing_on_resume(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let kubeconfig = ns.account_with_every_right_here().await;
    let arguments = arguments(&ns);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let first = Operator::with_settings(&ns.world, &kubeconfig, &arguments, &[("POD_NAME", "first")]);
    first.leads().await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let second = replica(&ns, "second");
    second.ready().await;

    first.pause();
    // Enough to do for whoever wakes: another image, a set that was edited by hand, another node.
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    let edit = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}});
    let sets = ns.api::<StatefulSet>();
    sets.patch("n0", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    ns.full_node("n1", "").await;
    second.leads().await;
    second.pause();
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v3"}})).await;
    let woken = Timestamp::now();
    first.resume();

    let account = format!("system:serviceaccount:{}:operator", ns.name);
    let log = ns.world.cluster.audit_log().unwrap();
    let status = eventually("who led once ends", async || {
        let sent = audit::requests(&log, woken).unwrap().into_iter().filter(|it| it.user == account);
        let written: Vec<_> = sent.filter(|it| !["get", "list", "watch"].contains(&&*it.verb)).collect();
        assert!(written.is_empty(), "{written:#?}");
        first.exited().ok_or("it goes on")
    })
    .await;
    assert_eq!(status.code(), Some(1));
    let printed = first.log();
    assert!(printed.iter().any(|line| reports(line, "this replica leads no more")), "{printed:#?}");
    second.resume();
}

/// An operator that is a candidate in this namespace.
fn replica(ns: &Namespace, name: &str) -> Operator {
    let arguments = arguments(ns);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let kubeconfig = ns.world.cluster.kubeconfig();
    Operator::with_settings(&ns.world, kubeconfig, &arguments, &[("POD_NAME", name)])
}

fn arguments(ns: &Namespace) -> [String; 3] {
    [
        format!("--watch-namespace={}", ns.name),
        "--leader-elect".to_owned(),
        format!("--leader-election-namespace={}", ns.name),
    ]
}

async fn lease(ns: &Namespace) -> k8s_openapi::api::coordination::v1::LeaseSpec {
    ns.api::<Lease>().get(LEASE).await.unwrap().spec.unwrap()
}

async fn holder(ns: &Namespace) -> String {
    lease(ns).await.holder_identity.unwrap_or_default()
}

fn reports(line: &serde_json::Value, words: &str) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains(words))
}
