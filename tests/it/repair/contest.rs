//! A field that somebody edits again and again: the operator names the editor and gives up.

use std::sync::Arc;

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Service};
use scenario::scenario;
use serde_json::json;

use crate::kit::{Kit, Namespace, eventually};

const CONTESTED: (&str, &str, &str) = ("Contested", "True", "FieldContested");
const NOT_CONTESTED: (&str, &str, &str) = ("Contested", "False", "NotContested");

async fn grace(ns: &Namespace) -> Option<i64> {
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    set.spec.unwrap().template.spec.unwrap().termination_grace_period_seconds
}

async fn image(ns: &Namespace) -> String {
    let set = serde_json::to_value(ns.api::<StatefulSet>().get("n0").await.unwrap()).unwrap();
    let containers = set["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
    let seid = containers.into_iter().find(|container| container["name"] == "seid").unwrap();
    seid["image"].as_str().unwrap().to_owned()
}

/// A deployment tool that knows better, and applies what it knows.
async fn gitops(ns: &Namespace) {
    let grace = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}});
    ns.apply_as::<StatefulSet>("gitops", "n0", grace).await;
}

/// Waits until the tool's edit has been repaired for this many times.
async fn repaired(ns: &Namespace, times: usize) {
    eventually(&format!("the edit is repaired for time {times}"), async || {
        let repairs = ns.status("n0").await["repairs"].clone();
        let now = (repairs[0]["times"].as_array().map(Vec::len), grace(ns).await);
        if now == (Some(times), Some(120)) { Ok(()) } else { Err((now, repairs)) }
    })
    .await;
}

/// A node over one of whose fields operator and tool have fought, until the operator gave in.
async fn contested(ns: &Namespace) {
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    for times in 1..=2 {
        gitops(ns).await;
        repaired(ns, times).await;
    }
    gitops(ns).await;
    ns.reports("n0", CONTESTED, &["terminationGracePeriodSeconds", "gitops", "sei.io/retry"]).await;
    ns.emits("n0", "FieldContested", &["terminationGracePeriodSeconds", "gitops"]).await;
}

#[scenario]
async fn a_third_edit_of_a_field_is_reported_and_tolerated(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    contested(&ns).await;
    let pod = ns.pod_uid("n0").await;
    ns.running("n0").await;

    // Other fields are still the operator's, those of the same object too.
    ns.kubectl(&["set", "image", "statefulset/n0", "seid=registry.example.com/seid:by-hand"]);
    ns.emits("n0", "HandEditRepaired", &["containers[seid].image", "kubectl-set"]).await;
    assert_ne!(image(&ns).await, "registry.example.com/seid:by-hand");
    assert_eq!(grace(&ns).await, Some(5), "the contested field was repaired all the same");
    ns.kubectl(&["set", "selector", "service/n0", "app=other"]);
    ns.emits("n0", "HandEditRepaired", &["spec.selector", "kubectl-set"]).await;
    assert_eq!(grace(&ns).await, Some(5), "the contested field was repaired all the same");
    ns.reports("n0", CONTESTED, &["gitops"]).await;
    // Another operator knows of it too.
    operator.kill();
    let _operator = ns.operator();
    ns.kubectl(&["delete", "service", "n0"]);
    ns.emits("n0", "ChildRestored", &["Service"]).await;
    assert!(ns.api::<Service>().get_opt("n0").await.unwrap().is_some());
    assert_eq!(grace(&ns).await, Some(5));
    assert_eq!(ns.pod_uid("n0").await, pod);
}

#[scenario]
async fn a_contest_ends_when_a_person_says_so(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    contested(&ns).await;
    let pod = ns.pod_uid("n0").await;
    ns.retry("n0", "gitops has let go of it").await;
    ns.reports("n0", NOT_CONTESTED, &[]).await;
    eventually("the field is as the operator wants it", async || {
        let now = grace(&ns).await;
        if now == Some(120) { Ok(()) } else { Err(now) }
    })
    .await;
    // The next edit counts as the first.
    gitops(&ns).await;
    eventually("it is repaired again", async || {
        let now = grace(&ns).await;
        if now == Some(120) { Ok(()) } else { Err(now) }
    })
    .await;
    ns.reports("n0", NOT_CONTESTED, &[]).await;
    assert_eq!(ns.pod_uid("n0").await, pod);
}

#[scenario]
async fn a_contested_field_does_not_block_an_update(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    contested(&ns).await;
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    ns.pod_runs("n0", "registry.example.com/seid:v2").await;
    ns.node_until("n0", "the update is complete", |status| {
        status.plan.is_none() && status.current_image.as_deref() == Some("registry.example.com/seid:v2")
    })
    .await;
    ns.running("n0").await;
}
