//! Reports of a gate that shuts and opens: every transition of the condition, with its events.

use std::sync::Arc;

use http::StatusCode;
use kube::api::{PostParams, PropagationPolicy};
use scenario::scenario;
use seinode_api::SeiNode;
use sidecar_sim::{Endpoint, Fault, Scope, TaskType, Times};

use crate::kit::{Kit, Namespace, Operator, eventually, wait::DEADLINE};

/// Number of losses and of restorations that an operator reported. Counted in its log, because equal events are merged.
fn reported(operator: &Operator) -> [usize; 2] {
    let log = operator.log();
    let count = |reason: &str| log.iter().filter(|line| line["reason"] == reason).count();
    ["SidecarReadinessLost", "SidecarReadinessRestored"].map(count)
}

async fn expect(ns: &Namespace, operator: &Operator, (status, reason): (&str, &str), events: [usize; 2]) {
    ns.reports("n0", ("SidecarReady", status, reason), &[]).await;
    eventually(&format!("losses and restorations reported: {events:?}"), async || {
        let reported = reported(operator);
        if reported == events { Ok(()) } else { Err(reported) }
    })
    .await;
}

fn operator(ns: &Namespace) -> Operator {
    let scope = format!("--watch-namespace={}", ns.name);
    let flags = [&*scope, "--sidecar-probe-interval=200ms"];
    Operator::start(&ns.world, ns.world.cluster.kubeconfig(), &flags)
}

/// Waits until the metric of active plans has this value, `None` for no series (W11).
async fn counts_plans(ns: &Namespace, operator: &Operator, count: Option<usize>) {
    let series = format!("sei_controller_plan_active{{controller=\"seinode\",namespace=\"{}\"}} ", ns.name);
    eventually(&format!("{series}{count:?}"), async || {
        let (_, text) = operator.get("metrics", "/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(&series)).map(str::to_owned);
        if value == count.map(|it| it.to_string()) { Ok(()) } else { Err(value) }
    })
    .await;
}

/// Takes the condition away, as if another operator had brought the node up.
async fn forget_condition(ns: &Namespace) {
    let api = ns.api::<SeiNode>();
    let mut node = api.get("n0").await.unwrap();
    let status = node.status.as_mut().unwrap();
    status.conditions.retain(|it| it.type_ != "SidecarReady");
    api.replace_status("n0", &PostParams::default(), &node).await.unwrap();
}

/// Sends mark-ready to the sidecar, past every operator.
async fn open_by_hand(ns: &Namespace) {
    let url = format!("{}/v0/tasks", ns.world.sidecars.url(&ns.name, "n0"));
    let task = serde_json::json!({"type": "mark-ready"});
    let answer = reqwest::Client::new().post(url).json(&task).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    ns.sidecar("n0").until(DEADLINE, |it| it.is_ready()).await.unwrap();
}

#[scenario]
async fn every_gate_transition_is_reported_as_in_the_table(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let first = operator(&ns);
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let sidecar = ns.sidecar("n0");
    let (open, shut, silent) = (("True", "Ready"), ("False", "NotReady"), ("Unknown", "Unreachable"));
    let unwell = || {
        let fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
        sidecar.behaviour().disturb(fault, Scope::Only(Endpoint::Healthz), Times::Always);
    };
    // It came up: nothing was lost.
    expect(&ns, &first, open, [0, 0]).await;
    // True to Unknown and back: nothing is known to be lost.
    unwell();
    expect(&ns, &first, silent, [0, 0]).await;
    ns.reports("n0", ("SidecarReady", "Unknown", "Unreachable"), &["500"]).await;
    sidecar.behaviour().reset();
    expect(&ns, &first, open, [0, 0]).await;
    // True to False, and to True.
    sidecar.behaviour().hold(TaskType::MarkReady);
    sidecar.restart_process();
    expect(&ns, &first, shut, [1, 0]).await;
    counts_plans(&ns, &first, Some(1)).await;
    sidecar.behaviour().release(TaskType::MarkReady);
    expect(&ns, &first, open, [1, 1]).await;
    counts_plans(&ns, &first, Some(0)).await;
    // Unknown to False.
    sidecar.stop_process();
    expect(&ns, &first, silent, [1, 1]).await;
    sidecar.behaviour().refuse_submit(TaskType::MarkReady, Times::Next(1), "not yet");
    sidecar.start_process();
    expect(&ns, &first, shut, [2, 1]).await;
    // False to Unknown to True: somebody opens the gate by hand meanwhile.
    unwell();
    expect(&ns, &first, silent, [2, 1]).await;
    open_by_hand(&ns).await;
    sidecar.behaviour().reset();
    expect(&ns, &first, open, [2, 2]).await;
    // A transition that another operator has reported is not repeated.
    first.stop().await;
    let second = operator(&ns);
    second.ready().await;
    sidecar.behaviour().hold(TaskType::MarkReady);
    sidecar.restart_process();
    expect(&ns, &second, shut, [1, 0]).await;
    second.kill();
    let third = operator(&ns);
    third.ready().await;
    sidecar.behaviour().release(TaskType::MarkReady);
    expect(&ns, &third, open, [0, 1]).await;
    // Absent to True, and absent to False.
    third.stop().await;
    forget_condition(&ns).await;
    let fourth = operator(&ns);
    expect(&ns, &fourth, open, [0, 0]).await;
    fourth.stop().await;
    forget_condition(&ns).await;
    sidecar.restart_process();
    let fifth = operator(&ns);
    expect(&ns, &fifth, open, [1, 1]).await;
    // A node that is gone leaves no series.
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    counts_plans(&ns, &fifth, None).await;
}
