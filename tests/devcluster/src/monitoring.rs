//! The definitions of the Prometheus operator, as it publishes them itself: out of its pinned Go module, which lies in Go's own
//! cache. Nothing of them is kept here.

use std::path::PathBuf;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Deserialize;
use tokio::process::Command;

const MODULE: &str = "github.com/prometheus-operator/prometheus-operator";
const GO_MOD: &str = include_str!("../tools/prometheus-operator/go.mod");
const GO_SUM: &str = include_str!("../tools/prometheus-operator/go.sum");
/// Where a module has them.
const DIRECTORY: &str = "example/prometheus-operator-crd";
/// Those that a chart of ours uses.
const KINDS: [&str; 2] = ["prometheusrules", "servicemonitors"];

/// Why the definitions cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MonitoringError {
    /// There is no Go, or no place for the module that pins the version.
    #[error("the definitions of the Prometheus operator come with its Go module, and `go` does not run: {0}")]
    Go(#[from] std::io::Error),
    /// Go does not get the module.
    #[error("the Go module of the Prometheus operator cannot be had: {0}")]
    Module(String),
    /// What Go says of the module cannot be read.
    #[error("`go mod download -json` says something unexpected: {0}")]
    Answer(#[from] serde_json::Error),
    /// A definition is not where the module has it, or is no definition.
    #[error("{path} cannot be used: {why}", path = path.display())]
    Definition {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// The definitions of `ServiceMonitor` and `PrometheusRule`. The first time Go downloads them.
///
/// # Errors
/// When there is no Go, no network, or not the file that is expected.
pub async fn definitions() -> Result<Vec<CustomResourceDefinition>, MonitoringError> {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("go.mod"), GO_MOD)?;
    std::fs::write(place.path().join("go.sum"), GO_SUM)?;
    let output = Command::new("go")
        .args(["mod", "download", "-json", MODULE])
        .current_dir(place.path())
        .envs([("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
        .output()
        .await?;
    if !output.status.success() {
        return Err(MonitoringError::Module(
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned(),
        ));
    }
    let Downloaded { dir } = serde_json::from_slice(&output.stdout)?;
    KINDS
        .iter()
        .map(|kind| read(dir.join(DIRECTORY).join(format!("monitoring.coreos.com_{kind}.yaml"))))
        .collect()
}

/// What Go says of a module that it has.
#[derive(Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir")]
    dir: PathBuf,
}

fn read(path: PathBuf) -> Result<CustomResourceDefinition, MonitoringError> {
    let failed = |path: PathBuf, why: String| MonitoringError::Definition { path, why };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Err(failed(path, error.to_string())),
    };
    serde_norway::from_str(&text).map_err(|error| failed(path, error.to_string()))
}
