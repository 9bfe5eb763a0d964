//! A sidecar that lost its readiness is healed and reported once; restarts by the operator are not a loss.

mod conditions;
mod faults;

use scenario::scenario;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams, PropagationPolicy};
use seinode_api::SeiNodeStatus;
use serde_json::json;
use sidecar_sim::{Delay, RESTART_SIDECAR, TaskType};

use crate::kit::{Kit, Namespace, Operator, eventually, namespace::condition};

async fn running(kit: &Kit) -> (Namespace, Operator) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    (ns, operator)
}

async fn restart_in_place(ns: &Namespace, value: &str) {
    let patch = json!({"metadata": {"annotations": {RESTART_SIDECAR: value}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

fn times(status: &SeiNodeStatus) -> Option<(Timestamp, Timestamp)> {
    let sidecar = status.sidecar.as_ref()?;
    Some((sidecar.last_lost.as_ref()?.0, sidecar.last_healed.as_ref()?.0))
}

/// Waits until the gate was opened so many times.
async fn opened(ns: &Namespace, count: usize) {
    eventually(&format!("the gate was opened {count} times"), async || {
        let sidecar = ns.sidecar("n0");
        let ids: Vec<_> =
            sidecar.executions().into_iter().filter(|it| it.task == TaskType::MarkReady).collect();
        if ids.len() == count && sidecar.is_ready() { Ok(()) } else { Err(ids) }
    })
    .await;
}

async fn reasons_until(ns: &Namespace, reason: &str, count: usize) -> Vec<String> {
    eventually(&format!("{count} events {reason}"), async || {
        let reasons = ns.event_reasons("n0").await;
        let found = reasons.iter().filter(|it| *it == reason).count();
        if found == count { Ok(reasons) } else { Err(reasons) }
    })
    .await
}

#[scenario]
async fn a_restart_in_place_is_healed_and_reported_once(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    let losses = format!(
        "sei_controller_seinode_sidecar_readiness_losses_total{{name=\"n0\",namespace=\"{}\"}} ",
        ns.name
    );
    let (_, text) = operator.get("metrics", "/metrics").await;
    assert!(text.contains(&format!("{losses}0\n")), "it begins at 0: {text}");
    restart_in_place(&ns, "1").await;
    opened(&ns, 2).await;
    let node = ns
        .node_until("n0", "is healed", |status| {
            times(status).is_some() && condition(status, "SidecarReady").is_some_and(|it| it.status == "True")
        })
        .await;
    let (lost, healed) = times(&node.status.unwrap()).unwrap();
    assert!(lost <= healed && healed.duration_since(lost) < SignedDuration::from_secs(30));
    reasons_until(&ns, "SidecarReadinessLost", 1).await;
    reasons_until(&ns, "SidecarReadinessRestored", 1).await;
    eventually("the metrics say it", async || {
        let (_, text) = operator.get("metrics", "/metrics").await;
        let counted = text.contains(&format!("{losses}1\n"))
            && text.contains("sei_controller_seinode_sidecar_heal_duration_seconds_count")
            && text.contains("type=\"SidecarReady\"");
        if counted { Ok(()) } else { Err(text) }
    })
    .await;

    operator.kill();
    let _next = ns.operator();
    restart_in_place(&ns, "2").await;
    opened(&ns, 3).await;
    let reasons = reasons_until(&ns, "SidecarReadinessRestored", 2).await;
    assert_eq!(reasons.iter().filter(|it| *it == "SidecarReadinessLost").count(), 2, "{reasons:?}");
}

#[scenario]
async fn the_steady_probe_notices_a_silently_shut_gate(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let scope = format!("--watch-namespace={}", ns.name);
    let _operator =
        Operator::start(&ns.world, ns.world.cluster.kubeconfig(), &[&scope, "--sidecar-probe-interval=1s"]);
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    ns.sidecar("n0").restart_process();
    opened(&ns, 2).await;
    reasons_until(&ns, "SidecarReadinessRestored", 1).await;
}

#[scenario]
async fn an_invalid_spec_disarms_no_healing(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    ns.patch("n0", json!({"spec": {"overrides": {"no.such.key": "x"}}})).await;
    let node = ns.reports("n0", ("SpecValid", "False", "Invalid"), &["no.such.key"]).await;
    let status = node.status.unwrap();
    for stays in ["DataVolumeReady", "VolumeRetained", "Paused", "RolloutBlocked"] {
        assert!(condition(&status, stays).is_some(), "{stays} does not depend on the overrides");
    }
    restart_in_place(&ns, "1").await;
    opened(&ns, 2).await;
    reasons_until(&ns, "SidecarReadinessRestored", 1).await;
    ns.patch("n0", json!({"spec": {"overrides": null}})).await;
    ns.reports("n0", ("Ready", "True", "Running"), &[]).await;
}

#[scenario]
async fn an_evicted_pod_is_healed_once_its_sidecar_answers(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    ns.sidecar("n0").behaviour().start_delay(Delay::Fixed(Duration::from_secs(2)));
    ns.delete::<Pod>("n0-0", PropagationPolicy::Background).await;
    opened(&ns, 2).await;
    ns.running("n0").await;
    reasons_until(&ns, "SidecarReadinessLost", 1).await;
    reasons_until(&ns, "SidecarReadinessRestored", 1).await;
}

#[scenario]
async fn a_silent_sidecar_is_unreachable_and_no_loss(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    ns.sidecar("n0").stop_process();
    let node = ns
        .node_until("n0", "reports a silent sidecar", |status| {
            condition(status, "SidecarReady").is_some_and(|it| it.reason == "Unreachable")
        })
        .await;
    let status = node.status.unwrap();
    let reported = condition(&status, "SidecarReady").unwrap();
    assert_eq!(
        (&*reported.status, &*reported.message),
        ("Unknown", "the sidecar does not accept connections")
    );
    assert_eq!(status.sidecar.unwrap().last_lost, None, "nothing is known to be lost");
    ns.sidecar("n0").start_process();
    opened(&ns, 2).await;
    ns.running("n0").await;
}

/// A pod that an update has not replaced yet is healed inside the update (W31).
#[scenario]
async fn a_gate_that_shuts_in_a_waiting_update_is_reopened(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    // The data PVC is being deleted, and only the pod keeps it: the update may not replace the pod.
    ns.delete::<k8s_openapi::api::core::v1::PersistentVolumeClaim>("data-n0", PropagationPolicy::Background)
        .await;
    ns.image("n0", "v2").await;
    let plan = |status: &SeiNodeStatus| status.plan.as_ref().map(|plan| plan.id.clone());
    let waits = ns
        .node_until("n0", "waits for its volume", |status| {
            condition(status, "RolloutBlocked").is_some_and(|it| it.reason == "DataVolumeNotReady")
        })
        .await;
    restart_in_place(&ns, "1").await;
    opened(&ns, 2).await;
    let node = ns
        .node_until("n0", "still waits", |status| {
            status
                .plan
                .as_ref()
                .is_some_and(|plan| plan.current_task.as_deref().is_some_and(|it| it.contains("replace-pod")))
        })
        .await;
    assert_eq!(plan(&node.status.unwrap()), plan(&waits.status.unwrap()), "it is the same plan");
}
