//! The guardrails: who the operator is for them, their objects from the chart, and what edits by hand get.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use devcluster::chart::Guardrails;
use devcluster::{Cluster, platform};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    authentication::v1::TokenRequest,
    core::v1::{Namespace, ServiceAccount},
    rbac::v1::ClusterRoleBinding,
};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use seinode_api::SeiNode;
use serde_json::json;

use crate::compile::checkout;
use crate::examples::NAMESPACE;

/// Where the operator would live in a real cluster, and as whom.
pub(crate) const HOME: &str = "sei-system";
const ACCOUNT: &str = "seinode-operator";

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

/// Makes the account that the operator runs as, and returns its kubeconfig: the guardrails let the operator's own writes
/// through, and know it by name.
///
/// # Errors
/// When the API server refuses something.
pub(crate) async fn account(cluster: &Cluster) -> anyhow::Result<PathBuf> {
    let client = cluster.client();
    let new = PostParams::default();
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": HOME}}))?;
    Api::all(client.clone()).create(&new, &namespace).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), HOME);
    accounts.create(&new, &serde_json::from_value(json!({"metadata": {"name": ACCOUNT}}))?).await?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": HOME}],
    }))?;
    Api::all(client).create(&new, &binding).await?;
    let token = accounts.create_token_request(ACCOUNT, &new, &TokenRequest::default()).await?;
    let token = token.status.context("the API server gave no token")?.token;
    Ok(cluster.kubeconfig_for_token(&token)?)
}

/// Renders the guardrails of this checkout's chart.
///
/// # Errors
/// When helm refuses.
pub(crate) async fn render(cluster: &Cluster) -> anyhow::Result<Guardrails> {
    let chart = checkout().join("charts/seinode-operator");
    let values = json!({"platform": platform::values()});
    Ok(Guardrails::render(cluster.tools(), &chart, HOME, &values).await?)
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
    let quoted = |word: &&str| if word.contains('{') { format!("'{word}'") } else { (*word).to_owned() };
    let words: Vec<_> = edit.iter().map(quoted).collect();
    let command = format!("kubectl {} -n {NAMESPACE}", words.join(" "));
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
