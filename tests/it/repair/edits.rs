//! Manual edits with the tools of people: fields of the operator are reverted within seconds, others stay, and the pod is
//! the same afterwards.

mod table;

use std::{sync::Arc, time::Instant};

use devcluster::kubelet::STOP_DELAY;
use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Pod, Service},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use scenario::scenario;
use serde_json::{Value, json};

use self::table::{EDITS, Edit, service, set};
use super::SOON;
use crate::kit::{Kit, Namespace, Operator, eventually, plans::PlanWatch, pods::PodWatch};

/// All that the operator made of both children, without what others may add or what counts changes.
#[derive(Debug, PartialEq)]
struct Children {
    labels: [Value; 2],
    specs: [Value; 2],
}

async fn children(ns: &Namespace, node: &str) -> Children {
    let set = ns.api::<StatefulSet>().get(node).await.unwrap();
    let service = ns.api::<Service>().get(node).await.unwrap();
    Children {
        labels: [json!(set.labels()), json!(service.labels())],
        specs: [json!(set.spec), json!(service.spec)],
    }
}

#[scenario(first)]
async fn manual_edits_are_reverted_without_a_restart(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let plans = PlanWatch::begin(&ns).await;
    let nodes: Vec<String> = (0..EDITS.len()).map(|number| format!("n{number}")).collect();
    for node in &nodes {
        ns.full_node(node, "  podLabels: {team: ours}\n").await;
    }
    for node in &nodes {
        ns.running(node).await;
    }
    for (node, edit) in nodes.iter().zip(&EDITS) {
        is_reverted(&ns, node, edit).await;
    }
    assert_eq!(plans.updates(&ns).await, [""; 0]);
}

async fn is_reverted(ns: &Namespace, node: &str, edit: &Edit) {
    let Edit { what, field, manager, by_hand } = edit;
    let (before, pod) = (children(ns, node).await, ns.pod_uid(node).await);
    by_hand(ns, node);
    let edited = Instant::now();
    eventually(&format!("{what}: the children are as they were"), async || {
        let now = children(ns, node).await;
        if now == before { Ok(()) } else { Err(now) }
    })
    .await;
    assert!(edited.elapsed() < SOON, "{what}: repaired after {:?}", edited.elapsed());
    ns.emits(node, "HandEditRepaired", &[field, manager]).await;
    is_settled(ns, node, what).await;
    assert_eq!(ns.pod_uid(node).await, pod, "{what}: its pod was restarted");
    let repairs = ns.status(node).await["repairs"].as_array().cloned().unwrap_or_default();
    for repair in &repairs {
        assert!(repair["field"].as_str().is_some_and(|it| it.contains(field)), "{what}: {repair:#}");
        assert_eq!(
            repair["times"].as_array().map(Vec::len),
            Some(1),
            "{what}: one edit, one repair: {repair:#}"
        );
    }
    is_reported_as_often(ns, node, repairs.len()).await;
}

/// Waits until each repair is reported once. Events follow the work that they report.
async fn is_reported_as_often(ns: &Namespace, node: &str, times: usize) {
    eventually("each repair is reported", async || {
        let notes = ns.notes(node, "HandEditRepaired").await;
        if notes.len() == times { Ok(()) } else { Err(notes) }
    })
    .await;
}

/// Waits until the set is as the operator left it, its pod is of its newest revision, and there is no other.
async fn is_settled(ns: &Namespace, node: &str, what: &str) {
    eventually(&format!("{what}: everything has settled"), async || {
        let set = ns.api::<StatefulSet>().get(node).await.unwrap();
        let status = ns.status(node).await;
        let pod = ns.pod(node).await;
        let second = ns.api::<Pod>().get_opt(&format!("{node}-1")).await.unwrap().map(|pod| pod.name_any());
        let known = status["children"]["statefulSet"]["generation"].as_i64();
        let newest = set.status.and_then(|status| status.update_revision);
        let settled = known == set.metadata.generation
            && newest.as_ref() == pod.labels().get("controller-revision-hash")
            && second.is_none();
        if settled { Ok(()) } else { Err((known, set.metadata.generation, newest, second)) }
    })
    .await;
    ns.running(node).await;
}

#[scenario]
async fn additions_by_others_to_children_stay(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    for object in [set("n0"), service("n0")] {
        ns.kubectl(&["label", &object, "cost-center=42"]);
        ns.kubectl(&["annotate", &object, "example.com/note=mind the gap"]);
    }
    ns.kubectl(&["patch", &set("n0"), "--type=merge", "-p", r#"{"spec": {"revisionHistoryLimit": 3}}"#]);
    ns.kubectl_patch(&service("n0"), &json!({"spec": {"ports": [{"name": "debug", "port": 6060}]}}));
    // Whoever repairs the rest must not take it away.
    ns.kubectl(&["set", "image", &set("n0"), "seid=registry.example.com/seid:by-hand"]);
    ns.kubectl(&["set", "selector", &service("n0"), "app=other"]);
    ns.emits("n0", "HandEditRepaired", &["spec.template", "kubectl-set"]).await;
    ns.emits("n0", "HandEditRepaired", &["spec.selector", "kubectl-set"]).await;
    is_settled(&ns, "n0", "additions of others").await;
    let (set, service) =
        (ns.api::<StatefulSet>().get("n0").await.unwrap(), ns.api::<Service>().get("n0").await.unwrap());
    for metadata in [&set.metadata, &service.metadata] {
        let label = metadata.labels.as_ref().and_then(|labels| labels.get("cost-center"));
        let note = metadata.annotations.as_ref().and_then(|notes| notes.get("example.com/note"));
        assert_eq!((label.map(String::as_str), note.map(String::as_str)), (Some("42"), Some("mind the gap")));
    }
    assert_eq!(set.spec.unwrap().revision_history_limit, Some(3));
    let ports = service.spec.unwrap().ports.unwrap_or_default();
    assert!(ports.iter().any(|port| port.port == 6060), "{ports:#?}");
    // What is not ours is nobody's edit of ours.
    is_reported_as_often(&ns, "n0", 2).await;
}

#[scenario]
async fn edits_by_update_or_apply_are_attributed_too(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    for node in ["n0", "n1"] {
        ns.full_node(node, "").await;
    }
    join_all(["n0", "n1"].map(|node| ns.running(node))).await;
    let before = [children(&ns, "n0").await, children(&ns, "n1").await];
    let pods = [ns.pod_uid("n0").await, ns.pod_uid("n1").await];
    ns.update_as::<StatefulSet>("capacity-bot", "n0", |set| {
        set["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] = json!({"memory": "64Gi"});
    })
    .await;
    let grace = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}});
    ns.apply_as::<StatefulSet>("gitops", "n1", grace).await;
    ns.emits("n0", "HandEditRepaired", &["spec.template", "capacity-bot"]).await;
    ns.emits("n1", "HandEditRepaired", &["spec.template", "gitops"]).await;
    for (node, what) in [("n0", "an update"), ("n1", "an apply")] {
        is_settled(&ns, node, what).await;
    }
    assert_eq!([children(&ns, "n0").await, children(&ns, "n1").await], before);
    assert_eq!([ns.pod_uid("n0").await, ns.pod_uid("n1").await], pods);
}

#[scenario]
async fn an_edit_made_during_an_outage_is_reverted(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let (before, pod) = (children(&ns, "n0").await, ns.pod_uid("n0").await);
    operator.kill();
    ns.kubectl(&["set", "image", &set("n0"), "seid=registry.example.com/seid:by-hand"]);
    ns.kubectl(&["set", "selector", &service("n0"), "app=other"]);
    let _operator = ns.operator();
    ns.emits("n0", "HandEditRepaired", &["spec.template", "kubectl-set"]).await;
    ns.emits("n0", "HandEditRepaired", &["spec.selector", "kubectl-set"]).await;
    is_settled(&ns, "n0", "edits while nobody looked").await;
    assert_eq!((children(&ns, "n0").await, ns.pod_uid("n0").await), (before, pod));
}

#[scenario]
async fn a_repair_uses_current_settings_and_restarts_nothing(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let plans = PlanWatch::begin(&ns).await;
    for node in ["n0", "n1"] {
        ns.full_node(node, "").await;
    }
    join_all(["n0", "n1"].map(|node| ns.running(node))).await;
    let pods = [ns.pod_uid("n0").await, ns.pod_uid("n1").await];
    assert!(operator.stop().await.success());
    let scope = format!("--watch-namespace={}", ns.name);
    let _operator = Operator::with_settings(
        &ns.world,
        ns.world.cluster.kubeconfig(),
        &[&scope],
        &[("SEI_RESOURCE_CPU_DEFAULT", "7")],
    );
    for node in ["n0", "n1"] {
        ns.reports(node, ("TemplateOutdated", "True", "RenderingChanged"), &[]).await;
    }
    ns.kubectl(&["set", "image", &set("n0"), "seid=registry.example.com/seid:by-hand"]);
    ns.kubectl(&["delete", &set("n1"), "--cascade=orphan"]);
    ns.emits("n0", "HandEditRepaired", &["spec.template", "kubectl-set"]).await;
    ns.emits("n1", "ChildRestored", &["StatefulSet"]).await;
    for node in ["n0", "n1"] {
        ns.reports(node, ("TemplateOutdated", "True", "PodOutdated"), &["next rollout"]).await;
        let set = serde_json::to_value(ns.api::<StatefulSet>().get(node).await.unwrap()).unwrap();
        assert_eq!(set["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"], "7");
        ns.running(node).await;
    }
    assert_eq!([ns.pod_uid("n0").await, ns.pod_uid("n1").await], pods);
    assert_eq!(plans.updates(&ns).await, [""; 0]);
}

#[scenario]
async fn an_edit_during_an_update_reaches_no_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let pods = PodWatch::begin(&[&ns]).await;
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let slow = json!({"metadata": {"annotations": {STOP_DELAY: "3s"}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(slow)).await.unwrap();
    ns.patch("n0", json!({"spec": {"image": "registry.example.com/seid:v2"}})).await;
    eventually("its pod is being deleted", async || {
        let pod = ns.pod("n0").await;
        if pod.metadata.deletion_timestamp.is_some() { Ok(()) } else { Err(pod.metadata) }
    })
    .await;
    ns.kubectl(&["set", "image", &set("n0"), "seid=registry.example.com/seid:by-hand"]);
    ns.pod_runs("n0", "registry.example.com/seid:v2").await;
    ns.emits("n0", "HandEditRepaired", &["spec.template", "kubectl-set"]).await;
    is_settled(&ns, "n0", "an edit in the middle of an update").await;
    assert_eq!(ns.status("n0").await["currentImage"], "registry.example.com/seid:v2");
    assert_eq!(pods.ever().len(), 2, "a pod was made from the edited template");
}

#[scenario]
async fn a_child_without_owner_is_readopted(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let node = ns.full_node("n0", "").await;
    ns.running("n0").await;
    let pod = ns.pod_uid("n0").await;
    for object in [set("n0"), service("n0")] {
        let free = r#"{"metadata": {"ownerReferences": null}}"#;
        ns.kubectl(&["patch", &object, "--type=merge", "-p", free]);
    }
    eventually("both belong to the node again", async || {
        let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
        let service = ns.api::<Service>().get("n0").await.unwrap();
        let owned =
            |owners: &[OwnerReference]| owners.iter().any(|owner| Some(&owner.uid) == node.uid().as_ref());
        let both = owned(set.owner_references()) && owned(service.owner_references());
        if both { Ok(()) } else { Err((set.metadata, service.metadata)) }
    })
    .await;
    ns.running("n0").await;
    assert_eq!(ns.pod_uid("n0").await, pod);
}
