//! Storage whose PVCs wait for their first consumer, as most CSI classes do: nothing waits for a binding that waits for us.

use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
    storage::v1::StorageClass,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;

use crate::kit::{
    Kit, Namespace, Operator,
    bootstrap::Bootstrap,
    eventually,
    fixtures::validator,
    keys::{FIRST, NODE_KEY},
    rolling::{image, seid_image},
    volumes::CLASS,
};

/// A storage class of the cluster whose claims wait for a pod.
const LATE: &str = "gp3-late";
/// Peers, which state sync and a bootstrap need.
const PEERS: &str = "peers: [{static: {addresses: \
                     ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]";
/// The mode of a node that begins with a bootstrap Job.
const BOOTSTRAPPED: &str =
    "fullNode: {snapshot: {s3: {targetHeight: 7}, bootstrapImage: 'registry.example.com/seid:v1'}}";
/// A platform setting by which no pod is scheduled, and no PVC bound that waits for one.
const NO_POOL: (&str, &str) = ("SEI_NODEPOOL_NAME", "no-such-pool");

impl Namespace {
    /// An operator of this namespace alone whose platform has other settings.
    pub fn operator_on(&self, settings: &[(&str, &str)]) -> Operator {
        let scope = format!("--watch-namespace={}", self.name);
        Operator::with_settings(&self.world, self.world.cluster.kubeconfig(), &[&scope], settings)
    }

    /// An operator whose volumes are bound late.
    fn late_operator(&self) -> Operator {
        self.operator_on(&[("SEI_STORAGE_CLASS_PERF", LATE), ("SEI_STORAGE_CLASS_ARCHIVE", LATE)])
    }
}

fn node(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: {name}}}\nspec:\n  chainId: pacific-1\n  \
         image: registry.example.com/seid:v1\n  {rest}\n"
    )
}

#[scenario]
async fn nodes_of_every_mode_come_up_on_late_bound_volumes(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.late_operator();
    ns.keys("val", &FIRST.file(), NODE_KEY).await;
    for yaml in [
        node("full", "fullNode: {}"),
        node("synced", &format!("fullNode: {{snapshot: {{stateSync: {{}}}}}}\n  {PEERS}")),
        node("arch", "archive: {}"),
        node("boot", &format!("{BOOTSTRAPPED}\n  {PEERS}")),
        validator("val", ""),
    ] {
        ns.create_yaml::<SeiNode>(&yaml).await;
    }
    ns.end_bootstrap("boot", Bootstrap::Halts).await;
    join_all(["full", "synced", "arch", "boot", "val"].map(|name| ns.running(name))).await;
    for name in ["data-full", "data-arch", "data-boot"] {
        let claim = ns.pvc_is(name, "Bound").await;
        assert_eq!(claim.spec.unwrap().storage_class_name.as_deref(), Some(LATE));
    }
}

#[scenario]
async fn a_pod_that_never_ran_is_replaced_and_paused_unbound(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator_on(&[("SEI_STORAGE_CLASS_PERF", LATE), NO_POOL]);
    ns.full_node("n0", "").await;
    ns.reports("n0", ("Ready", "False", "Initializing"), &["not scheduled"]).await;
    ns.image("n0", "v2").await;
    eventually("its pod is replaced", async || {
        let pod = ns.api::<Pod>().get_opt("n0-0").await.unwrap();
        let is_new = pod.is_some_and(|pod| seid_image(&pod) == image("v2"));
        if is_new { Ok(()) } else { Err(ns.status("n0").await) }
    })
    .await;
    ns.pvc_is("data-n0", "Pending").await;

    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    ns.reports("n0", ("Paused", "True", "Paused"), &[]).await;
    ns.gone::<Pod>("n0-0").await;
}

#[scenario]
async fn a_claim_that_waits_for_its_consumer_is_imported(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.pvc("restored", json!({"storageClassName": LATE})).await;
    ns.pvc("small", json!({"storageClassName": LATE, "resources": {"requests": {"storage": "1Gi"}}})).await;
    for (name, pvc) in [("n0", "restored"), ("n1", "small")] {
        ns.full_node(name, &format!("  dataVolume: {{import: {{pvcName: {pvc}}}}}\n")).await;
    }
    ns.running("n0").await;
    ns.pvc_is("restored", "Bound").await;
    // It is checked once it is bound, before the sidecar is given anything.
    ns.reports("n1", ("ImportPVCReady", "False", "PVCInvalid"), &["has a capacity of 1Gi"]).await;
    ns.reports("n1", ("Stalled", "True", "Initializing"), &["small"]).await;
    assert!(ns.sidecar("n1").submissions().is_empty());
}

#[scenario]
async fn a_pod_waits_for_a_claim_that_binds_at_once(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    // A class of its own, for which nobody makes volumes.
    let class = json!({"metadata": {"name": ns.name}, "provisioner": "example.com/nobody"});
    let classes: Api<StorageClass> = Api::all(ns.client.clone());
    classes.create(&PostParams::default(), &serde_json::from_value(class).unwrap()).await.unwrap();
    let operator = ns.operator_on(&[("SEI_STORAGE_CLASS_PERF", ns.name.as_str())]);
    ns.full_node("n0", "").await;
    let words = ["PVC data-n0 is not bound yet", &ns.name, "binds at once"];
    ns.reports("n0", ("DataVolumeReady", "False", "NotBound"), &words).await;
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none());

    // The class is corrected. A PVC that nobody used is made again when it is deleted, without a change of the spec.
    operator.kill();
    let _operator = ns.operator();
    ns.api::<PersistentVolumeClaim>().delete("data-n0", &DeleteParams::default()).await.unwrap();
    let node = ns.running("n0").await;
    assert_eq!(node.metadata.generation, Some(1));
    let claim = ns.pvc_is("data-n0", "Bound").await;
    assert_eq!(claim.spec.unwrap().storage_class_name.as_deref(), Some(CLASS));
}

#[scenario]
async fn a_node_that_is_not_up_follows_corrected_settings(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator_on(&[("SEI_STORAGE_CLASS_PERF", LATE), NO_POOL]);
    for yaml in [node("n0", "fullNode: {}"), node("boot", &format!("{BOOTSTRAPPED}\n  {PEERS}"))] {
        ns.create_yaml::<SeiNode>(&yaml).await;
    }
    for name in ["n0", "boot"] {
        ns.reports(name, ("Ready", "False", "Initializing"), &["not scheduled"]).await;
    }
    let before = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap().uid();
    ns.api::<PersistentVolumeClaim>().delete("data-n0", &DeleteParams::default()).await.unwrap();
    eventually("the PVC is made again", async || {
        let claim = ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap();
        let made = claim.is_some_and(|claim| claim.uid() != before);
        if made { Ok(()) } else { Err(ns.status("n0").await) }
    })
    .await;

    operator.kill();
    let _operator = ns.operator();
    ns.end_bootstrap("boot", Bootstrap::Halts).await;
    for name in ["n0", "boot"] {
        assert_eq!(ns.running(name).await.metadata.generation, Some(1), "nobody touched its spec");
    }
}
