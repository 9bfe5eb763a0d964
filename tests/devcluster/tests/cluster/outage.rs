//! The API server goes away and comes back; everybody else must live through it.

use devcluster::Cluster;
use k8s_openapi::api::core::v1::Node;
use kube::Api;

use crate::kit::Room;

/// On a cluster of its own: meanwhile nothing else works.
pub async fn check(cluster: &Cluster) {
    let nodes: Api<Node> = Api::all(cluster.client());
    let node = devcluster::cluster::NODE;
    nodes.get(node).await.expect("it answers");
    cluster.stop_apiserver();
    nodes.get(node).await.expect_err("it answers still");
    cluster.start_apiserver().await.expect("started again");
    nodes.get(node).await.expect("it answers again, at the same place, with the same objects");
    // Needs the controllers, the scheduler, kwok and the provisioner.
    let room = Room::new(cluster, "after-the-outage").await;
    room.node("a", |_| ()).await;
    room.ready_pod("a-0").await;
}
