//! State sync is configured once for a volume: what the operator does again leaves its settings there (W39).

use std::sync::Arc;

use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::{TaskType, Times};

use crate::kit::{Kit, Namespace, bootstrap::Bootstrap};

const PEERS: &str = "peers: [{static: {addresses: \
                     ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]";

async fn create(ns: &Namespace, snapshot: &str) {
    let yaml = format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: n0}}\nspec:\n  chainId: pacific-1\n  \
         image: registry.example.com/seid:v2\n  fullNode: {{snapshot: {snapshot}}}\n  {PEERS}\n"
    );
    ns.create_yaml::<SeiNode>(&yaml).await;
}

#[scenario]
async fn a_second_init_plan_keeps_the_state_sync_settings(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    ns.sidecar("n0").behaviour().fail_task(TaskType::ConfigValidate, Times::Next(1), "not today");
    create(&ns, "{stateSync: {}}").await;
    ns.running("n0").await;
    let tasks = ns.sidecar("n0").submissions();
    let given = tasks.iter().filter(|it| it.task == TaskType::ConfigApply);
    let given: Vec<_> = given.map(|it| it.params.as_ref().unwrap()["incremental"] == true).collect();
    assert_eq!(given, [false, true]);
    assert!(ns.sidecar("n0").has_state_sync());

    // A node that is in sync gets the whole configuration.
    ns.patch("n0", json!({"spec": {"overrides": {"evm.http_port": "8546"}}})).await;
    ns.rolled("n0", "v2").await;
    let last =
        ns.sidecar("n0").submissions().into_iter().rfind(|it| it.task == TaskType::ConfigApply).unwrap();
    assert_eq!(last.params.unwrap()["incremental"], false);
}

#[scenario]
async fn a_retried_bootstrap_keeps_the_state_sync_settings(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    create(&ns, "{s3: {targetHeight: 7}, bootstrapImage: 'registry.example.com/seid:v1'}").await;
    let first = ns.bootstrap_pod("n0").await;
    ns.sidecar("n0").until(crate::kit::wait::DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
    ns.end_bootstrap("n0", Bootstrap::Breaks).await;
    ns.gone::<k8s_openapi::api::core::v1::Pod>(first.metadata.name.as_deref().unwrap()).await;
    ns.bootstrap_pod("n0").await;
    ns.sidecar("n0").until(crate::kit::wait::DEADLINE, sidecar_sim::Node::is_ready).await.unwrap();
    assert!(ns.sidecar("n0").has_state_sync());
    ns.end_bootstrap("n0", Bootstrap::Halts).await;
    ns.running("n0").await;
}
