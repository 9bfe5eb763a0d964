//! Faults of running nodes, repaired without a person.

use std::time::Duration;

use kube::{
    ResourceExt,
    api::{DeleteParams, EvictParams},
};
use scenario::scenario;

use crate::{
    nodes::{address, container, opened},
    setup::{NODES, Shared},
    wait::eventually,
};

/// Generous bound, because two cores are shared with the whole cluster. The measured time is printed.
const SOON: Duration = Duration::from_secs(5);

#[scenario]
async fn a_sidecar_killed_in_place_is_healed(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    installed.create_node("healed").await;
    installed.running("healed").await;
    let pod = installed.started_pod("healed").await;
    let before = container(&pod, "sei-sidecar").unwrap();

    installed.kill(before.container_id.as_deref().unwrap());
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

    let after = installed.pods().get("healed-0").await.unwrap();
    assert_eq!(pod.uid(), after.uid(), "the pod was replaced");
    eventually("the kubelet counts the restart", async || {
        let pod = installed.pods().get("healed-0").await.unwrap();
        let restarts = container(&pod, "sei-sidecar").unwrap().restart_count;
        if restarts == before.restart_count + 1 { Ok(()) } else { Err(restarts) }
    })
    .await;
}

#[scenario]
async fn a_deleted_or_evicted_pod_is_replaced(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    installed.create_node("restless").await;
    installed.running("restless").await;
    let first = installed.pods().get("restless-0").await.unwrap();
    installed.pods().delete("restless-0", &DeleteParams::default()).await.unwrap();
    let second = installed.replaced("restless", &first).await;
    installed.running("restless").await;
    installed.pods().evict("restless-0", &EvictParams::default()).await.unwrap();
    installed.replaced("restless", &second).await;
    installed.running("restless").await;
}

#[scenario]
async fn a_manual_edit_is_denied_by_the_webhook(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    installed.create_node("guarded").await;
    installed.running("guarded").await;
    let refused = async |edit: &[&str], words: &str| {
        let (done, output) = installed.kubectl(&[edit, &["-n", NODES]].concat()).await;
        assert!(!done && output.contains(words), "{edit:?}: {output}");
    };
    // The policy of the API server itself.
    refused(&["scale", "statefulset/guarded", "--replicas=2"], "is one pod").await;
    // Only the operator knows the keys of overrides, so its webhook was called, through its Service.
    let typo = r#"{"spec":{"overrides":{"evm.http_prot":"8545"}}}"#;
    refused(&["patch", "snode/guarded", "--type=merge", "-p", typo], "evm.http_port").await;
}
