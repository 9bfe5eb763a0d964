//! A rollout that waits for a person reports why, and recovers with a good spec alone.

use std::sync::Arc;

use devcluster::kubelet::{ABSENT_IMAGE, CRASHING_IMAGE, INIT_FAILING_IMAGE, VOLUMELESS_IMAGE};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;

use super::{hold::finalizers, running};
use crate::kit::{
    Kit, Namespace, Operator, eventually,
    namespace::{condition, condition_status, full_node},
    rolling::{image, seid_image},
    rollout::RolloutWatch,
};

/// Image, reason, and a part of the message.
const BAD: [(&str, &str, &str); 4] = [
    (ABSENT_IMAGE, "ImagePullBackOff", "container seid-init is in ImagePullBackOff: image "),
    (CRASHING_IMAGE, "CrashLoopBackOff", "container seid is in CrashLoopBackOff, last exit code 42"),
    (
        INIT_FAILING_IMAGE,
        "InitContainerFailing",
        "container seid-init is in CrashLoopBackOff, last exit code 1",
    ),
    (VOLUMELESS_IMAGE, "VolumeNotAttaching", "a volume is not attached"),
];

#[scenario]
async fn a_bad_image_is_reported_and_a_good_one_recovers(kit: Arc<Kit>) {
    let kit = &kit;
    join_all(BAD.map(|bad| told_and_cured(kit, bad))).await;
}

async fn told_and_cured(kit: &Kit, (tag, reason, words): (&str, &str, &str)) {
    let (ns, operator) = running(kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    ns.image("n0", tag).await;
    let begun = blocked(&ns, reason, words).await;
    has_been_restarted(&ns).await;
    let still = blocked(&ns, reason, words).await;
    assert_eq!(begun, still, "{reason}: it was blocked all the time");
    metric(&operator, Some(reason)).await;

    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
    metric(&operator, None).await;
    told_once(&ns, reason).await;
    watch.holds();
    assert_eq!(watch.reported_images("n0", &image("v2")).await, [image("v2")], "nobody ran the other one");
    assert_eq!(watch.pods("n0").len(), 3, "{reason}: one pod for each image");
}

/// Waits until the rollout is blocked for this reason, and returns since when it is.
async fn blocked(ns: &Namespace, reason: &str, words: &str) -> Timestamp {
    let node = ns
        .node_until("n0", &format!("is blocked: {reason}"), |status| {
            condition(status, "RolloutBlocked").is_some_and(|it| it.reason == reason)
        })
        .await;
    let status = node.status.unwrap();
    let blocked = condition(&status, "RolloutBlocked").unwrap();
    assert_eq!(blocked.status, "True");
    assert!(blocked.message.contains(words), "{}", blocked.message);
    let ready = condition(&status, "Ready").unwrap();
    assert_eq!((&*ready.status, &*ready.reason), ("False", "Updating"));
    assert!(ready.message.contains("observe-image") && ready.message.contains(words), "{}", ready.message);
    assert_eq!(condition_status(&status, "NodeUpdateInProgress"), "True");
    assert_eq!(status.current_image, Some(image("v1")));
    blocked.last_transition_time.0
}

/// Waits until what crashes again and again has done so three times; what waits otherwise is not waited for.
async fn has_been_restarted(ns: &Namespace) {
    eventually("it was restarted", async || {
        let status = ns.pod("n0").await.status.unwrap_or_default();
        let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        let (ended, times) = containers
            .map(|it| {
                (it.last_state.as_ref().is_some_and(|last| last.terminated.is_some()), it.restart_count)
            })
            .fold((false, 0), |all, one| (all.0 || one.0, all.1.max(one.1)));
        if !ended || times >= 3 { Ok(()) } else { Err(times) }
    })
    .await;
}

/// Waits until the metric has a series with this reason, or none.
async fn metric(operator: &Operator, reason: Option<&str>) {
    let name = "sei_controller_seinode_rollout_blocked{";
    eventually(&format!("the metric has {reason:?}"), async || {
        let (_, text) = operator.get("metrics", "/metrics").await;
        let series: Vec<_> = text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
        let matches = match (reason, &*series) {
            (None, []) => true,
            (Some(reason), [one]) => {
                one.contains(&format!("reason=\"{reason}\""))
                    && one.contains("name=\"n0\"")
                    && one.ends_with(" 1")
            }
            _ => false,
        };
        if matches { Ok(()) } else { Err(series) }
    })
    .await;
}

/// Waits for the one event with this reason.
async fn told_once(ns: &Namespace, reason: &str) {
    let prefix = format!("{reason}: ");
    eventually(&format!("an event has {reason}"), async || {
        let notes = ns.event_notes("n0").await;
        if notes.iter().any(|note| note.starts_with(&prefix)) { Ok(()) } else { Err(notes) }
    })
    .await;
    let (notes, reasons) = (ns.event_notes("n0").await, ns.event_reasons("n0").await);
    assert_eq!(reasons.iter().filter(|it| *it == "RolloutBlocked").count(), 1, "{reason}: {notes:#?}");
}

#[scenario]
async fn a_stuck_pod_deletion_is_reported_and_never_forced(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    finalizers(&ns, json!(["example.com/hold"])).await;
    ns.image("n0", "v2").await;
    let node = ns
        .node_until("n0", "is blocked by the deletion", |status| {
            condition(status, "RolloutBlocked").is_some_and(|it| it.reason == "DeletionHangs")
        })
        .await;
    let status = node.status.unwrap();
    let message = &condition(&status, "RolloutBlocked").unwrap().message;
    let pod = ns.pod("n0").await;
    assert_eq!(seid_image(&pod), image("v1"), "it is still the earlier one");
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap());
    let since = pod.metadata.deletion_timestamp.as_ref().unwrap().0 - grace;
    assert!(message.contains(&format!("pod n0-0 is being deleted since {since}")), "{message}");
    assert!(message.contains("look at its finalizers"), "{message}");
    metric(&operator, Some("DeletionHangs")).await;
    assert_eq!(pod.finalizers(), ["example.com/hold"], "nobody but us takes it off");

    finalizers(&ns, json!(null)).await;
    ns.rolled("n0", "v2").await;
    metric(&operator, None).await;
    told_once(&ns, "DeletionHangs").await;
    watch.holds();
}

#[scenario]
async fn a_bad_first_image_recovers_with_a_good_one(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let yaml = full_node("n0", "").replace("seid:v1", &format!("seid:{ABSENT_IMAGE}"));
    ns.create_yaml::<SeiNode>(&yaml).await;
    ns.node_until("n0", "reports the fault", |status| {
        condition(status, "Ready").is_some_and(|it| it.message.contains("ImagePullBackOff"))
    })
    .await;
    ns.image("n0", "v1").await;
    let node = ns.running("n0").await;
    assert_eq!(node.status.unwrap().current_image, Some(image("v1")));
}

#[scenario]
async fn an_unschedulable_pod_is_reported_with_the_reason(kit: Arc<Kit>) {
    let (ns, operator) = running(&kit).await;
    operator.kill();
    let scope = format!("--watch-namespace={}", ns.name);
    let settings = [("SEI_NODEPOOL_NAME", "nowhere")];
    let other = Operator::with_settings(&ns.world, ns.world.cluster.kubeconfig(), &[&scope], &settings);
    let pod = ns.pod("n0").await.uid();
    ns.node_until("n0", "reports that its pod is outdated", |status| {
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
    let message = &condition(&status, "RolloutBlocked").unwrap().message;
    let scheduler = unscheduled(&ns.pod("n0").await);
    assert!(scheduler.contains("nodes are available"), "{scheduler}");
    assert!(message.contains(&scheduler), "{message}");
    assert_ne!(ns.pod("n0").await.uid(), pod);
    metric(&other, Some("Unschedulable")).await;
    told_once(&ns, "Unschedulable").await;

    // The pool is there again: the next spec carries it.
    other.kill();
    let again = ns.operator();
    ns.image("n0", "v3").await;
    ns.rolled("n0", "v3").await;
    metric(&again, None).await;
}

/// Why the scheduler has found no place for a pod.
fn unscheduled(pod: &Pod) -> String {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let scheduled = conditions.into_iter().find(|it| it.type_ == "PodScheduled").unwrap();
    scheduled.message.clone().unwrap()
}
