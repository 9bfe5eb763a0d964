//! Nodes that begin with a bootstrap Job: it restores a snapshot and runs `seid` up to a height on the node's volume,
//! and only when nothing of it is left does the node itself start.

mod edits;
mod sigkill;

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::Job,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{ResourceExt, api::PropagationPolicy};
use scenario::scenario;
use seinode_api::{SeiNode, SeiNodeStatus, status::Phase};
use serde_json::{Value, json};
use sidecar_sim::{Submission, TaskType, Times};

use crate::kit::{Kit, Namespace, bootstrap::Bootstrap, eventually, namespace::condition, wait::DEADLINE};

const HEIGHT: i64 = 198_740_000;
const PEER: &str = "3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656";

/// Tasks of the bootstrap pod's sidecar.
const BY_THE_JOB: [&str; 6] = [
    "snapshot-restore",
    "configure-genesis",
    "config-apply",
    "configure-state-sync",
    "config-validate",
    "mark-ready",
];
/// Tasks of the sidecar in the node's own pod.
const BY_THE_NODE: [&str; 4] = ["configure-genesis", "config-apply", "config-validate", "mark-ready"];

/// Creates a full node that begins with a bootstrap; `rest` are further lines of its spec.
async fn create(ns: &Namespace, rest: &str) -> SeiNode {
    let yaml = format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: n0}}\nspec:\n  chainId: pacific-1\n  \
         image: registry.example.com/seid:v2\n  fullNode: {{snapshot: {{s3: {{targetHeight: {HEIGHT}}}, \
         bootstrapImage: 'registry.example.com/seid:v1'}}}}\n  peers: [{{static: {{addresses: ['{PEER}']}}}}]\n{rest}"
    );
    ns.create_yaml(&yaml).await
}

/// Waits until the sidecar holds a submitted task.
async fn at(ns: &Namespace, task: TaskType) {
    let submitted = |sidecar: &sidecar_sim::Node| sidecar.submissions().iter().any(|it| it.task == task);
    ns.sidecar("n0").until(DEADLINE, submitted).await.unwrap();
}

fn runs(ns: &Namespace) -> Vec<String> {
    ns.sidecar("n0").executions().iter().map(|run| run.task.to_string()).collect()
}

/// Makes sure that nothing of the bootstrap is left, and that it had the volume for itself at all times.
async fn clean(ns: &Namespace) {
    assert_eq!(ns.sidecar("n0").overlaps(), [], "two pods on one volume");
    assert!(ns.api::<Job>().get_opt("n0-bootstrap").await.unwrap().is_none(), "the Job is left");
    let service = ns.api::<Service>().get("n0").await.unwrap();
    assert_eq!(service.labels().get("sei.io/component"), None, "the node's Service is the bootstrap's");
    let pods: Vec<_> = ns.api::<Pod>().list(&Default::default()).await.unwrap().items;
    assert_eq!(pods.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["n0-0"]);
}

async fn failed(ns: &Namespace, words: &str) -> SeiNode {
    ns.node_until("n0", &format!("has failed: {words}"), |status| {
        status.phase == Some(Phase::Failed)
            && condition(status, "Ready")
                .is_some_and(|it| it.reason == "PlanFailed" && it.message.contains(words))
    })
    .await
}

async fn retry(ns: &Namespace, why: &str) {
    ns.patch("n0", json!({"metadata": {"annotations": {"sei.io/retry": why}}})).await;
}

fn pvc_of(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.clone()).unwrap_or_default();
    volumes.into_iter().filter_map(|it| it.persistent_volume_claim).map(|it| it.claim_name).collect()
}

fn bootstrapped_volume(status: &SeiNodeStatus) -> Option<String> {
    let done = status.bootstrap.as_ref()?;
    assert_eq!(done.target_height, Some(HEIGHT));
    assert!(done.completed_at.is_some());
    Some(done.volume_uid.clone())
}

#[scenario]
async fn a_node_is_bootstrapped_by_a_job_and_then_runs_on_its_volume(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "").await;
    let pod = ns.bootstrap_pod("n0").await;
    let spec = pod.spec.clone().unwrap();
    assert_eq!((spec.hostname.as_deref(), spec.subdomain.as_deref()), (Some("n0-0"), Some("n0")));
    assert_eq!(pvc_of(&pod), ["data-n0"]);
    let seid = spec.containers.iter().find(|container| container.name == "seid").unwrap();
    assert_eq!(seid.image.as_deref(), Some("registry.example.com/seid:v1"));
    let script = seid.args.iter().flatten().cloned().collect::<String>();
    assert!(script.contains("--halt-height") && script.contains(&HEIGHT.to_string()), "{script}");
    ns.node_until("n0", "seid runs up to the height", |status| {
        condition(status, "Ready")
            .is_some_and(|it| it.message.contains(&format!("seid runs up to height {HEIGHT}")))
    })
    .await;
    let service = ns.api::<Service>().get("n0").await.unwrap();
    assert_eq!(service.labels().get("sei.io/component").map(String::as_str), Some("bootstrap"));
    assert!(ns.api::<StatefulSet>().get_opt("n0").await.unwrap().is_none(), "the Job has the volume");
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    let node = ns.running("n0").await;

    clean(&ns).await;
    assert_ne!(ns.api::<Service>().get("n0").await.unwrap().uid(), service.uid());
    let status = node.status.unwrap();
    assert_eq!(status.current_image.as_deref(), Some("registry.example.com/seid:v2"));
    let volume = ns.api::<PersistentVolumeClaim>().get("data-n0").await.unwrap();
    assert_eq!(bootstrapped_volume(&status), volume.uid());
    let sent = ns.sidecar("n0").submissions();
    let (bootstrap, own): (Vec<_>, Vec<_>) =
        sent.into_iter().partition(|it| Some(&it.pod_uid) == pod.uid().as_ref());
    assert_eq!(wire(&bootstrap), expected(&BY_THE_JOB));
    assert_eq!(wire(&own), expected(&BY_THE_NODE));
}

fn wire(sent: &[Submission]) -> Vec<(String, Value)> {
    sent.iter()
        .map(|it| (it.task.to_string(), it.params.clone().map_or(Value::Null, Value::Object)))
        .collect()
}

fn expected(tasks: &[&str]) -> Vec<(String, Value)> {
    let params = |task: &str| match task {
        "snapshot-restore" => json!({"targetHeight": HEIGHT}),
        "config-apply" => json!({"mode": "full", "incremental": false, "targetVersion": 0,
                                 "overrides": {"logging.level": "info", "network.p2p.persistent_peers": PEER}}),
        "configure-state-sync" => json!({"useLocalSnapshot": true}),
        _ => Value::Null,
    };
    tasks.iter().map(|task| ((*task).to_owned(), params(task))).collect()
}

#[scenario]
async fn a_failed_job_is_reported_and_replaced_by_the_next_attempt(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().hold(TaskType::SnapshotRestore);
    create(&ns, "").await;
    at(&ns, TaskType::SnapshotRestore).await;
    let first = ns.api::<Job>().get("n0-bootstrap").await.unwrap().uid();
    ns.end_bootstrap("n0", Bootstrap::Breaks).await;
    let node = failed(&ns, "task snapshot-restore failed: the bootstrap Job failed: ").await;
    let message = &condition(node.status.as_ref().unwrap(), "Ready").unwrap().message;
    assert!(message.contains("backoff limit") && message.contains("next attempt at"), "{message}");
    eventually("an event reports it too", async || {
        let notes = ns.event_notes("n0").await;
        if notes.iter().any(|note| note.contains("backoff limit")) { Ok(()) } else { Err(notes) }
    })
    .await;

    ns.sidecar("n0").behaviour().release(TaskType::SnapshotRestore);
    retry(&ns, "1").await;
    eventually("another Job is there", async || {
        let job = ns.api::<Job>().get_opt("n0-bootstrap").await.unwrap();
        job.filter(|job| job.uid() != first).ok_or(())
    })
    .await;
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
    clean(&ns).await;
}

#[scenario]
async fn a_failed_task_is_retried_on_the_same_job(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let operator = ns.operator();
    ns.sidecar("n0").behaviour().fail_task(TaskType::ConfigureStateSync, Times::Next(1), "no light client");
    create(&ns, "").await;
    failed(&ns, "task configure-state-sync failed: no light client").await;
    let job = ns.api::<Job>().get("n0-bootstrap").await.unwrap().uid();
    operator.kill();
    let _operator = ns.operator();
    retry(&ns, "1").await;
    ns.sidecar("n0").until(DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
    assert_eq!(ns.api::<Job>().get("n0-bootstrap").await.unwrap().uid(), job);
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
    clean(&ns).await;
}

#[scenario]
async fn a_job_that_fails_after_its_tasks_fails_the_plan(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "").await;
    at(&ns, TaskType::MarkReady).await;
    ns.end_bootstrap("n0", Bootstrap::Breaks).await;
    let node = failed(&ns, "the bootstrap Job failed: ").await;
    assert_eq!(node.status.unwrap().bootstrap, None);
    retry(&ns, "1").await;
    // The Job that failed must have gone before there is a pod that runs.
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
    clean(&ns).await;
}

#[scenario]
async fn a_deleted_job_fails_the_plan(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().hold(TaskType::ConfigApply);
    create(&ns, "").await;
    at(&ns, TaskType::ConfigApply).await;
    let pod = ns.bootstrap_pod("n0").await.name_any();
    ns.delete::<Job>("n0-bootstrap", PropagationPolicy::Background).await;
    failed(&ns, "task config-apply failed: the bootstrap Job is ").await;
    ns.sidecar("n0").behaviour().release(TaskType::ConfigApply);
    retry(&ns, "1").await;
    // Garbage collection takes the pod after the Job.
    ns.gone::<Pod>(&pod).await;
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
    clean(&ns).await;
}

#[scenario]
async fn a_bootstrap_on_an_imported_volume_runs_once(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let volume = ns.bound_pvc("savings", "2000Gi").await;
    create(&ns, "  dataVolume: {import: {pvcName: savings}}\n").await;
    assert_eq!(pvc_of(&ns.bootstrap_pod("n0").await), ["savings"]);
    at(&ns, TaskType::MarkReady).await;
    ns.sidecar("n0").behaviour().fail_task(TaskType::ConfigApply, Times::Next(1), "the disk is full");
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    let node = failed(&ns, "the disk is full").await;
    assert_eq!(bootstrapped_volume(node.status.as_ref().unwrap()), volume.uid());
    retry(&ns, "1").await;
    ns.running("n0").await;
    clean(&ns).await;
    assert_eq!(pvc_of(&ns.api::<Pod>().get("n0-0").await.unwrap()), ["savings"]);
    assert!(ns.api::<PersistentVolumeClaim>().get_opt("data-n0").await.unwrap().is_none());
    let restored = runs(&ns).into_iter().filter(|task| task == "snapshot-restore").count();
    assert_eq!(restored, 1, "the bootstrap was done already");
}

#[scenario]
async fn a_later_failure_does_not_repeat_the_bootstrap(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "").await;
    at(&ns, TaskType::MarkReady).await;
    ns.sidecar("n0").behaviour().fail_task(TaskType::ConfigValidate, Times::Next(1), "no such key");
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    failed(&ns, "no such key").await;
    retry(&ns, "1").await;
    ns.running("n0").await;
    clean(&ns).await;
    let restored = runs(&ns).into_iter().filter(|task| task == "snapshot-restore").count();
    assert_eq!(restored, 1, "the bootstrap was done already");
}
