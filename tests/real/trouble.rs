//! What happens to nodes that run, and is put right without anybody's doing.

use std::time::Duration;

use kube::{
    ResourceExt,
    api::{DeleteParams, EvictParams},
};
use scenario::scenario;

use crate::{
    nodes::{address, container, opened},
    stage::{NODES, Shared},
    wait::eventually,
};

/// Generous: two cores are shared with the whole cluster. What is measured is printed.
const SOON: Duration = Duration::from_secs(5);

#[scenario]
async fn a_sidecar_that_is_killed_in_place_is_healed(stage: Shared) {
    let (_turn, house) = stage.beside().await;
    house.create_node("healed").await;
    house.running("healed").await;
    let pod = house.started_pod("healed").await;
    let before = container(&pod, "sei-sidecar").unwrap();

    house.kill(before.container_id.as_deref().unwrap());
    let sidecar = address(&pod).unwrap();
    eventually("the sidecar has ended", async || {
        tokio::net::TcpStream::connect(sidecar)
            .await
            .map_or_else(|_| Ok(()), |_| Err("it accepts connections"))
    })
    .await;
    let shut = opened(sidecar).await;
    println!("the gate was shut for {shut:?} after the restarted sidecar listened");
    assert!(shut < SOON, "{shut:?}");

    let after = house.pods().get("healed-0").await.unwrap();
    assert_eq!(pod.uid(), after.uid(), "the pod was replaced");
    eventually("the kubelet counts the restart", async || {
        let pod = house.pods().get("healed-0").await.unwrap();
        let restarts = container(&pod, "sei-sidecar").unwrap().restart_count;
        if restarts == before.restart_count + 1 { Ok(()) } else { Err(restarts) }
    })
    .await;
}

#[scenario]
async fn a_pod_that_is_deleted_or_evicted_comes_back(stage: Shared) {
    let (_turn, house) = stage.beside().await;
    house.create_node("restless").await;
    house.running("restless").await;
    let first = house.pods().get("restless-0").await.unwrap();
    house.pods().delete("restless-0", &DeleteParams::default()).await.unwrap();
    let second = house.replaced("restless", &first).await;
    house.running("restless").await;
    house.pods().evict("restless-0", &EvictParams::default()).await.unwrap();
    house.replaced("restless", &second).await;
    house.running("restless").await;
}

#[scenario]
async fn a_hand_edit_is_refused_through_the_service(stage: Shared) {
    let (_turn, house) = stage.beside().await;
    house.create_node("guarded").await;
    house.running("guarded").await;
    let refused = async |edit: &[&str], words: &str| {
        let (done, said) = house.kubectl(&[edit, &["-n", NODES]].concat()).await;
        assert!(!done && said.contains(words), "{edit:?}: {said}");
    };
    // The policy of the API server itself.
    refused(&["scale", "statefulset/guarded", "--replicas=2"], "is one pod").await;
    // Only the operator knows the keys of overrides: it was asked, at the address of its Service.
    let typo = r#"{"spec":{"overrides":{"evm.http_prot":"8545"}}}"#;
    refused(&["patch", "snode/guarded", "--type=merge", "-p", typo], "evm.http_port").await;
}
