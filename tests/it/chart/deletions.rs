//! The policy on deletions, as the chart renders it: what is large and would be gone needs a confirmation, nothing else does,
//! and nothing hangs.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace as KubeNamespace, PersistentVolumeClaim};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PropagationPolicy},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace, eventually,
    namespace::condition,
    release::{Helm, NAME, OPERATOR, path, rendered, values},
};

/// Installs the policy for one namespace, under a name of its own, and nothing else of the chart.
fn install(ns: &Namespace, threshold: &str) {
    let helm = Helm::of(&ns.world);
    let confirm = json!({"confirmDelete": {"enabled": true, "threshold": threshold}});
    let name = format!("{NAME}-{}", ns.name);
    let file =
        helm.file(&values(&json!({"fullname": name, "watchNamespaces": [ns.name], "admission": confirm})));
    let only =
        ["template", "it", OPERATOR, "--show-only", "templates/policy-deletions.yaml", "--values", &file];
    let (done, text, said) = helm.run(&only);
    assert!(done, "{said}");
    ns.kubectl(&["apply", "-f", path(&rendered(&helm, "policy.yaml", &text))]);
}

/// Tries to delete a node, as a dry run: the refusal, if there is one.
fn try_delete(ns: &Namespace, node: &str, more: &[&str]) -> Result<(), String> {
    let delete = ["delete", "seinode", node, "--dry-run=server", "--wait=false"];
    let (done, said) = ns.try_kubectl(&[&delete, more].concat());
    if done { Ok(()) } else { Err(said) }
}

async fn refused(ns: &Namespace, node: &str) {
    eventually(&format!("the deletion of {node} is refused"), async || match try_delete(ns, node, &[]) {
        Err(said) if said.contains(&format!("sei.io/confirm-delete: {node}")) => Ok(()),
        other => Err(other),
    })
    .await;
}

async fn retained(ns: &Namespace, status: &str) {
    ns.node_until("n0", "its retention is reported", |now| {
        condition(now, "VolumeRetained").is_some_and(|it| it.status == status)
    })
    .await;
}

#[scenario]
async fn a_large_volume_goes_only_with_a_confirmation(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    install(&ns, "1Ti");
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    let node = ns.running("n0").await;
    assert_eq!(node.status.unwrap().data_volume.unwrap().capacity.as_deref(), Some("2000Gi"));
    refused(&ns, "n0").await;
    let said = try_delete(&ns, "n0", &[]).unwrap_err();
    assert!(said.contains("PVC data-n0") && said.contains("2000Gi is above 1Ti"), "{said}");

    // What stays needs none.
    assert_eq!(try_delete(&ns, "n0", &["--cascade=orphan"]), Ok(()));
    ns.patch("n0", json!({"spec": {"dataVolume": {"retain": true}}})).await;
    retained(&ns, "True").await;
    assert_eq!(try_delete(&ns, "n0", &[]), Ok(()));
    ns.patch("n0", json!({"spec": {"dataVolume": {"retain": false}}})).await;
    retained(&ns, "False").await;
    refused(&ns, "n0").await;

    // It holds while no operator is up, and for every way to delete.
    assert!(operator.stop().await.success());
    let nodes = ns.api::<SeiNode>();
    nodes.delete("n0", &DeleteParams::foreground()).await.unwrap_err();
    drop(nodes.delete_collection(&DeleteParams::default(), &ListParams::default()).await);
    assert_eq!(
        nodes.get("n0").await.unwrap().metadata.deletion_timestamp,
        None,
        "a collection is no way around it"
    );

    ns.kubectl(&["annotate", "seinode", "n0", "sei.io/confirm-delete=n1"]);
    refused(&ns, "n0").await;
    ns.kubectl(&["annotate", "seinode", "n0", "--overwrite", "sei.io/confirm-delete=n0"]);
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    ns.gone::<PersistentVolumeClaim>("data-n0").await;
}

/// Sets the status of a node that no operator serves.
fn set_status(ns: &Namespace, status: &Value) {
    let patch = json!({"status": status}).to_string();
    ns.kubectl(&["patch", "seinode", "n0", "--subresource=status", "--type=merge", "--patch", &patch]);
}

#[scenario]
async fn the_capacity_decides_whether_to_confirm(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    install(&ns, "1Ti");
    ns.full_node("n0", "").await;
    let of = |capacity: &str| json!({"phase": "Running", "dataVolume": {"uid": "u", "capacity": capacity}});
    set_status(&ns, &of("2Ti"));
    refused(&ns, "n0").await;
    for small in ["1Ti", "1024Gi", "10G", "100000000000"] {
        set_status(&ns, &of(small));
        assert_eq!(try_delete(&ns, "n0", &[]), Ok(()), "{small}");
    }
    for large in ["1025Gi", "1100000000000", "40Ti", "many", ""] {
        set_status(&ns, &of(large));
        try_delete(&ns, "n0", &[]).unwrap_err();
    }
    // One that nobody has looked at yet, such as one of the original operator.
    set_status(&ns, &json!({"phase": "Running", "dataVolume": null}));
    assert!(try_delete(&ns, "n0", &[]).unwrap_err().contains("its capacity is unknown"));
    for new in [json!("Pending"), Value::Null] {
        set_status(&ns, &json!({"phase": new}));
        assert_eq!(try_delete(&ns, "n0", &[]), Ok(()), "nothing was made for it yet");
    }
}

#[scenario]
async fn a_namespace_goes_without_a_confirmation(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    install(&ns, "1Gi");
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    refused(&ns, "n0").await;
    assert!(operator.stop().await.success());
    let namespaces: Api<KubeNamespace> = Api::all(ns.client.clone());
    namespaces.delete(&ns.name, &DeleteParams::default()).await.unwrap();
    eventually("the namespace is gone", async || match namespaces.get_opt(&ns.name).await.unwrap() {
        None => Ok(()),
        Some(left) => Err(left.status),
    })
    .await;
}

#[scenario]
async fn garbage_collection_needs_no_confirmation(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    install(&ns, "1Gi");
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fleet"}});
    let owner: k8s_openapi::api::core::v1::ConfigMap = ns.create_yaml(&owner.to_string()).await;
    ns.full_node("n0", "").await;
    let reference = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "fleet", "uid": owner.uid()}]);
    ns.patch("n0", json!({"metadata": {"ownerReferences": reference}})).await;
    set_status(&ns, &json!({"phase": "Running", "dataVolume": {"uid": "u", "capacity": "40Ti"}}));
    refused(&ns, "n0").await;
    ns.kubectl(&["delete", "configmap", "fleet"]);
    ns.gone::<SeiNode>("n0").await;
}
