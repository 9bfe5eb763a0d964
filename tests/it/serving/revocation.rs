//! The way to take trust from an authority whose key has leaked: docs/operations.md, "Revoking the authority".

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use scenario::scenario;

use super::cluster::{Cluster, SECRET};
use crate::kit::{Kit, eventually};

#[scenario]
async fn the_documented_procedure_revokes_a_leaked_authority(kit: Arc<Kit>) {
    let cluster = Cluster::of(&kit).await;
    let (first, second) = (cluster.replica().await, cluster.replica().await);
    cluster.callable().await;
    let leaked = cluster.authority().await;
    let secrets = cluster.ns.api::<Secret>();

    // That the Secret goes revokes nothing while replicas run: no call may fail.
    secrets.delete(SECRET, &DeleteParams::default()).await.unwrap();
    eventually("another authority signs, and the old one stays trusted", async || {
        let bundles = cluster.bundles().await;
        let overlap = |bundle: &String| bundle.contains(&leaked) && bundle.matches("BEGIN").count() == 2;
        if bundles.iter().all(overlap) { Ok(()) } else { Err(bundles) }
    })
    .await;

    assert!(first.stop().await.success() && second.stop().await.success());
    secrets.delete(SECRET, &DeleteParams::default()).await.unwrap();
    cluster.remove_bundles().await;
    let _replicas = [cluster.replica().await, cluster.replica().await];
    cluster.callable().await;
    let authority = cluster.authority().await;
    assert_eq!(cluster.bundles().await, [authority.clone(), authority], "nobody else is trusted");
}
