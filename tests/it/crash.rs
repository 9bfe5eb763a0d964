//! The operator is killed around every write of the init plan: the end is the same, and no task runs twice.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, stream};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim};
use scenario::scenario;
use seinode_api::SeiNode;

use crate::kit::{
    Kit, Namespace, Operator,
    proxy::{Cut, Proxy},
    tier::{Tier, enough_reached},
    within,
};

/// More changes than an undisturbed init makes: two status writes at least, three children, four tasks.
const POINTS: usize = 14;
/// Operators killed side by side.
const AT_ONCE: usize = 7;

#[scenario(first)]
async fn an_init_plan_survives_sigkill_around_its_writes(kit: Arc<Kit>) {
    kill_around_writes(&kit, Tier::Sample).await;
}

#[scenario(exhaustive)]
async fn an_init_plan_survives_sigkill_around_every_write(kit: Arc<Kit>) {
    kill_around_writes(&kit, Tier::All).await;
}

async fn kill_around_writes(kit: &Kit, tier: Tier) {
    let cuts = stream::iter(tier.cuts(POINTS)).map(|cut| kill_and_resume(kit, cut));
    let killed: Vec<bool> = cuts.buffer_unordered(AT_ONCE).collect().await;
    enough_reached(&killed, (9, POINTS));
}

#[scenario]
async fn two_operators_at_once_bring_a_node_up_once(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operators = [ns.operator(), ns.operator()];
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    same_end(&ns, (0, Cut::After), &BTreeMap::new()).await;
}

/// No event precedes its status write (W9): while the first write of a status is in flight, the node has no event.
#[scenario]
async fn an_event_follows_the_status_write_it_reports(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let proxy = Proxy::start(&ns.world, Some((0, Cut::Before))).await;
    let scope = format!("--watch-namespace={}", ns.name);
    let kubeconfig = proxy.kubeconfig(&ns.world);
    let _operator = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &[&scope]);
    ns.full_node("n0", "").await;
    within("the first write is on its way", proxy.is_cut()).await;
    // All events go one way, in order: when the last of n1 has come, any of n0 would have.
    ns.full_node("n1", "").await;
    ns.running("n1").await;
    ns.emits("n1", "PlanComplete", &[]).await;
    assert_eq!(ns.event_reasons("n0").await, [""; 0]);
    proxy.release();
    ns.running("n0").await;
    ns.emits("n0", "PlanStarted", &[]).await;
}

/// Kills the operator at this point and starts another. False if the plan ended before this point.
async fn kill_and_resume(kit: &Kit, cut: (usize, Cut)) -> bool {
    let ns = kit.namespace().await;
    let proxy = Proxy::start(&ns.world, Some(cut)).await;
    let scope = format!("--watch-namespace={}", ns.name);
    let kubeconfig = proxy.kubeconfig(&ns.world);
    let first = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &[&scope]);
    ns.full_node("n0", "").await;
    let killed = tokio::select! {
        () = within("the cut", proxy.is_cut()) => true,
        _ = ns.running("n0") => false,
    };
    first.kill();
    let before = children(&ns).await;

    let _second = ns.operator();
    ns.running("n0").await;
    same_end(&ns, cut, &before).await;
    killed
}

/// UIDs of the children that exist.
async fn children(ns: &Namespace) -> BTreeMap<&'static str, String> {
    let volume = ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap();
    let set = ns.api::<StatefulSet>().get_opt("n0").await.unwrap();
    let volume = volume.and_then(|volume| volume.metadata.uid).map(|uid| ("volume", uid));
    let set = set.and_then(|set| set.metadata.uid).map(|uid| ("set", uid));
    volume.into_iter().chain(set).collect()
}

async fn same_end(ns: &Namespace, cut: (usize, Cut), before: &BTreeMap<&'static str, String>) {
    let after = children(ns).await;
    for (child, uid) in before {
        assert_eq!(after.get(child), Some(uid), "{cut:?}: the {child} was made anew");
    }
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.metadata.generation, Some(1), "{cut:?}: the set was changed after it was made");
    let node = ns.api::<SeiNode>().get("n0").await.unwrap();
    assert_eq!(node.status.unwrap().plan, None, "{cut:?}");
    let runs: Vec<_> = ns.sidecar("n0").executions().iter().map(|run| run.task.to_string()).collect();
    assert_eq!(runs, ["configure-genesis", "config-apply", "config-validate", "mark-ready"], "{cut:?}");
}
