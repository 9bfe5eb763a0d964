//! The operator as a user installs it: both charts of this checkout, with helm.

use std::time::{Duration, Instant};

use anyhow::bail;
use devcluster::Cluster;
use devcluster::chart::{self, Helm, Replica};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use serde_json::json;
use sidecar_sim::Sidecars;
use xtask::cargo::checkout;
use xtask::platform;

/// The namespace that the operator lives in.
pub(crate) const HOME: &str = "sei-system";
/// The release, and all that is named after it.
pub(crate) const NAME: &str = "seinode-operator";
pub(crate) const CRDS: &str = "seinode-crds";

/// How long the pod of a Deployment may take to be there; it takes some ten milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const GLANCE: Duration = Duration::from_millis(25);

/// Installs both charts: what a user types, and the values that say what this control plane has.
///
/// # Errors
/// When helm or the API server refuses something.
pub(crate) async fn install(cluster: &Cluster) -> anyhow::Result<()> {
    let helm = Helm::of(cluster);
    let charts = checkout().join("charts");
    // One replica, and a log for people.
    let values = json!({"platform": platform::values(), "replicas": 1, "log": {"format": "text"}});
    let (crds, operator) = (charts.join(CRDS), charts.join(NAME));
    let (nothing, none) = (json!({}), &[][..]);
    // The definition is there already, as users of kubectl install it.
    tokio::try_join!(
        helm.install(CRDS, &crds, HOME, &nothing, &["--take-ownership"]),
        helm.install(NAME, &operator, HOME, &values, none),
    )?;
    Ok(())
}

/// How the Deployment starts the operator in its pod.
///
/// # Errors
/// When there is no such pod, or the Deployment wants something that is not played here.
pub(crate) async fn replica(cluster: &Cluster, sidecars: &Sidecars) -> anyhow::Result<Replica> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), HOME);
    let ours = ListParams::default().labels(&format!("app.kubernetes.io/instance={NAME}"));
    let begun = Instant::now();
    let pod = loop {
        if let Some(pod) = pods.list(&ours).await?.items.pop() {
            break pod.name_any();
        }
        if begun.elapsed() > PATIENCE {
            bail!("the Deployment {HOME}/{NAME} has no pod after {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    };
    Ok(Replica::of(cluster, HOME, NAME, &pod, &[("--sidecar-url-template", &sidecars.url_template())])
        .await?)
}

/// Has the API server ask the operator that listens here.
///
/// # Errors
/// When the chart's Service is not there.
pub(crate) async fn ask(cluster: &Cluster, port: u16) -> anyhow::Result<()> {
    Ok(chart::serve(cluster, HOME, &format!("{NAME}-webhook"), port).await?)
}
