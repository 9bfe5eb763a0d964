//! Checks before a pod is deleted: without its pod a terminating volume is gone, and a signer without keys cannot start.

mod gates;
mod signers;

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::ResourceExt;
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};
use sidecar_sim::TaskType;

use crate::kit::{Kit, Namespace, conditions::reports, pods::PodWatch};

const TERMINATING: (&str, &str, &str) = ("DataVolumeReady", "False", "Terminating");
const LOST: (&str, &str, &str) = ("DataVolumeReady", "False", "Lost");
const NOT_BOUND: (&str, &str, &str) = ("DataVolumeReady", "False", "NotBound");
const SAVE_IT: &[&str] = &["persistentVolumeReclaimPolicy", "Retain"];
const V1: &str = "registry.example.com/seid:v1";
const V2: &str = "registry.example.com/seid:v2";

/// Deletes a claim, as people do who mean another one; its pod keeps it for now.
async fn delete_claim(ns: &Namespace, name: &str) -> PersistentVolumeClaim {
    ns.kubectl(&["delete", "persistentvolumeclaim", name, "--wait=false"]);
    let claim = ns.api::<PersistentVolumeClaim>().get(name).await.unwrap();
    assert!(claim.metadata.deletion_timestamp.is_some(), "only its pod keeps it");
    claim
}

async fn volume_of(ns: &Namespace, claim: &str) -> String {
    ns.api::<PersistentVolumeClaim>().get(claim).await.unwrap().spec.unwrap().volume_name.unwrap()
}

/// Changes the spec of `n0`, and waits until the operator has decided what to do about it.
async fn change(ns: &Namespace, spec: Value) {
    let changed = ns.patch("n0", json!({ "spec": spec })).await;
    ns.node_until("n0", "the operator has seen the change", |status| {
        status.observed_generation == changed.metadata.generation
    })
    .await;
    // A plan is stored before it is carried out. A paused node has no pod to check.
    if changed.spec.paused != Some(true) {
        ns.retry("n0", &format!("generation {:?}", changed.metadata.generation)).await;
    }
}

/// Checks that the pod of `n0` has this UID and is not being deleted.
async fn keeps(ns: &Namespace, pod: &str) {
    let now = ns.pod("n0").await;
    assert_eq!((now.uid().as_deref(), now.metadata.deletion_timestamp), (Some(pod), None), "it was deleted");
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.spec.unwrap().replicas, Some(1), "its set was scaled");
}

async fn is_at(ns: &Namespace, task: &str) {
    ns.node_until("n0", &format!("is at {task}"), |status| {
        let current = status.plan.as_ref().and_then(|plan| plan.current_task.as_deref());
        current.is_some_and(|current| current.starts_with(task))
    })
    .await;
}

#[scenario]
async fn a_terminating_volume_keeps_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let (pod, volume) = (ns.pod_uid("n0").await, volume_of(&ns, "data-n0").await);
    delete_claim(&ns, "data-n0").await;
    ns.reports("n0", TERMINATING, &["data-n0", &volume]).await;
    ns.reports("n0", TERMINATING, SAVE_IT).await;
    ns.emits("n0", "DataVolumeTerminating", &["data-n0"]).await;

    change(&ns, json!({"image": V2})).await;
    is_at(&ns, "replace-pod").await;
    keeps(&ns, &pod).await;
    ns.reports("n0", TERMINATING, SAVE_IT).await;
    change(&ns, json!({"paused": true})).await;
    ns.reports("n0", TERMINATING, SAVE_IT).await;
    ns.reports("n0", ("Paused", "True", "Stopping"), &["pod n0-0 still runs"]).await;
    ns.reports("n0", ("Ready", "False", "Paused"), &["the data PVC is being deleted"]).await;
    keeps(&ns, &pod).await;
    change(&ns, json!({"paused": false, "image": V1})).await;
    ns.node_until("n0", "there is nothing left to do", |status| status.plan.is_none()).await;
    keeps(&ns, &pod).await;
    assert_eq!(ns.status("n0").await["currentImage"], V1);
}

#[scenario]
async fn a_terminating_volume_is_not_given_to_a_bootstrap(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().hold(TaskType::ConfigApply);
    let peer = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";
    ns.full_node("n0", &format!("  peers: [{{static: {{addresses: ['{peer}']}}}}]\n")).await;
    is_at(&ns, "config-apply").await;
    let pod = ns.pod_uid("n0").await;
    delete_claim(&ns, "data-n0").await;
    let snapshot = json!({"s3": {"targetHeight": 7}, "bootstrapImage": "registry.example.com/seid:v0"});
    change(&ns, json!({"fullNode": {"snapshot": snapshot}})).await;
    ns.reports("n0", TERMINATING, SAVE_IT).await;
    keeps(&ns, &pod).await;
}

#[scenario]
async fn a_terminating_imported_volume_keeps_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.bound_pvc("savings", "2000Gi").await;
    ns.full_node("n0", "  dataVolume: {import: {pvcName: savings}}\n").await;
    ns.running("n0").await;
    let (pod, volume) = (ns.pod_uid("n0").await, volume_of(&ns, "savings").await);
    delete_claim(&ns, "savings").await;
    change(&ns, json!({"image": V2})).await;
    ns.reports("n0", TERMINATING, &["savings", &volume]).await;
    ns.reports("n0", TERMINATING, SAVE_IT).await;
    keeps(&ns, &pod).await;
    change(&ns, json!({"paused": true})).await;
    ns.reports("n0", TERMINATING, &["savings"]).await;
    keeps(&ns, &pod).await;
}

#[scenario]
async fn a_claim_that_lost_its_volume_keeps_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let pod = ns.pod_uid("n0").await;
    lose_volume(&ns).await;
    change(&ns, json!({"image": V2})).await;
    ns.reports("n0", NOT_BOUND, &["data-n0"]).await;
    is_at(&ns, "replace-pod").await;
    keeps(&ns, &pod).await;
    bring_volume_back(&ns).await;
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
}

/// Takes the volume of `n0` away from under its claim.
async fn lose_volume(ns: &Namespace) {
    ns.lose_pv(&volume_of(ns, "data-n0").await).await;
    ns.pvc_is("data-n0", "Lost").await;
}

/// Creates the volume of `n0` again, for the claim that lost it.
async fn bring_volume_back(ns: &Namespace) {
    let claim = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    let reference = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": ns.name,
                           "name": "data-n0", "uid": claim.uid()});
    ns.pv(&claim.spec.unwrap().volume_name.unwrap(), json!({"claimRef": reference})).await;
    ns.pvc_is("data-n0", "Bound").await;
}

#[scenario]
async fn a_lost_volume_is_recreated_only_when_named_by_a_person(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let lost = delete_claim(&ns, "data-n0").await.uid().unwrap();
    ns.kubectl(&["delete", "pod", "n0-0", "--wait=false"]);
    ns.gone::<PersistentVolumeClaim>("data-n0").await;
    ns.reports("n0", LOST, &[&lost, &format!("sei.io/recreate-volume={lost}")]).await;
    ns.emits("n0", "DataVolumeLost", &[&lost]).await;
    ns.reports("n0", ("Ready", "False", "DataVolumeLost"), &["DataVolumeReady"]).await;
    ns.reports("n0", ("Stalled", "True", "DataVolumeLost"), &[]).await;
    let is_missing = async |why: &str| {
        ns.retry("n0", why).await;
        let reported = ns.reports("n0", LOST, &[&lost]).await;
        assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none(), "{why}");
        assert_eq!(reported.status.unwrap().plan, None, "{why}");
    };
    is_missing("a retry is no permission").await;
    annotate(&ns, "7d7c2f0e-0000-4000-8000-000000000000").await;
    is_missing("another volume is meant").await;
    annotate(&ns, "true").await;
    is_missing("no volume is named").await;

    let configured = ns.sidecar("n0").executions().len();
    annotate(&ns, &lost).await;
    let node = ns.node_until("n0", "runs on another volume", |status| {
        reports(status, ("DataVolumeReady", "True", "Owned"), &[])
            && reports(status, ("Ready", "True", "Running"), &[])
    });
    node.await;
    let made = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().uid().unwrap();
    assert_ne!(made, lost);
    assert_eq!(ns.status("n0").await["dataVolume"]["uid"], made);
    let order: Vec<_> = ns.sidecar("n0").executions()[configured..].iter().map(|run| run.task).collect();
    let whole =
        [TaskType::ConfigureGenesis, TaskType::ConfigApply, TaskType::ConfigValidate, TaskType::MarkReady];
    assert_eq!(order, whole, "an empty volume is brought up from the beginning");
}

async fn annotate(ns: &Namespace, lost: &str) {
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/recreate-volume": lost}}})).await;
}

#[scenario]
async fn a_rescued_volume_returns_to_its_node(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pods = PodWatch::begin(&[&ns]).await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let volume = volume_of(&ns, "data-n0").await;
    delete_claim(&ns, "data-n0").await;
    ns.reports("n0", TERMINATING, &[&volume]).await;

    // As the words advise: the volume is kept, the pod is let go, and a new claim takes the volume.
    ns.change_pv(&volume, json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}})).await;
    ns.kubectl(&["scale", "statefulset/n0", "--replicas=0"]);
    ns.gone::<PersistentVolumeClaim>("data-n0").await;
    ns.reports("n0", LOST, &[]).await;
    ns.change_pv(&volume, json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}}})).await;
    let node = ns.api::<SeiNode>().get("n0").await.unwrap();
    ns.pvc("data-n0", json!({"volumeName": volume})).await;
    let ours = json!({"metadata": {"annotations": {"sei.io/owner-uid": node.uid()}, "labels": {"sei.io/node": "n0"}}});
    ns.kubectl(&["patch", "persistentvolumeclaim", "data-n0", "--type=merge", "-p", &ours.to_string()]);
    ns.retry("n0", "the volume is back").await;
    ns.running("n0").await;
    assert_eq!(volume_of(&ns, "data-n0").await, volume);
    assert_eq!(pods.together(), []);
    assert!(ns.api::<Pod>().get_opt("n0-0").await.unwrap().is_some());
}
