//! Both charts of this checkout, installed with helm as a user does.

use std::time::Duration;

use devcluster::Cluster;
use devcluster::chart::{ChartError, Helm};
use devcluster::wait::{TimedOut, until};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};
use seinode_api::SeiNode;
use serde_json::{Value, json};

use crate::cargo::checkout;

/// Namespace of the operator.
pub const NAMESPACE: &str = "sei-system";
/// Chart of the operator, its release, and the name of its objects.
pub const NAME: &str = "seinode-operator";
/// Chart of the resource definition, and its release.
pub const CRDS: &str = "seinode-crds";

/// Time limit for pods. A busy machine may need ten times the usual.
const LIMIT: Duration = Duration::from_secs(180);

/// Installs both charts, the operator's with these values. A definition that exists already is taken over.
///
/// # Errors
/// When helm does not run, or it or the API server rejects something.
pub async fn install(cluster: &Cluster, values: &Value) -> Result<(), ChartError> {
    let helm = Helm::of(cluster);
    let chart = |name: &str| checkout().join("charts").join(name);
    helm.install(CRDS, &chart(CRDS), NAMESPACE, &json!({}), &["--take-ownership"]).await?;
    helm.install(NAME, &chart(NAME), NAMESPACE, values, &[]).await
}

/// Waits until every replica of the operator is available.
///
/// # Errors
/// When some are not in time.
pub async fn until_available(client: &Client) -> Result<(), TimedOut> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    until("all replicas of the operator are available", LIMIT, async || {
        let found = deployments.get(NAME).await.map_err(|error| error.to_string())?;
        let wanted = found.spec.and_then(|spec| spec.replicas);
        let status = found.status.unwrap_or_default();
        if status.available_replicas == wanted { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await
}

/// Waits until the API server calls the operator's webhooks for SeiNodes of this namespace.
///
/// # Errors
/// When it does not in time.
pub async fn until_admission(client: &Client, namespace: &str) -> Result<(), TimedOut> {
    let api: Api<SeiNode> = Api::namespaced(client.clone(), namespace);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    until("the API server calls the operator's webhooks", LIMIT, async || {
        let node = serde_json::from_value(json!({
            "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": "dry-run"},
            "spec": {"chainId": "atlantic-2", "image": "seid", "fullNode": {}},
        }));
        let node: SeiNode = node.map_err(|error| error.to_string())?;
        let admitted = api.create(&dry_run, &node).await.map_err(|error| error.to_string())?;
        // The label that the mutating webhook adds.
        let labelled = admitted.labels().contains_key("sei.io/chain");
        if labelled { Ok(()) } else { Err("a SeiNode without the operator's labels".to_owned()) }
    })
    .await
}
