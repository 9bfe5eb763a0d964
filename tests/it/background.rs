//! Tasks that the sidecar carries on with while the node runs: handed over once, and again when they were lost.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};
use sidecar_sim::{Interruption, RESTART_SIDECAR, Submission, TaskType, Times};

use crate::kit::{Kit, Namespace, eventually, namespace::condition, wait::DEADLINE};

const UPLOADER: &str = "archive: {snapshotGeneration: {tendermint: {keepRecent: 2, publish: {}}}}";

async fn create(ns: &Namespace, spec: &str) {
    let yaml = format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: n0}}\nspec:\n  chainId: pacific-1\n  \
         image: registry.example.com/seid:v1\n  {spec}\n"
    );
    ns.create_yaml::<SeiNode>(&yaml).await;
}

fn sent(ns: &Namespace, task: TaskType) -> Vec<Submission> {
    ns.sidecar("n0").submissions().into_iter().filter(|it| it.task == task).collect()
}

async fn restart_sidecar(ns: &Namespace) {
    let patch = json!({"metadata": {"annotations": {RESTART_SIDECAR: "1"}}});
    ns.api::<Pod>().patch("n0-0", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn handed_over_twice(ns: &Namespace, task: TaskType) {
    eventually("it is handed over again", async || {
        let ids: BTreeSet<_> = sent(ns, task).into_iter().map(|it| it.id).collect();
        if ids.len() == 2 { Ok(()) } else { Err(ids) }
    })
    .await;
    ns.running("n0").await;
}

#[scenario]
async fn an_upload_interrupted_by_a_restart_is_submitted_again(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().interruption(Interruption::SavedAsFailed);
    create(&ns, UPLOADER).await;
    ns.running("n0").await;
    let order: Vec<_> = ns.sidecar("n0").submissions().iter().map(|it| it.task.to_string()).collect();
    let expected = ["configure-genesis", "config-apply", "config-validate", "snapshot-upload", "mark-ready"];
    assert_eq!(order, expected);
    let first = sent(&ns, TaskType::SnapshotUpload);
    assert_eq!(first[0].params, None);
    restart_sidecar(&ns).await;
    handed_over_twice(&ns, TaskType::SnapshotUpload).await;
}

#[scenario]
async fn an_upload_that_survives_a_restart_is_not_submitted_again(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().interruption(Interruption::StaysRunning);
    create(&ns, UPLOADER).await;
    ns.running("n0").await;
    restart_sidecar(&ns).await;
    eventually("the gate is opened again", async || {
        let ready = sent(&ns, TaskType::MarkReady);
        if ready.len() == 2 { Ok(()) } else { Err(ready) }
    })
    .await;
    ns.running("n0").await;
    assert_eq!(sent(&ns, TaskType::SnapshotUpload).len(), 1);
}

#[scenario]
async fn a_lost_result_export_is_submitted_again(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let spec = "replayer: {snapshot: {s3: {targetHeight: 7}}, \
                resultExport: {shadowResult: {canonicalRpc: 'http://rpc.example.com:26657'}}}\n  \
                peers: [{static: {addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]";
    create(&ns, spec).await;
    ns.running("n0").await;
    let last_two: Vec<_> = ns.sidecar("n0").submissions().iter().rev().take(2).map(|it| it.task).collect();
    assert_eq!(last_two, [TaskType::ResultExport, TaskType::MarkReady]);
    let params = sent(&ns, TaskType::ResultExport)[0].params.clone().map(Value::Object);
    let setting = |name| xtask::platform::PLATFORM.iter().find(|(key, _)| *key == name).unwrap().1;
    assert_eq!(
        params,
        Some(json!({
            "bucket": setting("SEI_RESULT_EXPORT_BUCKET"),
            "region": setting("SEI_RESULT_EXPORT_REGION"),
            "prefix": setting("SEI_RESULT_EXPORT_PREFIX"),
            "canonicalRpc": "http://rpc.example.com:26657",
        }))
    );
    ns.sidecar("n0").lose_store();
    restart_sidecar(&ns).await;
    handed_over_twice(&ns, TaskType::ResultExport).await;
}

#[scenario]
async fn a_refused_export_is_reported_and_the_node_runs(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().refuse_submit(
        TaskType::SnapshotUpload,
        Times::Always,
        "unknown task type: snapshot-upload",
    );
    create(&ns, UPLOADER).await;
    ns.node_until("n0", "runs, and reports the refusal", |status| {
        status.phase == Some(seinode_api::status::Phase::Running)
            && condition(status, "Ready")
                .is_some_and(|ready| ready.message.contains("unknown task type: snapshot-upload"))
    })
    .await;
    ns.sidecar("n0").until(DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
}
