//! The operator is killed around every write of a rollout: the end is the same.

use std::sync::Arc;

use futures::{StreamExt, stream};
use scenario::scenario;
use serde_json::json;

use crate::kit::{
    Kit, Operator,
    proxy::{Cut, Proxy},
    rollout::RolloutWatch,
    tier::{Tier, enough_reached},
    within,
};

/// More changes than an undisturbed rollout with a changed configuration makes: status writes, two children, the pod, three
/// tasks.
const POINTS: usize = 11;
/// Operators killed side by side.
const AT_ONCE: usize = 6;

#[scenario(first)]
async fn a_rollout_survives_sigkill_around_its_writes(kit: Arc<Kit>) {
    kill_around_writes(&kit, Tier::Sample).await;
}

#[scenario(exhaustive)]
async fn a_rollout_survives_sigkill_around_every_write(kit: Arc<Kit>) {
    kill_around_writes(&kit, Tier::All).await;
}

async fn kill_around_writes(kit: &Kit, tier: Tier) {
    let cuts = stream::iter(tier.cuts(POINTS)).map(|cut| kill_and_resume(kit, cut));
    let killed: Vec<bool> = cuts.buffer_unordered(AT_ONCE).collect().await;
    enough_reached(&killed, (8, POINTS));
}

/// Kills the operator at this point and starts another. False if the plan ended before this point.
async fn kill_and_resume(kit: &Kit, cut: (usize, Cut)) -> bool {
    let ns = kit.namespace().await;
    let scope = format!("--watch-namespace={}", ns.name);
    {
        let _first = ns.operator();
        ns.full_node("n0", "").await;
        ns.running("n0").await;
    }
    let watch = RolloutWatch::begin(&ns).await;
    let proxy = Proxy::start(&ns.world, Some(cut)).await;
    let kubeconfig = proxy.kubeconfig(&ns.world);
    ns.patch(
        "n0",
        json!({"spec": {"image": "registry.example.com/seid:v2", "overrides": {"evm.http_port": "1"}}}),
    )
    .await;
    let second = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &[&scope]);
    let killed = tokio::select! {
        () = within("the cut", proxy.is_cut()) => true,
        _ = ns.rolled("n0", "v2") => false,
    };
    second.kill();

    let _third = ns.operator();
    ns.rolled("n0", "v2").await;
    watch.holds();
    let runs = ns.sidecar("n0").executions();
    let config: Vec<_> = runs.iter().filter(|run| run.task.to_string() == "config-validate").collect();
    assert_eq!(config.len(), 2, "{cut:?}: it was configured when it came up and once more: {runs:#?}");
    killed
}
