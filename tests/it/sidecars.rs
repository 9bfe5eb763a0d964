//! Sidecars that fail, forget, reject or stay silent: the status reports it, and no other node is delayed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{Patch, PatchParams};
use scenario::scenario;
use seinode_api::{SeiNode, status::Phase};
use serde_json::json;
use sidecar_sim::{Fault, Scope, SubmissionEffect, TaskType, Times};

use crate::kit::{
    Kit, eventually,
    namespace::{condition, condition_status, full_node},
    wait::DEADLINE,
};

#[scenario]
async fn a_task_lost_by_the_sidecar_is_submitted_once_more(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().hold(TaskType::ConfigApply);
    ns.full_node("n0", "").await;
    let applied = |sidecar: &sidecar_sim::Node| {
        sidecar.submissions().iter().filter(|it| it.task == TaskType::ConfigApply).count()
    };
    sidecar.until(DEADLINE, |sidecar| applied(sidecar) == 1).await.unwrap();
    sidecar.lose_store();
    sidecar.until(DEADLINE, |sidecar| applied(sidecar) == 2).await.unwrap();
    ns.node_until("n0", "reports the failure", |status| {
        let tasks = status.plan.iter().flat_map(|plan| &plan.tasks);
        tasks.filter_map(|task| task.error.as_deref()).any(|error| error.contains("no longer knew the task"))
    })
    .await;
    sidecar.behaviour().release(TaskType::ConfigApply);
    ns.running("n0").await;
    assert_eq!(applied(&sidecar), 2);
}

#[scenario]
async fn a_failed_task_is_quoted_and_a_new_spec_retries_at_once(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let yaml = full_node("n0", "  overrides: {evm.http_prot: '1'}\n")
        .replace("{name: n0}", "{name: n0, annotations: {sei.io/allow-unknown-overrides: 'true'}}");
    ns.create_yaml::<SeiNode>(&yaml).await;
    let node = ns.node_until("n0", "has failed", |status| status.phase == Some(Phase::Failed)).await;
    let status = node.status.unwrap();
    let ready = condition(&status, "Ready").unwrap();
    assert_eq!(ready.reason, "PlanFailed");
    assert!(
        ready.message.contains("evm.http_prot") && ready.message.contains("next attempt at"),
        "{ready:?}"
    );
    let plan = status.plan.unwrap();
    assert!(plan.next_attempt.is_some() && plan.failures == Some(1), "{plan:?}");
    eventually("events say so", async || {
        let reasons = ns.event_reasons("n0").await;
        let has = |reason: &str| reasons.iter().any(|it| it == reason);
        if has("PlanFailed") && has("NodeFailed") { Ok(()) } else { Err(reasons) }
    })
    .await;

    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_prot": null, "evm.http_port": "1"}}})).await;
    ns.running("n0").await;
}

#[scenario]
async fn an_unknown_override_is_reported_before_any_write(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "  overrides: {evm.http_prot: '1', loging.level: debug}\n").await;
    let node =
        ns.node_until("n0", "is refused", |status| condition_status(status, "SpecValid") == "False").await;
    let status = node.status.unwrap();
    let message = &condition(&status, "SpecValid").unwrap().message;
    for words in
        ["spec.overrides[evm.http_prot]", "did you mean evm.http_port?", "did you mean logging.level?"]
    {
        assert!(message.contains(words), "{message}");
    }
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none());
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_prot": null, "loging.level": null}}})).await;
    ns.running("n0").await;
}

#[scenario]
async fn a_retry_annotation_ends_the_backoff(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    // Plans fail one after another, so that the pause grows beyond what this scenario waits.
    sidecar.behaviour().fail_task(TaskType::ConfigApply, Times::Next(2), "no");
    ns.full_node("n0", "").await;
    let failed_plans = |count: i32| {
        ns.node_until("n0", "a plan has failed", move |status| {
            status.phase == Some(Phase::Failed)
                && status.plan.as_ref().is_some_and(|plan| plan.failures == Some(count))
        })
    };
    failed_plans(1).await;
    failed_plans(2).await;
    let sent = std::time::Instant::now();
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/retry": "now"}}})).await;
    ns.running("n0").await;
    assert!(sent.elapsed() < Duration::from_secs(15), "the pause of 20 s was not cut: {:?}", sent.elapsed());
}

#[scenario]
async fn a_suspended_node_is_untouched_until_resumed(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let yaml = full_node("n0", "").replace("{name: n0}", "{name: n0, annotations: {sei.io/suspend: 'true'}}");
    ns.create_yaml::<SeiNode>(&yaml).await;
    ns.node_until("n0", "reports that it is suspended", |status| {
        condition(status, "Stalled").is_some_and(|it| it.reason == "Suspended")
    })
    .await;
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none());
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/suspend": null}}})).await;
    ns.running("n0").await;
}

#[scenario]
async fn a_rejected_task_is_sent_once_and_fails_the_plan(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().refuse_submit(
        TaskType::ConfigureGenesis,
        Times::Always,
        "unknown task type: configure-genesis",
    );
    ns.full_node("n0", "").await;
    let node = ns.node_until("n0", "has failed", |status| status.phase == Some(Phase::Failed)).await;
    let status = node.status.unwrap();
    let message = &condition(&status, "Ready").unwrap().message;
    assert!(message.contains("unknown task type: configure-genesis"), "{message}");
    let posts = sidecar.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 1, "W2: it is not retried blindly");
}

#[scenario]
async fn a_failed_task_with_retries_left_gets_a_new_id(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().fail_task(TaskType::ConfigureGenesis, Times::Always, "genesis is not published yet");
    ns.full_node("n0", "").await;
    ns.node_until("n0", "waits with the reason", |status| {
        let message = status.plan.as_ref().and_then(|plan| plan.message.clone()).unwrap_or_default();
        message.contains("genesis is not published yet") && status.phase == Some(Phase::Initializing)
    })
    .await;
    sidecar.behaviour().reset();
    ns.running("n0").await;
    let tries: Vec<_> = sidecar
        .submissions()
        .into_iter()
        .filter(|it| it.task == TaskType::ConfigureGenesis)
        .map(|it| (it.id, it.effect))
        .collect();
    let ids: BTreeSet<_> = tries.iter().map(|(id, _)| id.clone()).collect();
    assert!(tries.len() >= 2 && ids.len() == tries.len(), "{tries:?}");
    assert!(tries.iter().all(|(_, effect)| *effect == SubmissionEffect::Executed), "{tries:?}");
}

#[scenario]
async fn a_silent_sidecar_is_named_and_delays_no_other_node(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let silent = ["dark0", "dark1", "dark2"];
    for name in silent {
        ns.sidecar(name).behaviour().disturb(Fault::BlackHole, Scope::Everything, Times::Always);
        ns.full_node(name, "").await;
    }
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    for name in silent {
        let words = "the sidecar does not answer in time";
        ns.node_until(name, words, |status| {
            condition(status, "Ready").is_some_and(|ready| ready.message.contains(words))
        })
        .await;
        ns.sidecar(name).behaviour().reset();
        ns.running(name).await;
    }
}

#[scenario]
async fn a_running_node_reports_its_gate_truthfully(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let behaviour = ns.sidecar("n0").behaviour();
    behaviour.disturb(Fault::Reset, Scope::Everything, Times::Always);
    // A change of the pod makes the operator look.
    let pods = ns.api::<Pod>();
    let patch = json!({"metadata": {"annotations": {"it": "look"}}});
    pods.patch("n0-0", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    ns.node_until("n0", "reports the silent sidecar", |status| {
        condition_status(status, "SidecarReady") == "Unknown"
    })
    .await;
    // The operator keeps probing, because no event reports that the sidecar is back.
    behaviour.reset();
    ns.running("n0").await;
}

#[scenario]
async fn garbage_from_a_sidecar_is_ignored(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let behaviour = ns.sidecar("n0").behaviour();
    behaviour.disturb(Fault::NotJson, Scope::Everything, Times::Next(3));
    behaviour.disturb(Fault::AnswerLost, Scope::Everything, Times::Next(3));
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let runs: Vec<_> = ns.sidecar("n0").executions().iter().map(|run| run.task.to_string()).collect();
    assert_eq!(runs, ["configure-genesis", "config-apply", "config-validate", "mark-ready"]);
}

#[scenario]
async fn sigterm_ends_the_operator_while_a_sidecar_hangs(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().disturb(Fault::Hang, Scope::Everything, Times::Always);
    ns.full_node("n0", "").await;
    sidecar.until(DEADLINE, |sidecar| !sidecar.requests().is_empty()).await.unwrap();
    let sent = std::time::Instant::now();
    let status = operator.stop().await;
    assert!(status.success(), "{status}");
    assert!(sent.elapsed() < Duration::from_secs(15), "it took {:?}", sent.elapsed());
}
