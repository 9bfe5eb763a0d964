//! A pod that the API server refuses: the node reports its words, and comes up by itself when the reason is gone.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Namespace as KubeNamespace};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;

use crate::kit::{Kit, Namespace, bootstrap::Bootstrap, namespace::condition};

/// Words of the admission plugin PodSecurity about the pods of nodes.
const WORDS: &str = r#"violates PodSecurity "restricted:latest""#;

impl Namespace {
    /// Sets the Pod Security level of the namespace, or removes it.
    pub async fn enforce(&self, level: Option<&str>) {
        let change = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        let api: Api<KubeNamespace> = Api::all(self.client.clone());
        api.patch(&self.name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    }
}

#[scenario]
async fn a_pod_that_cannot_be_made_is_reported(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.enforce(Some("restricted")).await;
    ns.full_node("n0", "").await;
    let words = [r#"pods "n0-0" is forbidden: "#, WORDS];
    ns.reports("n0", ("Ready", "False", "PodRefused"), &words).await;
    let node = ns.reports("n0", ("Stalled", "True", "PodRefused"), &words).await;
    let status = node.status.unwrap();
    let told = condition(&status, "Stalled").unwrap().last_transition_time.0;
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    let after = told.duration_since(set.creation_timestamp().unwrap().0);
    assert!(after <= SignedDuration::from_secs(30), "it was reported after {after}");

    ns.enforce(None).await;
    ns.running("n0").await;
}

#[scenario]
async fn a_bootstrap_pod_that_cannot_be_made_is_reported(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.enforce(Some("restricted")).await;
    let yaml = "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {name: boot}\nspec:\n  chainId: pacific-1\n  \
                image: registry.example.com/seid:v2\n  fullNode: {snapshot: {s3: {targetHeight: 7}, \
                bootstrapImage: 'registry.example.com/seid:v1'}}\n  peers: [{static: {addresses: \
                ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]\n";
    ns.create_yaml::<SeiNode>(yaml).await;
    let words = [r#"pods "boot-bootstrap-…" is forbidden: "#, WORDS];
    ns.reports("boot", ("Ready", "False", "PodRefused"), &words).await;
    ns.reports("boot", ("Stalled", "True", "PodRefused"), &words).await;

    ns.enforce(None).await;
    ns.end_bootstrap("boot", Bootstrap::Halts).await;
    ns.running("boot").await;
}

#[scenario]
async fn a_rollout_whose_pod_cannot_be_made_is_blocked(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    ns.enforce(Some("restricted")).await;
    ns.image("n0", "v2").await;
    ns.reports("n0", ("RolloutBlocked", "True", "PodRefused"), &[WORDS]).await;
    ns.reports("n0", ("Ready", "False", "PodRefused"), &[WORDS]).await;

    ns.enforce(None).await;
    ns.rolled("n0", "v2").await;
    ns.running("n0").await;
}
