//! Nodes of the original operator: adopted as they run, and updated on a change of their spec.

use std::{collections::BTreeSet, sync::Arc};

use devcluster::kubelet::Exit;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};
use sidecar_sim::TaskType;

use super::UP_TO_DATE;
use crate::kit::{
    Kit, Namespace, eventually,
    fixtures::validator,
    keys::{FIRST, NODE_KEY, SECOND},
    plans::PlanWatch,
    pods::PodWatch,
    wait::DEADLINE,
};

const ADOPTED: (&str, &str, &str) = ("TemplateOutdated", "True", "Adopted");
const V1: &str = "registry.example.com/seid:v1";
const V2: &str = "registry.example.com/seid:v2";
const ON_DELETE: &str = "{type: OnDelete}";

/// Every reason that a baseline has.
const REASONS: [&str; 10] = [
    "image",
    "sidecarImage",
    "entrypoint",
    "resources",
    "podLabels",
    "sidecarPort",
    "keys",
    "overrides",
    "peers",
    "snapshotGeneration",
];

/// Creates node `n0` of image [`V1`] as the original operator leaves it: its pod runs, its gate is open.
async fn original(ns: &Namespace, strategy: &str) -> Value {
    let left = children(&ns.full_node("n0", "").await, strategy);
    leave(ns, &left).await;
    opened(ns, &left).await;
    left
}

/// Creates validator `n0` as the original operator leaves it: its pod mounts the Secret of its signing key.
async fn original_signer(ns: &Namespace) {
    ns.keys("n0", &FIRST.file(), NODE_KEY).await;
    let mut left = children(&ns.create_yaml(&validator("n0", "")).await, ON_DELETE);
    let pod = &mut left["set"]["spec"]["template"]["spec"];
    let volumes = [("signing-key", "priv_validator_key.json"), ("node-key", "node_key.json")];
    for (volume, file) in volumes {
        let secret = json!({"secretName": format!("n0-{volume}"), "items": [{"key": file, "path": file}], "defaultMode": 256});
        pod["volumes"].as_array_mut().unwrap().push(json!({"name": volume, "secret": secret}));
        let mount = json!({"name": volume, "mountPath": format!("/sei/config/{file}"), "subPath": file, "readOnly": true});
        pod["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(mount);
    }
    leave(ns, &left).await;
    opened(ns, &left).await;
}

/// Children that the original operator makes of a node, and the status that it leaves.
fn children(node: &SeiNode, strategy: &str) -> Value {
    let yaml = include_str!("original.yaml");
    let words = [("NODE", "n0"), ("UID", &node.uid().unwrap()), ("IMAGE", V1), ("STRATEGY", strategy)];
    let yaml = words.iter().fold(yaml.to_owned(), |yaml, (word, value)| yaml.replace(word, value));
    serde_norway::from_str(&yaml).unwrap()
}

async fn leave(ns: &Namespace, left: &Value) {
    let finalizer = json!({"metadata": {"finalizers": ["sei.io/seinode-finalizer"]}});
    ns.patch("n0", finalizer).await;
    let volume = serde_json::from_value(left["volume"].clone()).unwrap();
    ns.api::<PersistentVolumeClaim>().create(&PostParams::default(), &volume).await.unwrap();
    ns.apply_as::<StatefulSet>("seinode-controller", "n0", left["set"].clone()).await;
    ns.apply_as::<Service>("seinode-controller", "n0", left["service"].clone()).await;
    ns.pod_runs("n0", V1).await;
    ns.sidecar("n0").until(DEADLINE, sidecar_sim::Node::is_up).await.unwrap();
}

/// Opens the gate, and writes the status of a node that runs.
async fn opened(ns: &Namespace, left: &Value) {
    submit(ns, json!({"type": "mark-ready"})).await;
    ns.sidecar("n0").until(DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
    write_status(ns, &left["status"]).await;
}

/// Gives the sidecar a task, as the original operator does.
async fn submit(ns: &Namespace, task: Value) {
    let tasks = format!("{}/v0/tasks", ns.world.sidecars.url(&ns.name, "n0"));
    reqwest::Client::new().post(tasks).json(&task).send().await.unwrap();
}

async fn write_status(ns: &Namespace, status: &Value) {
    let status = Patch::Merge(json!({ "status": status }));
    ns.api::<SeiNode>().patch_status("n0", &PatchParams::default(), &status).await.unwrap();
}

async fn generation(ns: &Namespace) -> Option<i64> {
    ns.api::<StatefulSet>().get("n0").await.unwrap().metadata.generation
}

#[scenario]
async fn an_adopted_node_is_untouched_until_its_spec_changes(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let (pods, plans) = (PodWatch::begin(&[&ns]).await, PlanWatch::begin(&ns).await);
    original(&ns, ON_DELETE).await;
    let (pod, applied) = (ns.pod_uid("n0").await, generation(&ns).await);

    let _operator = ns.operator();
    ns.reports("n0", ADOPTED, &["next rollout"]).await;
    ns.running("n0").await;
    let status = ns.status("n0").await;
    let baseline = status["baseline"].as_object().unwrap();
    let reasons: std::collections::BTreeSet<_> = baseline.keys().map(String::as_str).collect();
    assert_eq!(reasons, REASONS.into(), "the present spec is the baseline of later changes");
    assert_eq!(status["currentImage"], V1);
    assert_eq!((ns.pod_uid("n0").await, generation(&ns).await), (pod, applied), "it was touched");
    assert_eq!(plans.updates(&ns).await, [""; 0]);

    // Its pod runs another sidecar than ours would be: that is no change of its spec. This is.
    let sidecar = "registry.example.com/sidecar:of-now";
    ns.patch("n0", json!({"spec": {"sidecar": {"image": sidecar}}})).await;
    ns.reports("n0", UP_TO_DATE, &[]).await;
    ns.running("n0").await;
    let spec = serde_json::to_value(ns.pod("n0").await.spec).unwrap();
    assert_eq!(
        (&spec["initContainers"][1]["image"], &spec["containers"][0]["image"]),
        (&json!(sidecar), &json!(V1))
    );
    assert_eq!(spec["terminationGracePeriodSeconds"], 120, "the update brought the rest along");
    assert_eq!((plans.updates(&ns).await, pods.ever().len()), (vec!["n0".to_owned()], 2));
}

#[scenario]
async fn an_adopted_node_with_an_outdated_image_is_updated(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let (pods, plans) = (PodWatch::begin(&[&ns]).await, PlanWatch::begin(&ns).await);
    original(&ns, ON_DELETE).await;
    // A lost update: status records the requested image, not the running one.
    ns.patch("n0", json!({"spec": {"image": V2}})).await;
    write_status(&ns, &json!({"currentImage": V2})).await;

    let _operator = ns.operator();
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
    ns.reports("n0", UP_TO_DATE, &[]).await;
    assert_eq!(ns.status("n0").await["currentImage"], V2);
    assert_eq!((plans.updates(&ns).await, pods.ever().len()), (vec!["n0".to_owned()], 2));
    assert_eq!(pods.together(), []);
}

#[scenario]
async fn an_update_left_half_done_by_the_original_is_completed(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let pods = PodWatch::begin(&[&ns]).await;
    let left = original(&ns, ON_DELETE).await;
    ns.patch("n0", json!({"spec": {"image": V2}})).await;
    let mut set = left["set"].clone();
    for container in ["/spec/template/spec/containers/0/image", "/spec/template/spec/initContainers/0/image"]
    {
        *set.pointer_mut(container).unwrap() = json!(V2);
    }
    ns.apply_as::<StatefulSet>("seinode-controller", "n0", set).await;
    write_status(&ns, &json!({"plan": left["plan"]})).await;
    let before = ns.pod_uid("n0").await;

    let _operator = ns.operator();
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
    ns.reports("n0", UP_TO_DATE, &[]).await;
    assert_ne!(ns.pod_uid("n0").await, before);
    assert_eq!((ns.status("n0").await["plan"].clone(), pods.ever().len()), (Value::Null, 2));
}

#[scenario]
async fn a_foreign_plan_without_changes_is_dropped(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let plans = PlanWatch::begin(&ns).await;
    let left = original(&ns, ON_DELETE).await;
    write_status(&ns, &json!({"plan": left["plan"]})).await;
    let (pod, applied) = (ns.pod_uid("n0").await, generation(&ns).await);
    let _operator = ns.operator();
    ns.reports("n0", ADOPTED, &[]).await;
    ns.running("n0").await;
    assert_eq!(ns.status("n0").await["plan"], Value::Null);
    assert_eq!((ns.pod_uid("n0").await, generation(&ns).await), (pod, applied));
    assert_eq!(plans.updates(&ns).await, [""; 0]);
}

#[scenario]
async fn an_adopted_rolling_update_strategy_becomes_on_delete(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let pods = PodWatch::begin(&[&ns]).await;
    original(&ns, "{type: RollingUpdate, rollingUpdate: {partition: 0}}").await;
    let before = ns.pod_uid("n0").await;
    let _operator = ns.operator();
    ns.reports("n0", ADOPTED, &[]).await;
    assert_eq!(ns.pod_uid("n0").await, before);

    ns.patch("n0", json!({"spec": {"image": V2}})).await;
    ns.pod_runs("n0", V2).await;
    ns.running("n0").await;
    ns.reports("n0", UP_TO_DATE, &[]).await;
    let set = serde_json::to_value(ns.api::<StatefulSet>().get("n0").await.unwrap()).unwrap();
    assert_eq!(set["spec"]["updateStrategy"], json!({"type": "OnDelete"}));
    assert_eq!(pods.ever().len(), 2, "its pod was replaced once");
}

#[scenario]
async fn an_adopted_node_stopped_by_hand_stays_stopped(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    original(&ns, ON_DELETE).await;
    ns.kubectl(&["scale", "statefulset/n0", "--replicas=0"]);
    ns.gone::<Pod>("n0-0").await;
    let _operator = ns.operator();
    ns.reports("n0", ("Paused", "True", "ScaledByHand"), &["sei.io/retry"]).await;
    ns.patch("n0", json!({"spec": {"dataVolume": {"retain": true}}})).await;
    ns.reports("n0", ("VolumeRetained", "True", "Retained"), &[]).await;
    let set = ns.api::<StatefulSet>().get("n0").await.unwrap();
    assert_eq!(set.spec.unwrap().replicas, Some(0));
    ns.retry("n0", "go on").await;
    ns.running("n0").await;
    ns.pod_runs("n0", V1).await;
}

#[scenario]
async fn an_adopted_signer_that_restarts_on_a_new_key_is_unknown(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    original_signer(&ns).await;
    let _operator = ns.operator();
    let keys = async |held: usize| {
        eventually("the keys that it holds", async || {
            let claims = ns.api::<SeiNode>().get("n0").await.unwrap().status.unwrap().claims;
            let ids: BTreeSet<_> =
                claims.iter().filter(|claim| claim.state == "Held").map(|it| it.id.clone()).collect();
            if ids.len() == held { Ok(()) } else { Err(claims) }
        })
        .await;
    };
    keys(1).await;
    ns.reports("n0", ("SigningKeyReady", "True", "SigningKeyValidated"), &[]).await;
    let (pod, sidecar) = (ns.pod_uid("n0").await, ns.sidecar("n0"));
    let opened = || sidecar.submissions().into_iter().filter(|it| it.task == TaskType::MarkReady).count();
    let before = opened();

    let file = json!({"stringData": {"priv_validator_key.json": SECOND.file()}});
    let secrets = ns.api::<Secret>();
    secrets.patch("n0-signing-key", &PatchParams::default(), &Patch::Merge(file)).await.unwrap();
    let kubelet = ns.world.cluster.kubelet().unwrap();
    kubelet.pod(&ns.name, "n0-0").exit("seid", Exit::new(1, "out of memory"));
    ns.reports("n0", ("SigningKeyReady", "False", "SigningKeyUnknown"), &["holds both", "pause the node"])
        .await;
    keys(2).await;
    // Its gate is lost as well, and stays shut: nobody knows what would sign behind it.
    sidecar.restart_process();
    ns.reports("n0", ("SidecarReady", "False", "NotReady"), &[]).await;
    ns.retry("n0", "somebody tries").await;
    assert_eq!((opened(), ns.pod_uid("n0").await), (before, pod));
}

/// The earlier operator was restoring a snapshot, which takes hours: that goes on in its pod.
#[scenario]
async fn a_node_that_was_being_brought_up_goes_on_in_its_pod(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let sidecar = ns.sidecar("n0");
    sidecar.behaviour().hold(TaskType::SnapshotRestore);
    let node = ns.full_node("n0", "").await;
    let peers = ["3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656"];
    let restored = json!({"snapshot": {"s3": {"targetHeight": 7}}});
    let sources = json!([{"static": {"addresses": peers}}]);
    ns.patch("n0", json!({"spec": {"fullNode": restored, "peers": sources}})).await;
    leave(&ns, &children(&node, ON_DELETE)).await;
    let restore = json!({"type": "snapshot-restore", "params": {"targetHeight": 7}});
    submit(&ns, restore).await;
    let plan = json!({"id": "theirs", "phase": "Active", "tasks": [{"type": "snapshot-restore", "id": "x"}]});
    write_status(&ns, &json!({"phase": "Initializing", "plan": plan})).await;
    let before = ns.pod_uid("n0").await;

    let _operator = ns.operator();
    ns.reports("n0", ("Ready", "False", "Initializing"), &["at work on snapshot-restore"]).await;
    sidecar.behaviour().release(TaskType::SnapshotRestore);
    ns.running("n0").await;
    assert_eq!(ns.pod_uid("n0").await, before, "its pod was replaced");
}
