//! The API server goes away and comes back; everybody else must live through it.

use std::sync::Arc;

use devcluster::{Cluster, Options, Progress, ServiceAccounts, Volumes};
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use scenario::scenario;
use serde_json::json;

use crate::kit::{Room, Shared, claim, eventually, from, pod_spec};

/// On a cluster of its own, because meanwhile nothing else works; so it has the options that the other has not.
#[scenario]
async fn everybody_lives_through_an_outage(shared: Arc<Shared>) {
    let options = Options {
        service_accounts: ServiceAccounts::Required,
        volumes: Volumes::Static,
        progress: Progress::lines(),
        ..Options::default()
    };
    let cluster = Cluster::start(options, &shared.guard).await.expect("a cluster");
    assert_eq!(cluster.audit_log(), None);
    let nodes: Api<Node> = Api::all(cluster.client());
    let node = "node-0";
    nodes.get(node).await.expect("it answers");
    cluster.stop_apiserver();
    nodes.get(node).await.expect_err("it answers still");
    cluster.start_apiserver().await.expect("started again");
    nodes.get(node).await.expect("it answers again, at the same place, with the same objects");

    let room = Room::new(&cluster, "after-the-outage").await;
    let pod: Pod = from(json!({ "metadata": { "name": "a" }, "spec": pod_spec("data-a") }));
    let pods: Api<Pod> = room.api();
    let refused =
        pods.create(&PostParams::default(), &pod).await.expect_err("there is no ServiceAccount").to_string();
    assert!(refused.contains("seid-node"), "{refused}");
    room.create::<ServiceAccount>(json!({ "metadata": { "name": "seid-node" } })).await;
    eventually("the ServiceAccount counts", || async {
        pods.create(&PostParams::default(), &pod).await.map(drop).map_err(|error| error.to_string())
    })
    .await;

    // From here on it needs the controllers, the scheduler and the kubelet. There is one volume, and nobody makes another.
    cluster.add_volumes("standard", "2000Gi", 1).await.expect("a volume");
    room.create::<PersistentVolumeClaim>(claim("other", "standard")).await;
    room.create::<PersistentVolumeClaim>(claim("data-a", "standard")).await;
    room.ready_pod("a").await;
    let other = room.api::<PersistentVolumeClaim>().get("other").await.expect("a claim");
    assert_eq!(other.status.and_then(|status| status.phase).as_deref(), Some("Pending"));
}
