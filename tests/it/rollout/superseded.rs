//! The spec changes while an earlier change is under way, at every task and around every request: the newest one wins.

use std::sync::Arc;

use futures::{StreamExt, stream};
use scenario::scenario;
use serde_json::json;
use sidecar_sim::TaskType;

use super::{
    hold::{GAPS, begin_and_stop_at, let_go_on, wish},
    running,
};
use crate::kit::{
    Kit, Namespace, Operator,
    proxy::{Cut, Proxy},
    rolling::image,
    rollout::RolloutWatch,
    tier::{Tier, enough_reached},
    within,
};

/// More changes than an undisturbed rollout with a changed configuration makes.
const POINTS: usize = 11;
/// Points that are reached at least.
const REACHED: usize = 8;
const AT_ONCE: usize = 4;

#[scenario(first)]
async fn a_new_spec_around_any_request_supersedes_the_plan(kit: Arc<Kit>) {
    change_around_requests(&kit, Tier::Sample).await;
}

#[scenario(exhaustive)]
async fn a_new_spec_around_every_request_supersedes_the_plan(kit: Arc<Kit>) {
    change_around_requests(&kit, Tier::All).await;
}

async fn change_around_requests(kit: &Kit, tier: Tier) {
    let cuts = stream::iter(tier.cuts(POINTS)).map(|cut| change_at(kit, cut));
    let stopped: Vec<bool> = cuts.buffer_unordered(AT_ONCE).collect().await;
    enough_reached(&stopped, (REACHED, POINTS));
}

#[scenario(first)]
async fn a_new_spec_at_any_task_supersedes_the_plan(kit: Arc<Kit>) {
    change_at_tasks(&kit, Tier::Sample).await;
}

#[scenario(exhaustive)]
async fn a_new_spec_at_every_task_supersedes_the_plan(kit: Arc<Kit>) {
    change_at_tasks(&kit, Tier::All).await;
}

/// The plan yields at its next step.
async fn change_at_tasks(kit: &Kit, tier: Tier) {
    let change_at = |gap| async move {
        let (ns, _operator) = running(kit).await;
        let watch = RolloutWatch::begin(&ns).await;
        begin_and_stop_at(&ns, gap).await;
        ns.patch("n0", wish("v3", "3")).await;
        let_go_on(&ns, gap).await;
        ns.rolled("n0", "v3").await;
        newest_won(&ns, &watch, gap).await;
        let reasons = ns.event_reasons("n0").await;
        assert!(reasons.contains(&"PlanSuperseded".to_owned()), "{gap}: {reasons:?}");
    };
    stream::iter(tier.of(GAPS)).for_each_concurrent(AT_ONCE, change_at).await;
}

/// Nothing of the earlier image and configuration is left.
async fn newest_won(ns: &Namespace, watch: &RolloutWatch, when: &str) {
    let reported = watch.reported_images("n0", &image("v3")).await;
    watch.holds();
    assert!(!reported.contains(&image("v1")), "{when}: it went back: {reported:?}");
    let submitted = ns.sidecar("n0").submissions();
    let config = submitted.iter().rev().find(|it| it.task == TaskType::ConfigApply).unwrap();
    assert_eq!(json!(config.params)["overrides"]["evm.http_port"], "3", "{when}");
}

/// Asks for v2, and for v3 when the operator is stopped at this request. Whether it came to that.
async fn change_at(kit: &Kit, cut: (usize, Cut)) -> bool {
    let ns = up_and_left_alone(kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    ns.patch("n0", wish("v2", "2")).await;
    let proxy = Proxy::start(&ns.world, Some(cut)).await;
    let scope = format!("--watch-namespace={}", ns.name);
    let kubeconfig = proxy.kubeconfig(&ns.world);
    let _operator = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &[&scope]);
    let stopped = tokio::select! {
        () = within("the stop", proxy.is_cut()) => true,
        _ = ns.rolled("n0", "v2") => false,
    };
    ns.patch("n0", wish("v3", "3")).await;
    proxy.release();
    ns.rolled("n0", "v3").await;
    newest_won(&ns, &watch, &format!("{cut:?}")).await;
    stopped
}

/// A node that runs v1, without operator.
async fn up_and_left_alone(kit: &Kit) -> Namespace {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    operator.stop().await;
    ns
}
