//! Edits by hand that the webhooks and the policies reject.

use std::time::Duration;

use anyhow::bail;
use devcluster::Cluster;
use devcluster::wait::until;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::demo::examples::{NAMESPACE, kubectl, typed};

/// Time limit for the API server to use what was installed; usual are some hundred milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// Edits that people make in a hurry, as typed behind `kubectl`.
const EDITS: [&[&str]; 3] = [
    &["scale", "statefulset/rpc-0", "--replicas=2"],
    &["patch", "statefulset/rpc-0", "-p", r#"{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}"#],
    &["patch", "snode/rpc-0", "--type=merge", "-p", r#"{"spec":{"overrides":{"evm.http_prot":"8545"}}}"#],
];

/// An edit that was rejected.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The command.
    pub(crate) command: String,
    /// Output of kubectl.
    pub(crate) message: String,
}

/// Makes every edit, and returns the rejections.
///
/// # Errors
/// When one is not rejected, or kubectl does not run.
pub(crate) async fn demonstrate(cluster: &Cluster) -> anyhow::Result<Vec<Refusal>> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client(), NAMESPACE);
    let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
    let two = Patch::Merge(json!({"spec": {"replicas": 2}}));
    // The API server enforces a policy a moment after its creation. An edit in that moment would be made.
    until("the policy for StatefulSets is in force", LIMIT, async || {
        match sets.patch_scale("rpc-0", &dry_run, &two).await {
            Err(kube::Error::Api(status)) if status.code == 422 => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("a second replica is admitted".to_owned()),
        }
    })
    .await?;
    futures::future::try_join_all(EDITS.map(|edit| attempt(cluster, edit))).await
}

async fn attempt(cluster: &Cluster, edit: &[&str]) -> anyhow::Result<Refusal> {
    let command = typed(edit);
    let output = kubectl(cluster, &[edit, &["-n", NAMESPACE]].concat()).await?;
    if output.status.success() {
        bail!("`{command}` was not rejected: {}", String::from_utf8_lossy(&output.stdout).trim());
    }
    Ok(Refusal { command, message: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
