//! Operations on the operator and the machine, during which nodes keep running.

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use scenario::scenario;
use serde_json::json;

use crate::{
    nodes::{address, container, opened},
    setup::{Installation, NAME, SYSTEM, Shared},
    wait::eventually,
};

/// The operator's Lease; the original's has the same name.
const LEASE: &str = "bc1f5b0a.sei.io";

#[scenario]
async fn a_killed_leader_is_succeeded(setup: Shared) {
    let (_turn, installed) = setup.exclusive().await;
    let pods: Api<Pod> = Api::namespaced(installed.client.clone(), SYSTEM);
    let old = leader(installed).await;
    let pod = pods.get(&old).await.unwrap();
    installed.kill(container(&pod, "operator").unwrap().container_id.as_deref().unwrap());
    // The other replica admits the node, then takes over.
    installed.create_node_soon("orphan").await;
    installed.running("orphan").await;
    installed.both_replicas().await;

    // A deleted pod serves until its endpoint is removed.
    pods.delete(&leader(installed).await, &DeleteParams::default()).await.unwrap();
    installed.create_node("orphan-too").await;
    installed.running("orphan-too").await;
    installed.both_replicas().await;
}

#[scenario]
async fn a_kubelet_restart_disturbs_nothing(setup: Shared) {
    let (_turn, installed) = setup.exclusive().await;
    installed.create_node("steady").await;
    installed.running("steady").await;
    installed.started_pod("steady").await;
    let before = containers(installed).await;
    installed.cluster.real_node().unwrap().restart_kubelet().unwrap();

    // The new kubelet restarts a container that ends.
    let pod = installed.pods().get("steady-0").await.unwrap();
    let sidecar = container(&pod, "sei-sidecar").unwrap();
    installed.kill(sidecar.container_id.as_deref().unwrap());
    eventually("the new kubelet restarts the sidecar", async || {
        let pod = installed.pods().get("steady-0").await.unwrap();
        let now = container(&pod, "sei-sidecar").unwrap();
        if now.restart_count == sidecar.restart_count + 1 { Ok(()) } else { Err(now) }
    })
    .await;
    opened(address(&pod).unwrap()).await;
    installed.running("steady").await;
    let mut after = containers(installed).await;
    after
        .iter_mut()
        .filter(|(name, ..)| name == "steady-0/sei-sidecar")
        .for_each(|(.., restarts)| *restarts -= 1);
    assert_eq!(before, after, "something was restarted");
}

#[scenario(last)]
async fn nodes_run_on_after_the_charts_are_uninstalled(setup: Shared) {
    let (_turn, installed) = setup.exclusive().await;
    installed.create_node("left").await;
    installed.running("left").await;
    installed.started_pod("left").await;
    let before = containers(installed).await;
    installed.helm(&["uninstall", NAME, "--namespace", SYSTEM, "--wait"]).await;
    installed.helm(&["uninstall", "seinode-crds", "--namespace", SYSTEM, "--wait"]).await;

    // No webhook is called any more.
    let label = Patch::Merge(json!({"metadata": {"labels": {"by": "hand"}}}));
    installed.nodes().patch("left", &PatchParams::default(), &label).await.unwrap();
    installed.started_pod("left").await;
    assert_eq!(before, containers(installed).await, "something was restarted");
    installed.nodes().delete("left", &DeleteParams::background()).await.unwrap();
    eventually("the pod of a deleted node goes", async || {
        installed.pods().get_opt("left-0").await.unwrap().map_or(Ok(()), |pod| Err(Box::new(pod.status)))
    })
    .await;
}

async fn leader(installed: &Installation) -> String {
    let leases: Api<Lease> = Api::namespaced(installed.client.clone(), SYSTEM);
    let holder = leases.get(LEASE).await.unwrap().spec.unwrap().holder_identity.unwrap();
    // The identity of the holder begins with the name of its pod.
    let pods: Api<Pod> = Api::namespaced(installed.client.clone(), SYSTEM);
    let names = pods.list(&ListParams::default()).await.unwrap();
    names.iter().map(|pod| pod.name_any()).find(|name| holder.starts_with(name)).expect("a pod leads")
}

/// UID of the pod and number of restarts of every container of every node.
async fn containers(installed: &Installation) -> Vec<(String, String, i32)> {
    let pods = installed.pods().list(&ListParams::default()).await.unwrap();
    let containers = pods.iter().flat_map(|pod| {
        ["sei-sidecar", "seid"].map(|name| {
            let restarts = container(pod, name).map_or(0, |it| it.restart_count);
            (format!("{}/{name}", pod.name_any()), pod.uid().unwrap_or_default(), restarts)
        })
    });
    containers.collect()
}
