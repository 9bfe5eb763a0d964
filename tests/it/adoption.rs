//! Taking over what a SeiNode has left: after an orphaning deletion, a restore, `kubectl apply` of a backup.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams, PropagationPolicy},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde::de::DeserializeOwned;
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, eventually,
    fixtures::validator,
    keys::{FIRST, NODE_KEY},
    namespace::{condition, full_node},
};

const HANDED_OVER: (&str, &str, &str) = ("Adopted", "True", "HandedOver");

/// A manifest with the annotation.
fn adopting(manifest: &str, uid: &str) -> String {
    manifest.replacen("metadata: {", &format!("metadata: {{annotations: {{sei.io/adopt: \"{uid}\"}}, "), 1)
}

/// UIDs of StatefulSet, Service, PVC and pod of `n0`: who they are, whosever they are.
async fn identities(ns: &Namespace) -> [Option<String>; 4] {
    [
        ns.api::<StatefulSet>().get("n0").await.unwrap().uid(),
        ns.api::<Service>().get("n0").await.unwrap().uid(),
        ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().uid(),
        ns.api::<Pod>().get("n0-0").await.unwrap().uid(),
    ]
}

/// The owner of an object and its mark.
async fn ownership<K>(api: Api<K>, name: &str) -> (Vec<String>, Option<String>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let object = api.get(name).await.unwrap();
    let owners = object.owner_references().iter().map(|owner| owner.uid.clone()).collect();
    (owners, object.annotations().get("sei.io/owner-uid").cloned())
}

/// A node is deleted without its children; returns its UID.
async fn orphan(ns: &Namespace) -> String {
    let uid = ns.api::<SeiNode>().get("n0").await.unwrap().uid().unwrap();
    ns.delete::<SeiNode>("n0", PropagationPolicy::Orphan).await;
    ns.gone::<SeiNode>("n0").await;
    uid
}

#[scenario]
async fn orphans_are_taken_over_only_with_the_annotation(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let before = identities(&ns).await;
    let old = orphan(&ns).await;
    let sent = ns.sidecar("n0").submissions().len();

    ns.full_node("n0", "").await;
    let hint = format!("sei.io/adopt={old}");
    ns.reports("n0", ("DataVolumeReady", "False", "Foreign"), &[&hint]).await;
    assert_eq!(ownership(ns.api::<StatefulSet>(), "n0").await, (vec![], Some(old.clone())));
    ns.kubectl(&["annotate", "seinode", "n0", &hint]);

    let node = ns.reports("n0", HANDED_OVER, &[&old]).await;
    let node = if condition(node.status.as_ref().unwrap(), "Ready").unwrap().status == "True" {
        node
    } else {
        ns.running("n0").await
    };
    let new = node.uid().unwrap();
    assert_ne!(new, old);
    assert_eq!(identities(&ns).await, before, "something was replaced, the pod perhaps");
    let ours = (vec![new.clone()], Some(new.clone()));
    assert_eq!(ownership(ns.api::<StatefulSet>(), "n0").await, ours);
    assert_eq!(ownership(ns.api::<Service>(), "n0").await, ours);
    assert_eq!(ownership(ns.api::<PersistentVolumeClaim>(), "data-n0").await, ours);
    assert_eq!(ns.sidecar("n0").submissions().len(), sent, "a running node was brought up again");
    ns.emits("n0", "ChildrenAdopted", &[&old]).await;

    // It is a node like any other: a change rolls it out, and it goes with its children.
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    ns.pod_runs("n0", "registry.example.com/seid:v2").await;
    ns.running("n0").await;
    drop(operator);
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.gone::<PersistentVolumeClaim>("data-n0").await;
    ns.gone::<StatefulSet>("n0").await;
}

#[scenario]
async fn orphans_of_an_earlier_version_are_taken_over(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    assert!(operator.stop().await.success());
    // Before this version only the PVC told for whom it was made.
    let unmarked = Patch::Merge(json!({"metadata": {"annotations": {"sei.io/owner-uid": null}}}));
    let by_hand = PatchParams::default();
    ns.api::<StatefulSet>().patch("n0", &by_hand, &unmarked).await.unwrap();
    ns.api::<Service>().patch("n0", &by_hand, &unmarked).await.unwrap();
    let before = identities(&ns).await;
    let old = orphan(&ns).await;

    let _operator = ns.operator();
    ns.create_yaml::<SeiNode>(&adopting(&full_node("n0", ""), &old)).await;
    ns.running("n0").await;
    ns.reports("n0", HANDED_OVER, &[]).await;
    assert_eq!(identities(&ns).await, before);
}

#[scenario]
async fn a_retained_volume_is_taken_over_as_it_is(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let spec = "  dataVolume: {retain: true}\n  peers: [{static: {addresses: ['id@peer:26656']}}]\n";
    let restoring =
        full_node("n0", spec).replace("fullNode: {}", "fullNode: {snapshot: {s3: {targetHeight: 5}}}");
    let node: SeiNode = ns.create_yaml(&restoring).await;
    ns.running("n0").await;
    let old = node.uid().unwrap();
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("n0").await;
    ns.gone::<Pod>("n0-0").await;
    let restored = || {
        let submissions = ns.sidecar("n0").submissions();
        submissions.iter().filter(|it| it.task == TaskType::SnapshotRestore).count()
    };
    assert_eq!(restored(), 1);

    // As an exported manifest is applied again.
    ns.create_yaml::<SeiNode>(&adopting(&restoring, &old)).await;
    let node = ns.running("n0").await;
    ns.reports("n0", HANDED_OVER, &[]).await;
    let after = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!((after.uid(), after.owner_references()), (volume.uid(), &[][..]));
    assert_eq!(after.annotations().get("sei.io/owner-uid"), node.uid().as_ref());
    assert_eq!(restored(), 1, "a snapshot was restored over the data");
}

#[scenario]
async fn nothing_of_a_living_node_is_taken_over(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let other = ns.full_node("other", "").await;
    ns.running("other").await;
    // Somebody has tied the PVC of this name to a node that lives.
    let pvc = json!({
        "metadata": {"name": "data-n0", "labels": {"sei.io/node": "n0"},
                     "annotations": {"sei.io/owner-uid": other.uid()}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3-10k-750",
                 "resources": {"requests": {"storage": "2000Gi"}}},
    });
    let pvcs = ns.api::<PersistentVolumeClaim>();
    pvcs.create(&Default::default(), &serde_json::from_value(pvc).unwrap()).await.unwrap();
    let living = other.uid().unwrap();
    ns.create_yaml::<SeiNode>(&adopting(&full_node("n0", ""), &living)).await;
    let refused = ("Adopted", "False", "OwnerExists");
    ns.reports("n0", refused, &["other", "--cascade=orphan"]).await;
    ns.emits("n0", "AdoptionRefused", &["other"]).await;
    assert_eq!(ownership(pvcs, "data-n0").await, (vec![], Some(living)));
}

#[scenario]
async fn a_volume_that_another_node_imports_is_not_taken(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let node = ns.full_node("n0", "  dataVolume: {retain: true}\n").await;
    ns.running("n0").await;
    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("n0").await;
    ns.gone::<Pod>("n0-0").await;
    ns.full_node("n1", "  dataVolume: {import: {pvcName: data-n0}}\n").await;
    ns.running("n1").await;
    ns.create_yaml::<SeiNode>(&adopting(&full_node("n0", ""), &node.uid().unwrap())).await;
    ns.reports("n0", ("Adopted", "False", "InUse"), &["n1"]).await;
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none(), "nothing runs beside n1");
}

#[scenario]
async fn a_node_waits_for_what_it_is_to_take_over(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.create_yaml::<SeiNode>(&adopting(&full_node("n0", ""), "0a1b2c3d")).await;
    ns.reports("n0", ("Adopted", "False", "NothingFound"), &["0a1b2c3d", "remove annotation"]).await;
    ns.reports("n0", ("Ready", "False", "AdoptionRefused"), &["0a1b2c3d"]).await;
    ns.reports("n0", ("Stalled", "True", "AdoptionRefused"), &["remove annotation"]).await;
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none(), "it began empty");
    ns.kubectl(&["annotate", "seinode", "n0", "sei.io/adopt-"]);
    ns.running("n0").await;
}

#[scenario]
async fn a_signer_that_is_taken_over_keeps_its_key(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    ns.create_yaml::<SeiNode>(&validator("n0", "")).await;
    ns.running("n0").await;
    let before = identities(&ns).await;
    let old = orphan(&ns).await;
    ns.create_yaml::<SeiNode>(&adopting(&validator("n0", ""), &old)).await;
    ns.running("n0").await;
    assert_eq!(identities(&ns).await, before);
    eventually("the key is held", async || {
        let claims = ns.api::<SeiNode>().get("n0").await.unwrap().status.unwrap_or_default().claims;
        if claims.iter().any(|claim| claim.state == "Held") { Ok(()) } else { Err(claims) }
    })
    .await;
    assert_eq!(ownership(ns.api::<PersistentVolumeClaim>(), "data-n0").await.0, [""; 0]);
}
