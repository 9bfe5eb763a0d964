//! Lifecycle: the charts are installed, a node comes up and is updated.

use kube::ResourceExt;
use scenario::scenario;

use crate::{
    nodes::address,
    setup::{BAD, FIRST, NAME, NODES, SECOND, SYSTEM, Shared},
    wait::eventually,
};

#[scenario]
async fn helm_test_passes(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    installed.helm(&["test", NAME, "--namespace", SYSTEM, "--logs"]).await;
}

#[scenario]
async fn a_new_node_is_ready_and_resolves_in_dns(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    installed.create_node("first").await;
    installed.running("first").await;
    let node = installed.nodes().get("first").await.unwrap();
    assert_eq!(
        node.labels().get("sei.io/chain").map(String::as_str),
        Some("atlantic-2"),
        "it was not mutated"
    );
    let pod = installed.ready_pod("first").await;

    // Resolved in the container of seid, with the resolver that the kubelet configured.
    let host = format!("first-0.first.{NODES}.svc.cluster.local");
    let lookup = ["exec", "-n", NODES, "first-0", "-c", "seid", "--", "nslookup", &host];
    let ip = address(&pod).unwrap().ip().to_string();
    eventually("cluster DNS knows the pod", async || {
        let (_, output) = installed.kubectl(&lookup).await;
        if output.lines().any(|line| line.contains("Address") && line.ends_with(&ip)) {
            Ok(())
        } else {
            Err(output)
        }
    })
    .await;
}

#[scenario]
async fn a_new_image_rolls_out_and_a_bad_one_is_reverted(setup: Shared) {
    let (_turn, installed) = setup.shared().await;
    installed.create_node("rolling").await;
    installed.running("rolling").await;
    let first = installed.pods().get("rolling-0").await.unwrap();

    installed.change("rolling", serde_json::json!({"image": SECOND})).await;
    let rolled = |image: &'static str| {
        move |status: &seinode_api::SeiNodeStatus| {
            status.current_image.as_deref() == Some(image) && status.plan.is_none()
        }
    };
    installed.until("rolling", "runs the second image", rolled(SECOND)).await;
    let second = installed.pods().get("rolling-0").await.unwrap();
    assert_ne!(first.uid(), second.uid());

    installed.change("rolling", serde_json::json!({"image": BAD})).await;
    let bad = |status: &seinode_api::SeiNodeStatus| {
        status.conditions.iter().any(|condition| condition.message.contains("42"))
    };
    installed.until("rolling", "reports the exit code of the bad image", bad).await;
    // No other manual step.
    installed.change("rolling", serde_json::json!({"image": FIRST})).await;
    installed.until("rolling", "runs the first image again", rolled(FIRST)).await;
    installed.running("rolling").await;
    let last = installed.pods().get("rolling-0").await.unwrap();
    assert_eq!(last.spec.unwrap().containers[0].image.as_deref(), Some(FIRST));
}
