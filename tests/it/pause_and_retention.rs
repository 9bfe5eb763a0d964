//! Pause and retention: a paused node has no pod, a retained volume outlives its node.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PropagationPolicy},
};
use scenario::scenario;
use seinode_api::{SeiNode, status::Phase};
use serde_json::json;
use sidecar_sim::TaskType;

use crate::kit::{
    Kit, Namespace, eventually,
    fixtures::validator,
    namespace::{condition, condition_status, full_node},
};

async fn replicas(ns: &Namespace) -> i32 {
    ns.api::<StatefulSet>().get("n0").await.unwrap().spec.unwrap().replicas.unwrap()
}

async fn owners(ns: &Namespace) -> Vec<String> {
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    volume.owner_references().iter().map(|owner| owner.uid.clone()).collect()
}

#[scenario]
async fn a_paused_node_loses_only_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    let before = ns.api::<StatefulSet>().get("n0").await.unwrap().spec.unwrap().template;

    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    let node = ns.node_until("n0", "is paused", |status| {
        condition(status, "Paused").is_some_and(|paused| paused.reason == "Paused")
            && condition(status, "Ready").is_some_and(|ready| ready.reason == "Paused")
    });
    let status = node.await.status.unwrap();
    assert_eq!(status.phase, Some(Phase::Running));
    let sidecar = condition(&status, "SidecarReady").unwrap();
    assert_eq!((sidecar.status.as_str(), sidecar.reason.as_str()), ("Unknown", "Paused"));
    assert_eq!(
        [condition_status(&status, "Stalled"), condition_status(&status, "Reconciling")],
        ["False", "False"]
    );
    assert_eq!(replicas(&ns).await, 0);
    // What has ended may still be listed for a moment.
    ns.gone::<Pod>("n0-0").await;
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_some());
    let sent = ns.sidecar("n0").requests().len();

    ns.patch("n0", json!({"spec": {"paused": false}})).await;
    // Its new pod has a new sidecar, whose gate is shut until mark-ready is sent once more.
    ns.running("n0").await;
    assert!(ns.sidecar("n0").requests().len() > sent);
    let after = ns.api::<StatefulSet>().get("n0").await.unwrap().spec.unwrap().template;
    assert_eq!(before, after, "scaling changes nothing but the replicas");
    let ready = ns.sidecar("n0").submissions().into_iter().filter(|it| it.task == TaskType::MarkReady);
    assert_eq!(ready.map(|it| it.id).collect::<std::collections::BTreeSet<_>>().len(), 2, "a fresh id");
}

#[scenario]
async fn a_node_paused_during_init_resumes_its_plan(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().hold(TaskType::ConfigApply);
    ns.full_node("n0", "").await;
    let at_work = |status: &seinode_api::SeiNodeStatus| {
        let task = status.plan.as_ref().and_then(|plan| plan.current_task.as_deref());
        task.is_some_and(|task| task.starts_with("config-apply"))
    };
    let plan = ns.node_until("n0", "applies its configuration", at_work).await.status.unwrap().plan.unwrap();
    ns.patch("n0", json!({"spec": {"paused": true}})).await;
    ns.node_until("n0", "is paused", |status| {
        condition(status, "Paused").is_some_and(|paused| paused.reason == "Paused")
    })
    .await;
    assert_eq!(replicas(&ns).await, 0);
    let waits = ns.api::<SeiNode>().get("n0").await.unwrap().status.unwrap().plan.unwrap();
    assert_eq!((waits.id.as_str(), waits.tasks), (plan.id.as_str(), plan.tasks), "the plan waits as it is");

    ns.sidecar("n0").behaviour().release(TaskType::ConfigApply);
    ns.patch("n0", json!({"spec": {"paused": null}})).await;
    let reasons = ns.running("n0").await;
    assert_eq!(reasons.status.unwrap().plan, None);
    let superseded = ns.event_reasons("n0").await.into_iter().filter(|reason| reason == "PlanSuperseded");
    assert_eq!(superseded.count(), 0, "pausing leads a plan nowhere else");
}

#[scenario]
async fn a_retained_volume_is_taken_over_by_another_node(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.full_node("n0", "  dataVolume: {retain: true}\n").await;
    let node = ns.running("n0").await;
    let retained = condition(node.status.as_ref().unwrap(), "VolumeRetained").unwrap().clone();
    assert_eq!((retained.status.as_str(), retained.reason.as_str()), ("True", "Retained"));
    assert_eq!(owners(&ns).await, [""; 0]);
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!(volume.annotations().get("sei.io/owner-uid"), node.uid().as_ref());

    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("n0").await;
    ns.gone::<Pod>("n0-0").await;
    let after = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!((after.uid(), after.metadata.deletion_timestamp), (volume.uid(), None));

    // Its successor does not take it by itself, and reports how to.
    ns.full_node("n0", "").await;
    let node = ns.node_until("n0", "refuses the volume", |status| {
        condition(status, "DataVolumeReady").is_some_and(|it| it.reason == "Foreign")
    });
    let status = node.await.status.unwrap();
    assert_eq!(status.phase, Some(Phase::Pending));
    let message = &condition(&status, "DataVolumeReady").unwrap().message;
    assert!(message.contains("set spec.dataVolume.import.pvcName: data-n0"), "{message}");
    ns.patch("n0", json!({"spec": {"dataVolume": {"import": {"pvcName": "data-n0"}}}})).await;
    let node = ns.running("n0").await;
    assert_eq!(condition_status(node.status.as_ref().unwrap(), "ImportPVCReady"), "True");
}

#[scenario]
async fn the_retention_policy_can_be_changed(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let node = ns.full_node("n0", "").await;
    ns.running("n0").await;
    let uid = node.uid().unwrap();
    assert_eq!(owners(&ns).await, std::slice::from_ref(&uid));
    for (retain, expected) in
        [(json!(true), vec![]), (json!(false), vec![uid.clone()]), (json!(true), vec![])]
    {
        ns.patch("n0", json!({"spec": {"dataVolume": {"retain": retain}}})).await;
        eventually("the volume is tied or let loose", async || {
            let now = owners(&ns).await;
            if now == expected { Ok(()) } else { Err(now) }
        })
        .await;
    }
    ns.create_yaml::<SeiNode>(&validator("signer", "")).await;
    eventually("a signer's volume is its own and stays", async || {
        let volume = ns.api::<PersistentVolumeClaim>().get_opt("data-signer").await.unwrap();
        let volume = volume.ok_or(None)?;
        if volume.owner_references().is_empty() { Ok(()) } else { Err(Some(volume.metadata)) }
    })
    .await;
}

#[scenario]
async fn a_volume_of_the_original_operator_is_labelled(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let node = ns.full_node("n0", "").await;
    let volume = json!({
        "metadata": {
            "name": "data-n0",
            "labels": {"sei.io/node": "n0"},
            "ownerReferences": [{"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "n0",
                                 "uid": node.uid(), "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3-10k-750",
                 "resources": {"requests": {"storage": "2000Gi"}}},
    });
    let volume = serde_json::from_value(volume).unwrap();
    let made = ns.api::<PersistentVolumeClaim>().create(&Default::default(), &volume).await.unwrap();
    let _operator = ns.operator();
    ns.running("n0").await;
    let after = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!((after.uid(), after.annotations().get("sei.io/owner-uid")), (made.uid(), node.uid().as_ref()));
    assert_eq!(owners(&ns).await, [node.uid().unwrap()]);
    // Taken away by hand, it comes back.
    let patch = json!({"metadata": {"annotations": {"sei.io/owner-uid": null}}});
    let volumes = ns.api::<PersistentVolumeClaim>();
    volumes.patch("data-n0", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    eventually("the annotation is back", async || {
        let volume = volumes.get("data-n0").await.unwrap();
        if volume.annotations().contains_key("sei.io/owner-uid") { Ok(()) } else { Err(volume.metadata) }
    })
    .await;
}

#[scenario]
async fn an_archive_keeps_its_volume_by_default(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let archive = full_node("n0", "").replace("fullNode: {}", "archive: {}");
    let node: SeiNode = ns.create_yaml(&archive).await;
    // It was tied by an earlier version.
    let tied = json!([{"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "n0", "uid": node.uid(),
                       "controller": true, "blockOwnerDeletion": true}]);
    let volume = json!({
        "metadata": {"name": "data-n0", "labels": {"sei.io/node": "n0"}, "ownerReferences": tied},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3-archive",
                 "resources": {"requests": {"storage": "40Ti"}}},
    });
    let volume = serde_json::from_value(volume).unwrap();
    ns.api::<PersistentVolumeClaim>().create(&Default::default(), &volume).await.unwrap();
    let _operator = ns.operator();
    ns.reports("n0", ("VolumeRetained", "True", "Retained"), &[]).await;
    assert_eq!(owners(&ns).await, [""; 0]);
    // The spec wins.
    ns.patch("n0", json!({"spec": {"dataVolume": {"retain": false}}})).await;
    ns.reports("n0", ("VolumeRetained", "False", "GoesWithTheNode"), &[]).await;
    assert_eq!(owners(&ns).await, [node.uid().unwrap()]);
    ns.patch("n0", json!({"spec": {"dataVolume": null}})).await;
    ns.reports("n0", ("VolumeRetained", "True", "Retained"), &[]).await;
    ns.delete::<SeiNode>("n0", PropagationPolicy::Foreground).await;
    ns.gone::<SeiNode>("n0").await;
    let after = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!(after.metadata.deletion_timestamp, None);
}

#[scenario]
async fn labels_of_gitops_tools_never_reach_a_volume(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    let labels =
        "  podLabels: {team: rpc, argocd.argoproj.io/instance: sei, kustomize.toolkit.fluxcd.io/name: sei}\n";
    ns.full_node("n0", labels).await;
    ns.running("n0").await;
    let volumes = ns.api::<PersistentVolumeClaim>();
    let on_volume = async || volumes.get("data-n0").await.unwrap().labels().clone();
    let expected =
        || [("sei.io/node", "n0"), ("team", "rpc")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(on_volume().await, expected());
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.labels().get("argocd.argoproj.io/instance").map(String::as_str), Some("sei"));
    drop(operator);

    // An earlier version let them through. What people labelled themselves is theirs.
    let earlier = json!({"metadata": {"labels": {
        "argocd.argoproj.io/instance": "sei", "app.kubernetes.io/instance": "backup", "mine": "yes"
    }}});
    volumes.patch("data-n0", &PatchParams::default(), &Patch::Merge(earlier)).await.unwrap();
    let _operator = ns.operator();
    let mut left: std::collections::BTreeMap<String, String> = expected();
    left.extend(
        [("app.kubernetes.io/instance", "backup"), ("mine", "yes")].map(|(k, v)| (k.into(), v.into())),
    );
    eventually("the label is taken off", async || {
        let now = on_volume().await;
        if now == left { Ok(()) } else { Err(now) }
    })
    .await;
}
