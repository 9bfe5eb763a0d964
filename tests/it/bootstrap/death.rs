//! The operator dies while a bootstrap goes on, or is not there when it ends: nothing runs twice, success stays success.

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
    within,
};
use sidecar_sim::TaskType;

/// More changes than an undisturbed bootstrap makes.
const POINTS: usize = 30;
/// So many die at once.
const AT_ONCE: usize = 6;

#[scenario]
async fn sigkill_at_many_gaps_of_a_bootstrap_changes_nothing_about_the_end(kit: Arc<Kit>) {
    // To die right after one change is to die right before the next.
    let points = (0..POINTS).map(|point| (point, Cut::After));
    let kit = &kit;
    let died: Vec<bool> =
        stream::iter(points).map(|cut| die_and_go_on(kit, cut)).buffer_unordered(AT_ONCE).collect().await;
    let deaths = died.iter().filter(|died| **died).count();
    assert!(deaths >= 20, "only {deaths} points were reached");
}

/// Whether the operator lived long enough to die at this point.
async fn die_and_go_on(kit: &Kit, cut: (usize, Cut)) -> bool {
    let ns = kit.namespace().await;
    let proxy = Proxy::start(&ns.world, Some(cut)).await;
    let scope = format!("--watch-namespace={}", ns.name);
    let kubeconfig = proxy.kubeconfig(&ns.world);
    let first = Operator::with_sidecars(&ns.world, &kubeconfig, &proxy.sidecars(), &[&scope]);
    create(&ns, "").await;
    let life = async {
        let died = tokio::select! {
            () = within("the cut", proxy.is_cut()) => true,
            _ = ns.running("n0") => false,
        };
        first.kill();
        let _second = ns.operator();
        ns.running("n0").await;
        died
    };
    let (died, ()) = future::join(life, ns.end_bootstrap("n0", Bootstrap::Halts)).await;
    clean(&ns).await;
    let all: Vec<_> = BY_THE_JOB.iter().chain(&BY_THE_NODE).copied().collect();
    assert_eq!(runs(&ns), all, "{cut:?}: {:#?}", ns.sidecar("n0").executions());
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.metadata.generation, Some(1), "{cut:?}: the set was changed after it was made");
    died
}

#[scenario]
async fn a_job_that_completes_while_the_operator_is_down_is_a_success(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    create(&ns, "").await;
    at(&ns, TaskType::MarkReady).await;
    let pod = ns.bootstrap_pod("n0").await.uid();
    ns.sidecar("n0").until(crate::kit::wait::PATIENCE, sidecar_sim::Node::is_ready).await.unwrap();
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
