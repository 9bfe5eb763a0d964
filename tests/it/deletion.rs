//! A node goes: what should go goes, what should stay stays, nothing hangs.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Namespace as KubeNamespace, PersistentVolumeClaim, Pod, Service},
};
use kube::{
    Api, ResourceExt,
    api::PropagationPolicy,
    runtime::{conditions, wait::await_condition},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, Operator, eventually,
    namespace::{condition, condition_status, full_node},
    within,
};

/// A namespace in which a node runs.
async fn with_running_node(kit: &Kit) -> (Namespace, Operator) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    (ns, operator)
}

/// Waits until the node reports a foreign volume.
async fn refused(ns: &Namespace) -> SeiNode {
    ns.node_until("n0", "refuses the volume", |status| {
        condition(status, "DataVolumeReady").is_some_and(|volume| volume.reason == "Foreign")
    })
    .await
}

async fn all_gone(ns: &Namespace) {
    ns.gone::<SeiNode>("n0").await;
    ns.gone::<StatefulSet>("n0").await;
    ns.gone::<Pod>("n0-0").await;
    ns.gone::<Service>("n0").await;
    ns.gone::<PersistentVolumeClaim>("data-n0").await;
}

#[scenario]
async fn background_deletion_removes_the_children(kit: Arc<Kit>) {
    let (ns, _operator) = with_running_node(&kit).await;
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    all_gone(&ns).await;
}

#[scenario]
async fn foreground_deletion_recreates_no_child(kit: Arc<Kit>) {
    let (ns, operator) = with_running_node(&kit).await;
    let applied = || operator.log().iter().filter(|line| line["effect"] == "apply-statefulset").count();
    let before = applied();
    assert!(before >= 1, "the log records what was applied");
    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    all_gone(&ns).await;
    assert_eq!(applied(), before, "the StatefulSet was applied again");
}

#[scenario]
async fn a_namesake_does_not_adopt_an_orphaned_volume(kit: Arc<Kit>) {
    let (ns, _operator) = with_running_node(&kit).await;
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    ns.delete::<SeiNode>("n0", PropagationPolicy::Orphan).await;
    ns.gone::<SeiNode>("n0").await;
    ns.full_node("n0", "").await;
    let node = refused(&ns).await;
    let refusal = condition(node.status.as_ref().unwrap(), "DataVolumeReady").unwrap().clone();
    assert!(refusal.message.contains("spec.dataVolume.import.pvcName: data-n0"), "{refusal:?}");
    let after = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!((after.uid(), after.owner_references()), (volume.uid(), &[][..]), "the volume was touched");
    eventually("an event reports it", async || {
        let reasons = ns.event_reasons("n0").await;
        if reasons.contains(&"DataVolumeForeign".to_owned()) { Ok(()) } else { Err(reasons) }
    })
    .await;
    // And it goes by deleting the node, which leaves what is not its own.
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.gone::<SeiNode>("n0").await;
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_some());
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_some(), "orphans stay");
}

#[scenario]
async fn a_foreign_volume_survives_a_node_of_its_name(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pvc = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data-n0}\nspec: {accessModes: [ReadWriteOnce], \
               storageClassName: gp3, resources: {requests: {storage: 1Gi}}}";
    let volume: PersistentVolumeClaim = ns.create_yaml(pvc).await;
    ns.full_node("n0", "").await;
    let node = refused(&ns).await;
    let status = node.status.unwrap();
    assert!(condition(&status, "DataVolumeReady").unwrap().message.contains("data-n0"));
    assert_eq!(condition_status(&status, "Stalled"), "True");
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none(), "nothing runs on it");
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.gone::<SeiNode>("n0").await;
    let after = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!(after.uid(), volume.uid());
    assert!(after.owner_references().is_empty() && after.labels().is_empty(), "{:?}", after.metadata);
}

#[scenario]
async fn deletion_does_not_need_the_operator(kit: Arc<Kit>) {
    let (ns, operator) = with_running_node(&kit).await;
    assert!(operator.stop().await.success());
    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    all_gone(&ns).await;
}

#[scenario]
async fn deleting_the_namespace_deletes_everything(kit: Arc<Kit>) {
    let (ns, _operator) = with_running_node(&kit).await;
    ns.full_node("n1", "").await;
    let api: Api<KubeNamespace> = Api::all(ns.client.clone());
    let uid = api.get(&ns.name).await.unwrap().uid().unwrap();
    api.delete(&ns.name, &Default::default()).await.unwrap();
    within("the namespace is gone", await_condition(api, &ns.name, conditions::is_deleted(&uid)))
        .await
        .unwrap();
}

#[scenario]
async fn a_recreated_node_waits_for_the_old_volume_to_go(kit: Arc<Kit>) {
    let (ns, _operator) = with_running_node(&kit).await;
    let before = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().uid();
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.gone::<SeiNode>("n0").await;
    ns.full_node("n0", "").await;
    let node = ns.running("n0").await;
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_ne!(volume.uid(), before);
    assert_eq!(volume.owner_references()[0].uid, node.uid().unwrap());
}

#[scenario]
async fn an_adopted_node_loses_the_old_finalizer(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let yaml = full_node("n0", "").replace(
        "metadata: {name: n0}",
        "metadata: {name: n0, finalizers: [example.com/other, sei.io/seinode-finalizer]}",
    );
    let created: SeiNode = ns.create_yaml(&yaml).await;
    assert_eq!(created.finalizers().len(), 2);
    // It is already being deleted when the operator first sees it.
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    let _operator = ns.operator();
    eventually("only the other finalizer is left", async || {
        let finalizers = ns.api::<SeiNode>().get("n0").await.unwrap().finalizers().to_vec();
        if finalizers == ["example.com/other"] { Ok(()) } else { Err(finalizers) }
    })
    .await;
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none(), "it got no children");
    ns.patch("n0", json!({"metadata": {"finalizers": null}})).await;
    ns.gone::<SeiNode>("n0").await;
}

#[scenario]
async fn a_foreign_statefulset_or_service_is_never_adopted(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pod = "{metadata: {labels: {app: x}}, spec: {containers: [{name: x, image: x}]}}";
    let set = format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: theirs}}\nspec: {{replicas: 0, serviceName: x, \
         selector: {{matchLabels: {{app: x}}}}, template: {pod}}}"
    );
    let set: StatefulSet = ns.create_yaml(&set).await;
    ns.full_node("theirs", "").await;
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec: {clusterIP: None, selector: {app: x}}";
    let service: Service = ns.create_yaml(service).await;
    ns.full_node("front", "").await;
    for (node, kind) in [("theirs", "StatefulSet"), ("front", "Service")] {
        let words = format!("a {kind} of this name exists and belongs to somebody else");
        ns.node_until(node, &words, |status| {
            condition(status, "Stalled").is_some_and(|it| it.status == "True" && it.message.contains(&words))
        })
        .await;
    }
    let set_after = ns.api::<StatefulSet>().get("theirs").await.unwrap();
    let service_after = ns.api::<Service>().get("front").await.unwrap();
    assert_eq!((set_after.spec, set_after.metadata.owner_references), (set.spec, None));
    assert_eq!((service_after.spec, service_after.metadata.owner_references), (service.spec, None));
}
