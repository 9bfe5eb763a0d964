//! The gate is the last guard of a signing key, and of a data directory: what opens it, and what is waited for first.

use std::{sync::Arc, time::Duration};

use devcluster::kubelet::{End, Exit};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PropagationPolicy;
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::TaskType;

use super::{
    is_at,
    signers::{CHANGED, VALID, claims_of, put, signer},
};
use crate::kit::{
    Kit, Namespace, eventually,
    keys::{FIRST, SECOND},
    namespace::full_node,
};

const UNKNOWN: (&str, &str, &str) = ("SigningKeyReady", "False", "SigningKeyUnknown");

/// Deletes the pod of `n0` by hand, and waits for its successor.
async fn replace_pod(ns: &Namespace) -> String {
    let before = ns.pod_uid("n0").await;
    ns.delete::<Pod>("n0-0", PropagationPolicy::Background).await;
    eventually("the pod has a successor", async || {
        let pod = ns.api::<Pod>().get_opt("n0-0").await.unwrap();
        let uid = pod.and_then(|pod| pod.metadata.uid);
        uid.filter(|uid| *uid != before).ok_or("it is the same")
    })
    .await
}

/// Number of mark-readys that were submitted to a pod.
fn opened(ns: &Namespace, pod: &str) -> usize {
    let submitted = ns.sidecar("n0").submissions().into_iter();
    submitted.filter(|it| it.pod_uid == pod && it.task == TaskType::MarkReady).count()
}

#[scenario]
async fn a_pod_that_copied_another_key_stays_shut(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let first = claims_of(&ns, "n0").await;
    put(&ns, SECOND).await;
    let pod = replace_pod(&ns).await;
    ns.reports("n0", CHANGED, &["Secret n0-signing-key was changed", "its gate stays shut"]).await;
    // The earlier key is back, and the pod has the other one all the same.
    put(&ns, FIRST).await;
    ns.retry("n0", "the key is back").await;
    ns.reports("n0", CHANGED, &["delete the pod"]).await;
    assert_eq!((opened(&ns, &pod), claims_of(&ns, "n0").await), (0, first.clone()));
    replace_pod(&ns).await;
    ns.running("n0").await;
    ns.reports("n0", VALID, &[]).await;
    assert_eq!((opened(&ns, &pod), claims_of(&ns, "n0").await), (0, first));
}

#[scenario]
async fn a_pod_that_reports_no_copy_stays_shut(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let kubelet = ns.world.cluster.kubelet().unwrap();
    let silent = End { after: Duration::ZERO, exit: Exit::new(0, "") };
    kubelet.pod(&ns.name, "n0-0").behave(move |pod| {
        pod.container("signing-key-copy").end = Some(silent.clone());
    });
    let pod = replace_pod(&ns).await;
    ns.reports("n0", UNKNOWN, &["its gate stays shut", "delete the pod"]).await;
    assert_eq!(opened(&ns, &pod), 0);
    kubelet.pod(&ns.name, "n0-0").reset();
    replace_pod(&ns).await;
    ns.running("n0").await;
    ns.reports("n0", VALID, &[]).await;
}

#[scenario]
async fn a_key_changed_while_paused_replaces_the_claim(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    signer(&ns).await;
    let first = claims_of(&ns, "n0").await;
    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    ns.gone::<Pod>("n0-0").await;
    put(&ns, SECOND).await;
    ns.patch("n0", json!({"spec": {"paused": null}})).await;
    super::signers::has_changed_its_key(&ns, &first).await;
}

#[scenario]
async fn a_new_height_waits_for_the_restore_under_way(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().hold(TaskType::SnapshotRestore);
    let peer = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";
    let peers = format!("  peers: [{{static: {{addresses: ['{peer}']}}}}]\n");
    let yaml =
        full_node("n0", &peers).replace("fullNode: {}", "fullNode: {snapshot: {s3: {targetHeight: 100}}}");
    ns.create_yaml::<SeiNode>(&yaml).await;
    let restores = || {
        let executed = sidecar.executions().into_iter();
        executed.filter(|run| run.task == TaskType::SnapshotRestore).count()
    };
    is_at(&ns, "snapshot-restore").await;
    eventually("it restores", async || if restores() == 1 { Ok(()) } else { Err(restores()) }).await;
    ns.patch("n0", json!({"spec": {"fullNode": {"snapshot": {"s3": {"targetHeight": 200}}}}})).await;
    ns.node_until("n0", "waits for the earlier restore", |status| {
        let message = status.plan.as_ref().and_then(|plan| plan.message.as_deref());
        message == Some("the sidecar is still at work on snapshot-restore of an earlier plan")
    })
    .await;
    assert_eq!(restores(), 1, "two restores write into one directory");
    sidecar.behaviour().release(TaskType::SnapshotRestore);
    ns.running("n0").await;
    assert_eq!(restores(), 2);
}
