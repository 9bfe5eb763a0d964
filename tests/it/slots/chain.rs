//! `--max-unavailable-per-chain`: of the nodes of one chain only a part is down at once, and a bad image stops there.

use std::{collections::BTreeMap, sync::Arc};

use devcluster::kubelet::{BEHAVIOUR, CRASH_LOOP, CRASHING_IMAGE, HALTED_IMAGE};
use futures::{StreamExt, future::join_all};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::Mutex;
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::TaskType;
use tokio::task::JoinHandle;

use super::{COMPLETE, NODES, V2, WAITING, up, update};
use crate::kit::{Kit, Namespace, Operator, conditions::reports, eventually, rolling::image};

const HELD: (&str, &str, &str) = ("SlotHeld", "True", "RollingOut");
const NOT_SERVING: (&str, &str, &str) = ("SlotHeld", "True", "NotServing");
const GIVEN_BACK: (&str, &str, &str) = ("SlotHeld", "False", "GivenBack");

/// An operator that lets this part of a chain be down.
fn operator(ns: &Namespace, share: &str) -> Operator {
    let scope = format!("--watch-namespace={}", ns.name);
    let share = format!("--max-unavailable-per-chain={share}");
    Operator::start(&ns.world, ns.world.cluster.kubeconfig(), &[&scope, &share])
}

/// A watch over the pods of a namespace: how many nodes served at once at least.
struct Serving {
    seen: Arc<Mutex<(BTreeMap<String, bool>, usize)>>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Watches from now on, when all nodes serve.
    async fn begin(ns: &Namespace) -> Self {
        let api = ns.api::<Pod>();
        let seen = Arc::new(Mutex::new((BTreeMap::new(), usize::MAX)));
        let into = Arc::clone(&seen);
        let begun = Arc::new(tokio::sync::Notify::new());
        let begins = Arc::clone(&begun);
        let task = tokio::spawn(async move {
            let mut pods = watcher(api, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = pods.next().await {
                let mut seen = into.lock();
                match event {
                    Ok(watcher::Event::Apply(pod)) => {
                        seen.0.insert(pod.name_any(), serves(&pod));
                        seen.1 = seen.1.min(seen.0.values().filter(|serves| **serves).count());
                    }
                    Ok(watcher::Event::InitApply(pod)) => drop(seen.0.insert(pod.name_any(), serves(&pod))),
                    Ok(watcher::Event::Delete(pod)) => drop(seen.0.insert(pod.name_any(), false)),
                    Ok(watcher::Event::InitDone) => begins.notify_one(),
                    Ok(watcher::Event::Init) | Err(_) => {}
                }
            }
        });
        begun.notified().await;
        Self { seen, task }
    }

    /// Number of nodes that were down at once at most.
    fn most_down(&self) -> usize {
        let seen = self.seen.lock();
        seen.0.len().saturating_sub(seen.1)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn serves(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// A bad image is given to all nodes, and then a good one.
async fn a_bad_image_and_its_fix(kit: &Kit, nodes: usize, slots: usize) {
    let ns = kit.namespace().await;
    let _operator = operator(&ns, "25%");
    let names: Vec<String> = (0..nodes).map(|index| format!("n{index}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    up(&ns, &all).await;
    let serving = Serving::begin(&ns).await;
    let bad = image(CRASHING_IMAGE);
    join_all(all.iter().map(|node| update(&ns, node, &bad))).await;
    eventually(&format!("{slots} hold a slot and crash, the others wait"), async || {
        let nodes = ns.api::<SeiNode>().list(&Default::default()).await.unwrap().items;
        let count = |told: &dyn Fn(&seinode_api::SeiNodeStatus) -> bool| {
            nodes.iter().filter(|node| node.status.as_ref().is_some_and(told)).count()
        };
        let held = count(&|status| reports(status, HELD, &["CrashLoopBackOff"]));
        let waiting = count(&|status| reports(status, WAITING, &["--max-unavailable-per-chain=25%"]));
        if (held, waiting) == (slots, all.len() - slots) { Ok(()) } else { Err((held, waiting)) }
    })
    .await;
    assert_eq!(serving.most_down(), slots, "under the bad image");
    join_all(all.iter().map(|node| update(&ns, node, V2))).await;
    join_all(all.iter().map(|node| ns.reports(node, COMPLETE, &[]))).await;
    join_all(all.iter().map(|node| ns.running(node))).await;
    assert!(serving.most_down() <= slots, "{} of {slots} were down at once", serving.most_down());
}

#[scenario]
async fn a_bad_image_takes_down_no_more_than_the_slots(kit: Arc<Kit>) {
    a_bad_image_and_its_fix(&kit, 12, 3).await;
}

#[scenario(exhaustive)]
async fn a_bad_image_takes_down_a_quarter_of_300_nodes(kit: Arc<Kit>) {
    a_bad_image_and_its_fix(&kit, 300, 75).await;
}

#[scenario]
async fn a_node_keeps_its_slot_until_it_serves(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let scope = format!("--watch-namespace={}", ns.name);
    // No time to settle, so that the plan is over long before the node serves.
    let arguments = [&*scope, "--max-unavailable-per-chain=1", "--rollout-settle=1s"];
    let _operator = Operator::start(&ns.world, ns.world.cluster.kubeconfig(), &arguments);
    up(&ns, &NODES[..2]).await;
    let pod = ns.pod_uid("n1").await;
    update(&ns, "n0", &image(HALTED_IMAGE)).await;
    ns.reports("n0", COMPLETE, &[]).await;
    ns.reports("n0", NOT_SERVING, &["keeps it until it serves"]).await;
    update(&ns, "n1", V2).await;
    ns.reports("n1", WAITING, &["n0", "SlotHeld"]).await;
    assert_eq!(ns.pod_uid("n1").await, pod, "a waiting node was touched");
    update(&ns, "n0", V2).await;
    for node in ["n0", "n1"] {
        ns.pod_runs(node, V2).await;
        ns.reports(node, GIVEN_BACK, &[]).await;
    }
}

#[scenario]
async fn a_node_that_is_not_ready_costs_a_slot_until_paused(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = operator(&ns, "25%");
    up(&ns, &NODES[..4]).await;
    ns.sidecar("n0").behaviour().hold(TaskType::MarkReady);
    ns.sidecar("n0").restart_process();
    ns.node_until("n0", "is not Available", |status| {
        reports(status, ("Available", "False", "PodNotReady"), &[])
    })
    .await;
    update(&ns, "n1", V2).await;
    ns.reports("n1", WAITING, &["of 4 nodes", "not Ready", "n0"]).await;
    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    ns.reports("n1", COMPLETE, &[]).await;
    ns.pod_runs("n1", V2).await;
}

#[scenario]
async fn a_fix_gets_out_to_a_crashing_node_without_a_slot(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = operator(&ns, "1");
    up(&ns, &NODES[..3]).await;
    update(&ns, "n0", &image(CRASHING_IMAGE)).await;
    ns.reports("n0", HELD, &["CrashLoopBackOff"]).await;
    let crash = json!({"metadata": {"annotations": {BEHAVIOUR: CRASH_LOOP}}});
    ns.api::<Pod>().patch("n1-0", &PatchParams::default(), &Patch::Merge(crash)).await.unwrap();
    ns.node_until("n1", "crashes", |status| {
        reports(status, ("Available", "False", "PodNotReady"), &["CrashLoopBackOff"])
    })
    .await;
    for node in ["n1", "n2"] {
        update(&ns, node, V2).await;
    }
    ns.reports("n1", COMPLETE, &[]).await;
    ns.running("n1").await;
    ns.reports("n2", WAITING, &["n0"]).await;
    assert_eq!(ns.status("n1").await["slot"], json!(null), "it was down already");
}
