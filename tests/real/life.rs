//! What the operator is for: it is installed, a node comes up and is updated.

use kube::ResourceExt;
use scenario::scenario;

use crate::{
    nodes::address,
    stage::{BAD, FIRST, NAME, NODES, SECOND, SYSTEM, Shared},
    wait::eventually,
};

#[scenario]
async fn helm_tests_the_release(stage: Shared) {
    let (_turn, house) = stage.beside().await;
    house.helm(&["test", NAME, "--namespace", SYSTEM, "--logs"]).await;
}

#[scenario]
async fn a_node_comes_up_to_a_ready_pod_that_dns_knows(stage: Shared) {
    let (_turn, house) = stage.beside().await;
    house.create_node("first").await;
    house.running("first").await;
    let node = house.nodes().get("first").await.unwrap();
    assert_eq!(
        node.labels().get("sei.io/chain").map(String::as_str),
        Some("atlantic-2"),
        "it was not mutated"
    );
    let pod = house.ready_pod("first").await;

    // Asked by the node software itself, of the resolver that the kubelet gave it.
    let host = format!("first-0.first.{NODES}.svc.cluster.local");
    let ask = ["exec", "-n", NODES, "first-0", "-c", "seid", "--", "nslookup", &host];
    let ip = address(&pod).unwrap().ip().to_string();
    eventually("cluster DNS knows the pod", async || {
        let (_, said) = house.kubectl(&ask).await;
        if said.lines().any(|line| line.contains("Address") && line.ends_with(&ip)) {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
}

#[scenario]
async fn an_image_goes_there_and_a_bad_one_is_rolled_back(stage: Shared) {
    let (_turn, house) = stage.beside().await;
    house.create_node("rolling").await;
    house.running("rolling").await;
    let first = house.pods().get("rolling-0").await.unwrap();

    house.change("rolling", serde_json::json!({"image": SECOND})).await;
    let rolled = |image: &'static str| {
        move |status: &seinode_api::SeiNodeStatus| {
            status.current_image.as_deref() == Some(image) && status.plan.is_none()
        }
    };
    house.until("rolling", "runs the second image", rolled(SECOND)).await;
    let second = house.pods().get("rolling-0").await.unwrap();
    assert_ne!(first.uid(), second.uid());

    house.change("rolling", serde_json::json!({"image": BAD})).await;
    let bad = |status: &seinode_api::SeiNodeStatus| {
        status.conditions.iter().any(|condition| condition.message.contains("42"))
    };
    house.until("rolling", "tells how the bad image ended", bad).await;
    // Nothing else is done: not by hand.
    house.change("rolling", serde_json::json!({"image": FIRST})).await;
    house.until("rolling", "runs the first image again", rolled(FIRST)).await;
    house.running("rolling").await;
    let last = house.pods().get("rolling-0").await.unwrap();
    assert_eq!(last.spec.unwrap().containers[0].image.as_deref(), Some(FIRST));
}
