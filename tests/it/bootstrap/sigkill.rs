//! The operator is killed during a bootstrap, or absent at its end: nothing runs twice, and success stays success.

use std::sync::Arc;

use futures::{StreamExt, future, stream};
use k8s_openapi::api::{apps::v1::StatefulSet, batch::v1::Job};
use kube::ResourceExt;
use scenario::scenario;

use super::{BY_THE_JOB, BY_THE_NODE, at, bootstrapped_volume, clean, create, runs};
use crate::kit::{
    Kit, Operator,
    bootstrap::Bootstrap,
    proxy::{Cut, Proxy},
    tier::{Tier, enough_reached},
    within,
};
use sidecar_sim::TaskType;

/// More changes than an undisturbed bootstrap makes.
const POINTS: usize = 30;
/// Operators killed side by side.
const AT_ONCE: usize = 6;

#[scenario(first)]
async fn a_bootstrap_survives_sigkill_around_its_writes(kit: Arc<Kit>) {
    kill_around_writes(&kit, Tier::Sample).await;
}

#[scenario(exhaustive)]
async fn a_bootstrap_survives_sigkill_around_every_write(kit: Arc<Kit>) {
    kill_around_writes(&kit, Tier::All).await;
}

async fn kill_around_writes(kit: &Kit, tier: Tier) {
    // A kill right after one write leaves the world as a kill right before the next.
    let cuts = tier.of((0..POINTS).map(|point| (point, Cut::After)));
    let cuts = stream::iter(cuts).map(|cut| kill_and_resume(kit, cut));
    let killed: Vec<bool> = cuts.buffer_unordered(AT_ONCE).collect().await;
    enough_reached(&killed, (20, POINTS));
}

/// Kills the operator at this point and starts another. False if the plan ended before this point.
async fn kill_and_resume(kit: &Kit, cut: (usize, Cut)) -> bool {
    let ns = kit.namespace().await;
    let proxy = Proxy::start(&ns.world, Some(cut)).await;
    let scope = format!("--watch-namespace={}", ns.name);
    let kubeconfig = proxy.kubeconfig(&ns.world);
    let first = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &[&scope]);
    create(&ns, "").await;
    let run = async {
        let killed = tokio::select! {
            () = within("the cut", proxy.is_cut()) => true,
            _ = ns.running("n0") => false,
        };
        first.kill();
        let _second = ns.operator();
        ns.running("n0").await;
        killed
    };
    let (killed, ()) = future::join(run, ns.end_bootstrap("n0", Bootstrap::Halts)).await;
    clean(&ns).await;
    let all: Vec<_> = BY_THE_JOB.iter().chain(&BY_THE_NODE).copied().collect();
    assert_eq!(runs(&ns), all, "{cut:?}: {:#?}", ns.sidecar("n0").executions());
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.metadata.generation, Some(1), "{cut:?}: the set was changed after it was made");
    killed
}

#[scenario]
async fn a_job_that_completes_during_an_outage_is_a_success(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    create(&ns, "").await;
    at(&ns, TaskType::MarkReady).await;
    let pod = ns.bootstrap_pod("n0").await.uid();
    ns.sidecar("n0").until(crate::kit::wait::DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
    operator.kill();
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    let job = ns.api::<Job>().get("n0-bootstrap").await.unwrap();
    let expires = job.spec.unwrap().ttl_seconds_after_finished;
    assert_eq!(expires, None, "who is down for longer must still find it");

    let _operator = ns.operator();
    let status = ns.running("n0").await.status.unwrap();
    assert!(bootstrapped_volume(&status).is_some());
    clean(&ns).await;
    let all: Vec<_> = BY_THE_JOB.iter().chain(&BY_THE_NODE).copied().collect();
    assert_eq!(runs(&ns), all);
    let by_the_job = ns.sidecar("n0").executions();
    assert!(by_the_job[..BY_THE_JOB.len()].iter().all(|run| Some(&run.pod_uid) == pod.as_ref()));
}
