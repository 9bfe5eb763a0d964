//! Deleted children of a node are restored, and manual edits of them are reverted; the node's pod
//! notices nothing of it.

mod contest;
mod edits;
mod stop;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{ResourceExt, api::PropagationPolicy};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, conditions::reports, eventually, namespace::condition_status, plans::PlanWatch,
};

const SET_RESTORED: &[&str] = &["The StatefulSet was deleted"];
const SERVICE_RESTORED: &[&str] = &["The Service was deleted"];
/// "Within a second", on a machine that does much else.
const SOON: Duration = Duration::from_secs(10);

/// Waits until another object of this name is there than the one with this UID.
async fn another_set(ns: &Namespace, than: &str) -> StatefulSet {
    eventually("another StatefulSet is there", async || {
        let set = ns.api::<StatefulSet>().get_opt("n0").await.unwrap();
        set.filter(|set| set.uid().as_deref() != Some(than)).ok_or(())
    })
    .await
}

#[scenario]
async fn a_deleted_statefulset_is_restored_and_serves(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let plans = PlanWatch::begin(&ns).await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().uid();
    let before = ns.api::<StatefulSet>().get("n0").await.unwrap();
    let pod = ns.pod_uid("n0").await;

    ns.kubectl(&["delete", "statefulset", "n0", "--wait=false"]);
    let after = another_set(&ns, &before.uid().unwrap()).await;
    ns.emits("n0", "ChildRestored", SET_RESTORED).await;
    assert_eq!(after.spec.unwrap().template, before.spec.unwrap().template);
    eventually("another pod runs, and its gate is open", async || {
        let now = ns.api::<Pod>().get_opt("n0-0").await.unwrap().and_then(|pod| pod.uid());
        if now.is_some_and(|now| now != pod) && ns.sidecar("n0").is_ready() { Ok(()) } else { Err(()) }
    })
    .await;
    ns.running("n0").await;
    assert_eq!(ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().uid(), volume);
    assert_eq!(plans.updates(&ns).await, [""; 0]);
}

#[scenario]
async fn a_pod_orphaned_by_its_statefulset_is_readopted(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let plans = PlanWatch::begin(&ns).await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let (pod, before) =
        (ns.pod_uid("n0").await, ns.api::<StatefulSet>().get("n0").await.unwrap().uid().unwrap());

    ns.kubectl(&["delete", "statefulset", "n0", "--cascade=orphan"]);
    let after = another_set(&ns, &before).await.uid();
    ns.emits("n0", "ChildRestored", SET_RESTORED).await;
    eventually("the pod belongs to the new set", async || {
        let pod = ns.pod("n0").await;
        let owner = pod.owner_references().first().map(|owner| owner.uid.clone());
        if owner == after { Ok(()) } else { Err(pod.metadata) }
    })
    .await;
    ns.running("n0").await;
    assert_eq!(ns.pod_uid("n0").await, pod, "its pod was restarted");
    assert_eq!(plans.updates(&ns).await, [""; 0]);
}

#[scenario]
async fn a_deleted_service_is_restored(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let (pod, before) = (ns.pod_uid("n0").await, ns.api::<Service>().get("n0").await.unwrap());
    ns.kubectl(&["delete", "service", "n0"]);
    let after = eventually("another Service is there", async || {
        let service = ns.api::<Service>().get_opt("n0").await.unwrap();
        service.filter(|service| service.uid() != before.uid()).ok_or(())
    })
    .await;
    ns.emits("n0", "ChildRestored", SERVICE_RESTORED).await;
    assert_eq!(after.spec, before.spec);
    ns.running("n0").await;
    assert_eq!(ns.pod_uid("n0").await, pod);
}

#[scenario]
async fn children_deleted_during_an_outage_are_restored(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    operator.kill();
    let pod = ns.pod_uid("n0").await;
    ns.kubectl(&["delete", "service", "n0"]);
    ns.kubectl(&["delete", "statefulset", "n0", "--cascade=orphan"]);
    let _operator = ns.operator();
    ns.emits("n0", "ChildRestored", SET_RESTORED).await;
    ns.emits("n0", "ChildRestored", SERVICE_RESTORED).await;
    ns.running("n0").await;
    assert_eq!(ns.pod_uid("n0").await, pod, "its pod was restarted");
}

#[scenario]
async fn a_terminating_node_gets_no_child_restored(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    // Somebody else holds the SeiNode back, so that garbage collection leaves its children alone.
    ns.patch("n0", json!({"metadata": {"finalizers": ["example.com/slow"]}})).await;
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.kubectl(&["delete", "service,statefulset", "n0"]);
    ns.gone::<Pod>("n0-0").await;
    ns.node_until("n0", "the operator knows that nothing is left", |status| {
        condition_status(status, "Available") == "False"
            && reports(status, ("Ready", "False", "Terminating"), &[])
    })
    .await;
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none(), "the set was put back");
    assert!(ns.api::<Service>().get_opt("n0").await.unwrap().is_none(), "the Service was put back");
    assert_eq!(ns.notes("n0", "ChildRestored").await, [""; 0]);
    ns.patch("n0", json!({"metadata": {"finalizers": null}})).await;
    ns.gone::<SeiNode>("n0").await;
}
