//! What happens to the operator and the machine, and not to the nodes.

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use scenario::scenario;
use serde_json::json;

use crate::{
    nodes::{address, container, opened},
    stage::{House, NAME, SYSTEM, Shared},
    wait::eventually,
};

/// The operator's Lease; the original's has the same name.
const LEASE: &str = "bc1f5b0a.sei.io";

#[scenario]
async fn a_leader_that_is_killed_is_succeeded(stage: Shared) {
    let (_turn, house) = stage.alone().await;
    let pods: Api<Pod> = Api::namespaced(house.client.clone(), SYSTEM);
    let old = leader(house).await;
    let pod = pods.get(&old).await.unwrap();
    house.kill(container(&pod, "operator").unwrap().container_id.as_deref().unwrap());
    // Judged by the other, which then succeeds it.
    house.create_node_soon("orphan").await;
    house.running("orphan").await;
    house.both_replicas().await;

    // And the whole pod, told to go: it serves as long as it may still be asked.
    pods.delete(&leader(house).await, &DeleteParams::default()).await.unwrap();
    house.create_node("orphan-too").await;
    house.running("orphan-too").await;
    house.both_replicas().await;
}

#[scenario]
async fn a_kubelet_that_restarts_disturbs_nothing(stage: Shared) {
    let (_turn, house) = stage.alone().await;
    house.create_node("steady").await;
    house.running("steady").await;
    house.started_pod("steady").await;
    let before = everything(house).await;
    house.cluster.real_node().unwrap().restart_kubelet().unwrap();

    // It does its work again: what ends is restarted.
    let pod = house.pods().get("steady-0").await.unwrap();
    let sidecar = container(&pod, "sei-sidecar").unwrap();
    house.kill(sidecar.container_id.as_deref().unwrap());
    eventually("the new kubelet restarts the sidecar", async || {
        let pod = house.pods().get("steady-0").await.unwrap();
        let now = container(&pod, "sei-sidecar").unwrap();
        if now.restart_count == sidecar.restart_count + 1 { Ok(()) } else { Err(now) }
    })
    .await;
    opened(address(&pod).unwrap()).await;
    house.running("steady").await;
    let mut after = everything(house).await;
    after
        .iter_mut()
        .filter(|(name, ..)| name == "steady-0/sei-sidecar")
        .for_each(|(.., restarts)| *restarts -= 1);
    assert_eq!(before, after, "something was restarted");
}

#[scenario(last)]
async fn uninstalled_the_nodes_run_on_and_can_be_deleted(stage: Shared) {
    let (_turn, house) = stage.alone().await;
    house.create_node("left").await;
    house.running("left").await;
    house.started_pod("left").await;
    let before = everything(house).await;
    house.helm(&["uninstall", NAME, "--namespace", SYSTEM, "--wait"]).await;
    house.helm(&["uninstall", "seinode-crds", "--namespace", SYSTEM, "--wait"]).await;

    // Nobody is asked any more, and nothing is kept from anybody.
    let label = Patch::Merge(json!({"metadata": {"labels": {"by": "hand"}}}));
    house.nodes().patch("left", &PatchParams::default(), &label).await.unwrap();
    house.started_pod("left").await;
    assert_eq!(before, everything(house).await, "something was restarted");
    house.nodes().delete("left", &DeleteParams::background()).await.unwrap();
    eventually("the pod of a deleted node goes", async || {
        house.pods().get_opt("left-0").await.unwrap().map_or(Ok(()), |pod| Err(Box::new(pod.status)))
    })
    .await;
}

async fn leader(house: &House) -> String {
    let leases: Api<Lease> = Api::namespaced(house.client.clone(), SYSTEM);
    let holder = leases.get(LEASE).await.unwrap().spec.unwrap().holder_identity.unwrap();
    // The pod's name comes first in who it says it is.
    let pods: Api<Pod> = Api::namespaced(house.client.clone(), SYSTEM);
    let names = pods.list(&ListParams::default()).await.unwrap();
    names.iter().map(|pod| pod.name_any()).find(|name| holder.starts_with(name)).expect("a pod leads")
}

/// Every container of every node: its pod's UID and how often it was restarted.
async fn everything(house: &House) -> Vec<(String, String, i32)> {
    let pods = house.pods().list(&ListParams::default()).await.unwrap();
    let containers = pods.iter().flat_map(|pod| {
        ["sei-sidecar", "seid"].map(|name| {
            let restarts = container(pod, name).map_or(0, |it| it.restart_count);
            (format!("{}/{name}", pod.name_any()), pod.uid().unwrap_or_default(), restarts)
        })
    });
    containers.collect()
}
