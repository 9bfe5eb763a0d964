//! Rollouts converge on the newest spec, whatever comes in between.

mod blocked;
mod configured;
mod death;

use std::{sync::Arc, time::Duration};

pub use blocked::*;
pub use configured::*;
pub use death::*;
use devcluster::{
    sidecar::{Delay, TaskType},
    stages::{ABSENT_IMAGE, BEHAVIOUR, CRASH_LOOP},
};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PropagationPolicy},
};
use seinode_api::SeiNode;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, eventually,
    namespace::{condition, truth},
    rolling::current_task,
    rollout::RolloutWatch,
};

/// A node that runs v1, and an operator that serves it.
async fn running(kit: &Kit) -> (Namespace, crate::kit::Operator) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    (ns, operator)
}

pub async fn an_image_goes_there_and_back_and_every_pod_is_replaced_once(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    let begun = Timestamp::now();
    let mut uids = vec![ns.pod("n0").await.uid().unwrap()];
    for tag in ["v2", "v1", "v2"] {
        ns.image("n0", tag).await;
        ns.rolled("n0", tag).await;
        uids.push(ns.pod("n0").await.uid().unwrap());
    }
    uids.dedup();
    assert_eq!(uids.len(), 4, "each rollout has made a pod of its own");
    let deleted = ns.asked(begun).into_iter().filter(|it| (&*it.verb, &*it.resource) == ("delete", "pods"));
    assert_eq!(deleted.count(), 3, "no pod was deleted that was what it should be");
    watch.holds();
    let reasons = ns.event_reasons("n0").await;
    assert!(
        !reasons.contains(&"SidecarReadinessLost".to_owned()),
        "our own restarts are no loss: {reasons:?}"
    );
}

pub async fn quick_changes_end_on_the_last_one(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    for tag in ["v2", "v1", "v2", "v1", "v2"] {
        ns.image("n0", tag).await;
    }
    ns.rolled("n0", "v2").await;
    ns.image("n0", "v1").await;
    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
    watch.holds();
}

/// In every gap of the plan another image is asked for: the plan yields at its next step.
pub async fn another_image_in_every_gap_of_a_plan_takes_over(kit: Arc<Kit>) {
    let gaps = ["replace-pod", "observe-image", "mark-ready"];
    let kit = &kit;
    join_all(gaps.map(|gap| async move {
        let (ns, _operator) = running(kit).await;
        let watch = RolloutWatch::begin(&ns).await;
        hold(&ns, gap).await;
        // One that cannot be pulled is never observed.
        ns.image("n0", if gap == "observe-image" { ABSENT_IMAGE } else { "v2" }).await;
        ns.node_until("n0", &format!("is at {gap}"), |status| current_task(status) == gap).await;
        release(&ns, gap).await;
        ns.image("n0", "v3").await;
        ns.rolled("n0", "v3").await;
        watch.holds();
    }))
    .await;
}

/// Stops a rollout at a task.
async fn hold(ns: &Namespace, task: &str) {
    match task {
        // A pod with a finalizer is not gone when its processes are.
        "replace-pod" => finalizers(ns, json!(["example.com/hold"])).await,
        "mark-ready" => drop(ns.sidecar("n0").behaviour().hold(TaskType::MarkReady)),
        _ => {}
    }
}

async fn release(ns: &Namespace, task: &str) {
    match task {
        "replace-pod" => finalizers(ns, json!(null)).await,
        "mark-ready" => drop(ns.sidecar("n0").behaviour().release(TaskType::MarkReady)),
        _ => {}
    }
}

async fn finalizers(ns: &Namespace, finalizers: serde_json::Value) {
    let patch = json!({"metadata": {"finalizers": finalizers}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

pub async fn a_node_that_crashes_or_is_unready_is_rolled_out_untouched_by_hand(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let crash = json!({"metadata": {"annotations": {BEHAVIOUR: CRASH_LOOP}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(crash)).await.unwrap();
    ns.node_until("n0", "crashes", |status| {
        condition(status, "Available").is_some_and(|it| it.message.contains("CrashLoopBackOff"))
    })
    .await;
    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
}

pub async fn a_set_that_is_deleted_and_a_pod_that_is_evicted_in_the_middle_change_nothing_about_the_end(
    kit: Arc<Kit>,
) {
    let kit = &kit;
    let strike = |what: &'static str| async move {
        let (ns, _operator) = running(kit).await;
        ns.sidecar("n0").behaviour().hold(TaskType::MarkReady);
        ns.image("n0", "v2").await;
        ns.node_until("n0", "is at mark-ready", |status| current_task(status) == "mark-ready").await;
        match what {
            "set" => ns.delete::<StatefulSet>("n0", PropagationPolicy::Background).await,
            _ => ns.delete::<Pod>("n0-0", PropagationPolicy::Background).await,
        }
        ns.sidecar("n0").behaviour().release(TaskType::MarkReady);
        ns.rolled("n0", "v2").await;
    };
    join_all(["set", "pod"].map(strike)).await;
}

pub async fn the_other_parts_of_the_pod_are_rolled_out_too(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let mut uid = ns.pod("n0").await.uid();
    for change in [
        json!({"sidecar": {"image": "registry.example.com/sidecar:2"}}),
        json!({"sidecar": {"resources": {"limits": {"memory": "1Gi"}}}}),
        json!({"podLabels": {"team": "rpc"}}),
        json!({"entrypoint": {"command": ["seid", "start"]}}),
    ] {
        ns.patch("n0", json!({"spec": change})).await;
        let before = uid.clone();
        eventually(&format!("{change}: another pod"), async || match ns.api::<Pod>().get_opt("n0-0").await {
            Ok(Some(pod)) if pod.uid() != before => Ok(()),
            other => Err(other.map(|pod| pod.map(|pod| pod.metadata))),
        })
        .await;
        ns.rolled("n0", "v1").await;
        uid = ns.pod("n0").await.uid();
    }
    let pod = ns.pod("n0").await;
    assert_eq!(pod.labels().get("team").map(String::as_str), Some("rpc"));
    assert_eq!(
        ns.sidecar("n0").submissions().iter().filter(|it| it.task == TaskType::ConfigApply).count(),
        1
    );
}

pub async fn a_hundred_nodes_at_once_are_rolled_out(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let names: Vec<_> = (0..100).map(|index| format!("n{index}")).collect();
    let ns = &ns;
    join_all(names.iter().map(|name| ns.full_node(name, ""))).await;
    join_all(names.iter().map(|name| ns.running(name))).await;
    let watch = RolloutWatch::begin(ns).await;
    join_all(names.iter().map(|name| ns.image(name, "v2"))).await;
    join_all(names.iter().map(|name| ns.rolled(name, "v2"))).await;
    watch.holds();
}

pub async fn a_rollout_takes_ten_requests_at_most(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    for (tag, delay) in [("v2", Duration::ZERO), ("v3", Duration::from_secs(3))] {
        ns.sidecar("n0").behaviour().start_delay(Delay::Fixed(delay));
        settled(&ns).await;
        let begun = Timestamp::now();
        ns.image("n0", tag).await;
        ns.rolled("n0", tag).await;
        settled(&ns).await;
        let asked: Vec<_> = ns.asked(begun).iter().map(|it| format!("{} {}", it.verb, it.resource)).collect();
        assert!((5..=10).contains(&asked.len()), "{delay:?}: {asked:#?}");
    }
}

/// Waits until the last event is sent and the status is written for the last time.
async fn settled(ns: &Namespace) {
    let api = ns.api::<SeiNode>();
    eventually("the node is Available", async || {
        let status = api.get("n0").await.unwrap().status.unwrap();
        if truth(&status, "Available") == "True" { Ok(()) } else { Err(status.conditions) }
    })
    .await;
    let mut last = usize::MAX;
    eventually("no request comes any more", async || {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let now = ns.asked(Timestamp::UNIX_EPOCH).len();
        if std::mem::replace(&mut last, now) == now { Ok(()) } else { Err(now) }
    })
    .await;
}
