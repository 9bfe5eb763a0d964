//! A rollout that waits for a person says for what, and a good spec is enough to cure it.

use std::{path::Path, sync::Arc};

use devcluster::stages::ABSENT_IMAGE;
use jiff::Timestamp;

use super::running;
use crate::kit::{Kit, eventually, namespace::condition, rolling::image, rollout::RolloutWatch};

pub async fn a_good_image_is_enough_to_cure_a_bad_one(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    ns.image("n0", ABSENT_IMAGE).await;
    let stuck = ns
        .node_until("n0", "is blocked", |status| {
            condition(status, "RolloutBlocked").is_some_and(|it| it.reason == "ImagePullBackOff")
        })
        .await;
    let status = stuck.status.unwrap();
    assert_eq!(status.current_image, Some(image("v1")), "nobody runs the other one");
    let ready = condition(&status, "Ready").unwrap();
    assert_eq!((&*ready.status, &*ready.reason), ("False", "Updating"));
    assert!(
        ready.message.contains("observe-image") && ready.message.contains(ABSENT_IMAGE),
        "{}",
        ready.message
    );
    let series = "sei_controller_seinode_rollout_blocked{name=\"n0\"";
    eventually("the metric says it", async || {
        let (_, text) = operator.get("metrics", "/metrics").await;
        let line = text.lines().find(|line| line.starts_with(series)).map(str::to_owned);
        line.filter(|line| line.contains("ImagePullBackOff") && line.ends_with(" 1")).ok_or(text)
    })
    .await;
    eventually("an event says it, once", async || {
        let notes = ns.event_notes("n0").await;
        let told = notes.iter().filter(|note| note.starts_with("ImagePullBackOff: ")).count();
        if told == 1 { Ok(()) } else { Err(notes) }
    })
    .await;

    ns.image("n0", "v2").await;
    let node = ns.rolled("n0", "v2").await;
    assert_eq!(condition(&node.status.unwrap(), "RolloutBlocked").unwrap().reason, "NotBlocked");
    let (_, text) = operator.get("metrics", "/metrics").await;
    assert!(!text.lines().any(|line| line.starts_with(series)), "{text}");
    watch.holds();
}

pub async fn a_bad_first_image_is_cured_the_same_way(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let yaml = crate::kit::namespace::full_node("n0", "").replace("seid:v1", &format!("seid:{ABSENT_IMAGE}"));
    ns.create_yaml::<seinode_api::SeiNode>(&yaml).await;
    ns.node_until("n0", "says what is wrong", |status| {
        condition(status, "Ready").is_some_and(|it| it.message.contains("ImagePullBackOff"))
    })
    .await;
    ns.image("n0", "v1").await;
    let node = ns.running("n0").await;
    assert_eq!(node.status.unwrap().current_image, Some(image("v1")));
}

pub async fn a_pod_that_is_not_scheduled_is_told_in_the_schedulers_words(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    operator.kill();
    let scope = format!("--watch-namespace={}", ns.name);
    let kubeconfig = ns.world.cluster.kubeconfig().to_owned();
    let settings = [("SEI_NODEPOOL_NAME", "nowhere")];
    let _other = crate::kit::Operator::with_settings(&ns.world, Path::new(&kubeconfig), &[&scope], &settings);
    let before = Timestamp::now();
    ns.node_until("n0", "says that it would be made otherwise", |status| {
        condition(status, "TemplateOutdated").is_some_and(|it| it.reason == "RenderingChanged")
    })
    .await;
    ns.image("n0", "v2").await;
    let stuck = ns
        .node_until("n0", "is blocked", |status| {
            condition(status, "RolloutBlocked").is_some_and(|it| it.reason == "Unschedulable")
        })
        .await;
    let status = stuck.status.unwrap();
    let blocked = condition(&status, "RolloutBlocked").unwrap();
    assert!(blocked.message.contains("nodes are available"), "{}", blocked.message);
    assert!(blocked.last_transition_time.0 >= before - jiff::SignedDuration::from_secs(1));
}
