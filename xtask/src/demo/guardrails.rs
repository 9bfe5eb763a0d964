//! The guardrails: what edits by hand get.

use std::time::{Duration, Instant};

use anyhow::bail;
use devcluster::Cluster;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use seinode_api::SeiNode;
use serde_json::json;

use crate::demo::examples::{NAMESPACE, typed};
use crate::demo::release::HOME;

/// How long an API server may take to learn of what was installed; it takes some hundred milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked.
const GLANCE: Duration = Duration::from_millis(25);

/// What people do in a hurry, as they type it behind `kubectl`.
const EDITS: [&[&str]; 3] = [
    &["scale", "statefulset/rpc-0", "--replicas=2"],
    &["patch", "statefulset/rpc-0", "-p", r#"{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}"#],
    &["patch", "snode/rpc-0", "--type=merge", "-p", r#"{"spec":{"overrides":{"evm.http_prot":"8545"}}}"#],
];

/// An edit that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// What was typed.
    pub(crate) command: String,
    /// What kubectl shows.
    pub(crate) said: String,
}

/// Waits until the API server asks the operator about SeiNodes.
///
/// # Errors
/// When it does not in the end.
pub(crate) async fn asked(client: &Client) -> anyhow::Result<()> {
    let bad: SeiNode = serde_json::from_value(json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "asked"},
        "spec": {"chainId": "c", "image": "i", "fullNode": {}, "overrides": {"unknown": ""}},
    }))?;
    let api: Api<SeiNode> = Api::namespaced(client.clone(), HOME);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    refused("a SeiNode", async || api.create(&dry, &bad).await.map(drop)).await
}

/// Makes every edit, and returns what kubectl said.
///
/// # Errors
/// When one is not refused, or kubectl does not run.
pub(crate) async fn play(cluster: &Cluster) -> anyhow::Result<Vec<Refusal>> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client(), NAMESPACE);
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let two = Patch::Merge(json!({"spec": {"replicas": 2}}));
    // Policies are taken up a moment after they are created. An edit in that moment would be made.
    refused("a StatefulSet", async || sets.patch_scale("rpc-0", &dry, &two).await.map(drop)).await?;
    futures::future::try_join_all(EDITS.map(|edit| by_hand(cluster, edit))).await
}

async fn by_hand(cluster: &Cluster, edit: &[&str]) -> anyhow::Result<Refusal> {
    let command = typed(edit);
    let mut kubectl = tokio::process::Command::from(cluster.kubectl());
    let answer = kubectl.args(edit).args(["-n", NAMESPACE]).kill_on_drop(true).output().await?;
    if answer.status.success() {
        bail!("`{command}` was not refused: {}", String::from_utf8_lossy(&answer.stdout).trim());
    }
    Ok(Refusal { command, said: String::from_utf8_lossy(&answer.stderr).trim().to_owned() })
}

/// Waits until a dry run is refused as invalid.
async fn refused(what: &str, attempt: impl AsyncFn() -> Result<(), kube::Error>) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let last = match attempt().await {
            Err(kube::Error::Api(status)) if status.code == 422 => return Ok(()),
            Err(error) => error.to_string(),
            Ok(()) => "it is let in".to_owned(),
        };
        if begun.elapsed() > PATIENCE {
            bail!("{what} that should be refused is not after {} s: {last}", PATIENCE.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}
