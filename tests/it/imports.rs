//! Volumes that a user brings: taken as they are, left as they were, and refused in words whose advice helps.

use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PropagationPolicy},
};
use scenario::scenario;
use seinode_api::{SeiNode, SeiNodeStatus, status::Phase};
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, Operator,
    namespace::{condition, condition_status},
    volumes::CLASS,
};

/// Creates a full node on a PVC of the user's.
async fn create(ns: &Namespace, name: &str, pvc: &str) -> SeiNode {
    ns.full_node(name, &format!("  dataVolume: {{import: {{pvcName: {pvc}}}}}\n")).await
}

/// The person who can help with a rejected volume.
#[derive(Clone, Copy)]
enum Helps {
    /// Time may.
    Time,
    /// Only a person.
    Person,
    /// A right that the operator lacks.
    Right,
}

/// Waits until a node rejects its volume with these words, and checks its other conditions and that nothing was created.
async fn refused(ns: &Namespace, name: &str, helps: Helps, words: &str) {
    let (reason, stalled) = match helps {
        Helps::Time => ("PVCNotReady", "False"),
        Helps::Person => ("PVCInvalid", "True"),
        Helps::Right => ("PVCNotReady", "True"),
    };
    let what = format!("{reason}: {words}");
    let rejected = |status: &SeiNodeStatus| {
        condition(status, "ImportPVCReady")
            .is_some_and(|it| it.reason == reason && it.message.contains(words))
    };
    let node = ns.node_until(name, &what, rejected).await;
    let status = node.status.as_ref().unwrap();
    assert_eq!(status.phase, Some(Phase::Pending));
    assert_eq!(
        (condition_status(status, "ImportPVCReady"), condition_status(status, "DataVolumeReady")),
        ("False", "False")
    );
    assert_eq!(condition_status(status, "Stalled"), stalled);
    assert_eq!(status.claims, [], "what cannot be used is not claimed");
    let waits = status.plan.as_ref().and_then(|plan| plan.current_task.as_deref()).unwrap_or_default();
    assert!(waits.starts_with("ensure-data-pvc"), "{waits}");
    assert!(ns.api::<StatefulSet>().get_opt(name).await.unwrap().is_none(), "nothing runs on it");
}

/// Waits until a node runs, by the plan that it began with.
async fn goes_on(ns: &Namespace, name: &str) {
    let node = ns.running(name).await;
    let status = node.status.unwrap();
    let import = condition(&status, "ImportPVCReady").unwrap();
    assert_eq!((import.status.as_str(), import.reason.as_str()), ("True", "PVCValidated"));
    assert_eq!(condition_status(&status, "DataVolumeReady"), "True");
    let reasons = ns.event_reasons(name).await;
    assert!(!reasons.iter().any(|reason| reason == "PlanFailed"), "{reasons:?}");
}

#[scenario]
async fn a_node_runs_on_an_imported_volume_and_leaves_it(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let before = ns.bound_pvc("savings", "2000Gi").await;
    create(&ns, "n0", "savings").await;
    goes_on(&ns, "n0").await;

    let status = ns.api::<SeiNode>().get("n0").await.unwrap().status.unwrap();
    let retained = condition(&status, "VolumeRetained").unwrap();
    assert_eq!((retained.status.as_str(), retained.reason.as_str()), ("True", "Imported"));
    let pod = ns.api::<Pod>().get("n0-0").await.unwrap();
    let claims: Vec<_> = pod.spec.unwrap().volumes.unwrap().into_iter().collect();
    let claims: Vec<_> =
        claims.into_iter().filter_map(|it| it.persistent_volume_claim).map(|it| it.claim_name).collect();
    assert_eq!(claims, ["savings"]);
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none());

    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("n0").await;
    ns.gone::<Pod>("n0-0").await;
    let after = ns.api::<PersistentVolumeClaim>().get("savings").await.unwrap();
    assert_eq!(after.uid(), before.uid());
    let touched = |claim: &PersistentVolumeClaim| {
        (
            claim.labels().clone(),
            claim.annotations().clone(),
            claim.owner_references().to_vec(),
            claim.spec.clone(),
        )
    };
    assert_eq!(touched(&after), touched(&before));
    assert_eq!(after.metadata.deletion_timestamp, None);
}

#[scenario]
async fn a_missing_volume_is_waited_for(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let claims = ns.api::<PersistentVolumeClaim>();
    let finalizers = |all| Patch::Merge(json!({"metadata": {"finalizers": all}}));
    ns.bound_pvc("going", "2000Gi").await;
    claims.patch("going", &PatchParams::default(), &finalizers(json!(["example.com/slow"]))).await.unwrap();
    claims.delete("going", &Default::default()).await.unwrap();
    create(&ns, "n0", "absent").await;
    create(&ns, "n1", "going").await;
    refused(&ns, "n0", Helps::Time, "PVC absent does not exist").await;
    refused(&ns, "n1", Helps::Time, "PVC going is being deleted").await;

    ns.bound_pvc("absent", "2000Gi").await;
    claims.patch("going", &PatchParams::default(), &finalizers(json!(null))).await.unwrap();
    ns.gone::<PersistentVolumeClaim>("going").await;
    ns.bound_pvc("going", "2000Gi").await;
    join_all(["n0", "n1"].map(|node| goes_on(&ns, node))).await;
}

#[scenario]
async fn an_unbound_or_lost_volume_is_reported_with_a_remedy(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    // A class that nobody provisions.
    let manual = json!({"storageClassName": "by-hand"});
    ns.pvc("unbound", manual.clone()).await;
    let lost = ns.bound_pvc("lost", "2000Gi").await;
    let lost_volume = lost.spec.clone().unwrap().volume_name.unwrap();
    ns.lose_pv(&lost_volume).await;
    ns.pvc_is("lost", "Lost").await;
    create(&ns, "n0", "unbound").await;
    create(&ns, "n1", "lost").await;
    refused(&ns, "n0", Helps::Time, "PVC unbound has phase Pending, and must be Bound").await;
    refused(&ns, "n1", Helps::Person, &format!("PVC lost is Lost: PV {lost_volume} is gone")).await;

    // Both as the words advise: the PV is named, and the PV is created again for this PVC and its uid.
    let volume = format!("{}-by-hand", ns.name);
    ns.pv(&volume, manual).await;
    let name = json!({"spec": {"volumeName": volume}});
    let claims = ns.api::<PersistentVolumeClaim>();
    claims.patch("unbound", &PatchParams::default(), &Patch::Merge(name)).await.unwrap();
    let reference = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": ns.name,
                           "name": "lost", "uid": lost.uid()});
    ns.pv(&lost_volume, json!({"claimRef": reference})).await;
    join_all(["n0", "n1"].map(|node| goes_on(&ns, node))).await;
    assert_eq!(ns.api::<PersistentVolumeClaim>().get("lost").await.unwrap().uid(), lost.uid());
}

#[scenario]
async fn an_unsuitable_volume_is_rejected_until_replaced(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.pvc("shared", json!({"accessModes": ["ReadWriteMany", "ReadOnlyMany"]})).await;
    let raw = format!("{}-raw", ns.name);
    ns.pv(&raw, json!({"volumeMode": "Block"})).await;
    ns.pvc("raw", json!({"volumeMode": "Block", "volumeName": raw})).await;
    for name in ["shared", "raw"] {
        ns.pvc_is(name, "Bound").await;
    }
    create(&ns, "n0", "shared").await;
    create(&ns, "n1", "raw").await;
    let modes = "PVC shared has accessModes [ReadWriteMany, ReadOnlyMany], and needs ReadWriteOnce";
    refused(&ns, "n0", Helps::Person, modes).await;
    refused(&ns, "n1", Helps::Person, "PVC raw has volumeMode Block").await;

    // As the words advise: the PV stays, and a new PVC of the same name takes it.
    let volume = ns.release_pv("shared").await;
    let once = json!(["ReadWriteOncePod"]);
    let free = json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}, "accessModes": once}});
    ns.change_pv(&volume, free).await;
    ns.pvc("shared", json!({"accessModes": once, "volumeName": volume})).await;
    // The other way: a copy of the data on a volume with a file system.
    ns.release_pv("raw").await;
    ns.bound_pvc("raw", "2000Gi").await;
    join_all(["n0", "n1"].map(|node| goes_on(&ns, node))).await;
}

#[scenario]
async fn a_small_volume_is_rejected_until_it_has_grown(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.bound_pvc("small", "1999Gi").await;
    ns.bound_pvc("odd", "2000Gi").await;
    ns.pvc_reports("odd", json!({"storage": "2100Gi"})).await;
    ns.bound_pvc("silent", "2000Gi").await;
    ns.pvc_reports("silent", json!(null)).await;
    create(&ns, "n0", "small").await;
    create(&ns, "n1", "odd").await;
    create(&ns, "n2", "silent").await;
    refused(
        &ns,
        "n0",
        Helps::Person,
        "PVC small has a capacity of 1999Gi, and a node of this mode needs 2000Gi",
    )
    .await;
    refused(&ns, "n1", Helps::Person, "PVC odd has a capacity of 2100Gi, but PV").await;
    refused(&ns, "n2", Helps::Time, "PVC silent reports no status.capacity.storage").await;

    ns.grow("small", "2000Gi").await;
    ns.grow("odd", "2100Gi").await;
    ns.pvc_reports("silent", json!({"storage": "2000Gi"})).await;
    join_all(["n0", "n1", "n2"].map(|node| goes_on(&ns, node))).await;
}

#[scenario]
async fn an_archive_rejects_a_volume_of_ordinary_size(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.bound_pvc("savings", "2000Gi").await;
    let yaml = "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {name: n0}\nspec:\n  chainId: pacific-1\n  \
                image: registry.example.com/seid:v1\n  archive: {}\n  dataVolume: {import: {pvcName: savings}}\n";
    ns.create_yaml::<SeiNode>(yaml).await;
    refused(&ns, "n0", Helps::Person, "has a capacity of 2000Gi, and a node of this mode needs 40Ti").await;
    ns.grow("savings", "40Ti").await;
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/retry": "it has grown"}}})).await;
    goes_on(&ns, "n0").await;
    // Whatever class it is of: that is the user's choice.
    let claim = ns.api::<PersistentVolumeClaim>().get("savings").await.unwrap();
    assert_eq!(claim.spec.unwrap().storage_class_name.as_deref(), Some(CLASS));
    let order: Vec<_> = ns.sidecar("n0").executions().iter().map(|run| run.task).collect();
    assert_eq!(order.last(), Some(&TaskType::MarkReady));
}

#[scenario]
async fn a_missing_permission_on_volumes_is_named(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let kubeconfig = ns.account_with_every_right_here().await;
    let scope = format!("--watch-namespace={}", ns.name);
    let _operator = Operator::start(&ns.world, &kubeconfig, &[&scope]);
    let claim = ns.bound_pvc("savings", "2000Gi").await;
    create(&ns, "n0", "savings").await;
    let volume = claim.spec.unwrap().volume_name.unwrap();
    refused(&ns, "n0", Helps::Right, &format!("get PersistentVolume {volume}")).await;
    ns.grant_everywhere(json!([{"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get"]}]))
        .await;
    goes_on(&ns, "n0").await;
}
