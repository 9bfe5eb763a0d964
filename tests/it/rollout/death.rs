//! The operator dies in every gap of a rollout and is started again: the end is the same.

use std::sync::Arc;

use futures::{StreamExt, stream};
use scenario::scenario;
use serde_json::json;

use crate::kit::{
    Kit, Operator,
    proxy::{Cut, Proxy},
    rollout::RolloutWatch,
    within,
};

/// More changes than an undisturbed rollout with a changed configuration makes: status writes, two children, the pod, three
/// tasks.
const POINTS: usize = 11;
/// So many die at once.
const AT_ONCE: usize = 6;

#[scenario]
async fn sigkill_at_any_gap_of_a_rollout_changes_nothing_about_the_end(kit: Arc<Kit>) {
    let points = (0..POINTS).flat_map(|point| [(point, Cut::Before), (point, Cut::After)]);
    let kit = &kit;
    let died: Vec<bool> =
        stream::iter(points).map(|cut| die_and_go_on(kit, cut)).buffer_unordered(AT_ONCE).collect().await;
    let deaths = died.iter().filter(|died| **died).count();
    assert!(deaths >= 2 * 8, "only {deaths} points were reached");
}

/// Whether the operator lived long enough to die at this point.
async fn die_and_go_on(kit: &Kit, cut: (usize, Cut)) -> bool {
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
    let died = tokio::select! {
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
    died
}
