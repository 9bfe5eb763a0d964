//! A gate that does not open or stay open is retried and reported, at a bounded rate.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use devcluster::audit;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use scenario::scenario;
use sidecar_sim::{TaskType, Times};

use super::{restart_in_place, running};
use crate::kit::{Kit, Namespace, Operator, eventually};

/// Time for which a sidecar flaps.
const WINDOW: Duration = Duration::from_secs(60);
/// Highest number of writes of one status in a minute.
const WRITES: usize = 10;

#[scenario]
async fn a_refused_mark_ready_is_reported_and_retried(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    ns.sidecar("n0").behaviour().refuse_submit(TaskType::MarkReady, Times::Next(1), "the store is full");
    restart_in_place(&ns, "1").await;
    is_reported_and_healed(&ns, &operator, "the store is full").await;
    let (_, text) = operator.get("metrics", "/metrics").await;
    let refused = "sei_controller_effects_total{kind=\"submit-task\",outcome=\"rejected\"} 1\n";
    assert!(text.contains(refused), "{text}");
}

#[scenario]
async fn a_mark_ready_without_effect_is_reported_and_retried(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    // The plan tries it again by itself, three times; then it has failed.
    ns.sidecar("n0").behaviour().fail_task(TaskType::MarkReady, Times::Next(4), "the engine is stuck");
    restart_in_place(&ns, "1").await;
    is_reported_and_healed(&ns, &operator, "the engine is stuck").await;
}

/// The failure is in condition, event and metric; after a pause a fresh id opens the gate.
async fn is_reported_and_healed(ns: &Namespace, operator: &Operator, words: &str) {
    ns.reports("n0", ("Ready", "False", "PlanFailed"), &[words]).await;
    ns.emits("n0", "PlanFailed", &[words, "next attempt at"]).await;
    eventually("the metrics count it", async || {
        let (_, text) = operator.get("metrics", "/metrics").await;
        let is_it = |line: &&str| {
            line.starts_with("sei_controller_plan_duration_seconds_count")
                && line.contains("outcome=\"failed\"")
                && line.contains("plan_type=\"mark-ready-reapply\"")
        };
        text.lines().find(is_it).map(str::to_owned).ok_or(text.clone())
    })
    .await;
    eventually("the gate is open", async || {
        let sidecar = ns.sidecar("n0");
        if sidecar.is_ready() { Ok(()) } else { Err(sidecar.submissions()) }
    })
    .await;
    ns.running("n0").await;
    ns.emits("n0", "SidecarReadinessRestored", &[]).await;
}

#[scenario(first)]
async fn a_flapping_sidecar_causes_no_flood_of_writes(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    let begun = Timestamp::now();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for flap in 0..WINDOW.as_secs() {
        second.tick().await;
        restart_in_place(&ns, &flap.to_string()).await;
    }
    let log = ns.world.cluster.audit_log().unwrap();
    let sent = audit::requests(&log, begun).unwrap().into_iter();
    let ours = sent.filter(|it| it.user_agent.starts_with("seinode-operator/") && it.namespace == ns.name);
    let ours: Vec<_> = ours.filter(|it| it.verb != "watch").collect();
    let writes = ours.iter().filter(|it| it.resource == "seinodes" && it.subresource == "status").count();
    assert!((2..=WRITES).contains(&writes), "{writes} status writes: {ours:#?}");

    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for event in ns.api::<Event>().list(&Default::default()).await.unwrap().items {
        if event.event_time.as_ref().is_some_and(|at| at.0 >= begun) {
            *reasons.entry(event.reason.unwrap_or_default()).or_default() += 1;
        }
    }
    assert!(reasons.contains_key("SidecarReadinessLost"), "{reasons:?}");
    assert!(reasons.values().all(|count| *count == 1), "at most one new event of a reason: {reasons:?}");

    // Within a calm minute it is healed and reported as healed.
    ns.sidecar("n0").until(WINDOW * 2, |it| it.is_ready()).await.unwrap();
    ns.running("n0").await;
}
