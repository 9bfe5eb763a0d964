//! Baseline: one rollout by a script, without status, events, or any care for what may go wrong.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::Sidecars;
use uuid::Uuid;

/// Time that `seid` has to be up, as the operator's default has it.
const SETTLE: Duration = Duration::from_secs(30);
/// Poll interval of a sidecar.
const GLANCE: Duration = Duration::from_millis(5);

/// Brings another image into each of these nodes, all at once, and returns when they serve.
pub async fn roll_all(client: &Client, sidecars: &Sidecars, nodes: &[SeiNode], image: &str) {
    let web = reqwest::Client::builder().no_proxy().build().unwrap();
    // Polling a hundred sidecars every 5 ms would slow down the control plane for both sides.
    let glance = GLANCE * u32::try_from(nodes.len()).unwrap().min(20);
    join_all(nodes.iter().map(|node| roll(client, &web, glance, sidecars, node, image))).await;
}

async fn roll(
    client: &Client,
    web: &reqwest::Client,
    glance: Duration,
    sidecars: &Sidecars,
    node: &SeiNode,
    image: &str,
) {
    let (namespace, name) = (node.namespace().unwrap(), node.name_any());
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let pod = format!("{name}-0");
    let change = json!({"spec": {"template": {"spec": {
        "initContainers": [{"name": "seid-init", "image": image}],
        "containers": [{"name": "seid", "image": image}],
    }}}});
    let patched = sets.patch(&name, &PatchParams::default(), &Patch::Strategic(change)).await.unwrap();
    let generation = patched.metadata.generation;
    let has_seen = |set: Option<&StatefulSet>| {
        set.and_then(|set| set.status.as_ref()?.observed_generation) >= generation
    };
    await_condition(sets, &name, has_seen).await.unwrap();

    let old = pods.get(&pod).await.unwrap().uid();
    pods.delete(&pod, &DeleteParams::default()).await.unwrap();
    let is_new = |pod: Option<&Pod>| {
        pod.is_some_and(|pod| pod.uid() != old && pod.status.as_ref().is_some_and(|it| it.pod_ip.is_some()))
    };
    await_condition(pods.clone(), &pod, is_new).await.unwrap();

    let base = sidecars.url(&namespace, &name);
    let body = json!({ "id": Uuid::new_v4().to_string(), "type": "mark-ready" });
    let accepted = async || {
        let answer = web.post(format!("{base}/v0/tasks")).json(&body).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    while !accepted().await {
        tokio::time::sleep(glance).await;
    }
    let open = async || {
        let answer = web.get(format!("{base}/v0/healthz")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    while !open().await {
        tokio::time::sleep(glance).await;
    }
    serves(pods, &pod).await;
}

/// Waits for what ends a rollout of the operator: the pod is Ready, or `seid` has been up for [`SETTLE`] without a restart.
async fn serves(pods: Api<Pod>, pod: &str) {
    let restarts = async || {
        let status = pods.get(pod).await.unwrap().status.unwrap_or_default();
        let seid = status.container_statuses.into_iter().flatten().find(|it| it.name == "seid");
        seid.filter(|it| it.state.as_ref().is_some_and(|state| state.running.is_some()))
            .map(|it| it.restart_count)
    };
    let before = restarts().await;
    let is_ready = |pod: Option<&Pod>| {
        let conditions = pod.and_then(|pod| pod.status.as_ref()?.conditions.as_ref());
        conditions.into_iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True")
    };
    let ready = await_condition(pods.clone(), pod, is_ready);
    if tokio::time::timeout(SETTLE, ready).await.is_err() {
        assert!(before.is_some() && restarts().await == before, "seid in {pod} does not stay up");
    }
}
