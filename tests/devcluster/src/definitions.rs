//! The definitions of others' kinds that the charts use, as their projects publish them: out of a pinned Go module, which lies
//! in Go's own cache. Nothing of them is kept here.

use std::path::PathBuf;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Deserialize;
use tokio::process::Command;

/// A project that publishes definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// Of `ServiceMonitor` and `PrometheusRule`.
    PrometheusOperator,
    /// Of `Certificate`.
    CertManager,
}

/// Location of a publisher's definitions.
struct Place {
    module: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
    /// Within the module.
    files: &'static [&'static str],
}

impl Publisher {
    fn place(self) -> Place {
        match self {
            Self::PrometheusOperator => Place {
                module: "github.com/prometheus-operator/prometheus-operator",
                go_mod: include_str!("../tools/prometheus-operator/go.mod"),
                go_sum: include_str!("../tools/prometheus-operator/go.sum"),
                files: &[
                    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
                    "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
                ],
            },
            Self::CertManager => Place {
                module: "github.com/cert-manager/cert-manager",
                go_mod: include_str!("../tools/cert-manager/go.mod"),
                go_sum: include_str!("../tools/cert-manager/go.sum"),
                files: &["deploy/crds/cert-manager.io_certificates.yaml"],
            },
        }
    }
}

/// Why the definitions cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    /// There is no Go, or no place for the module that pins the version.
    #[error("the definitions come with a Go module, and `go` does not run: {0}")]
    Go(#[from] std::io::Error),
    /// Go does not get the module.
    #[error("the Go module {module} cannot be had: {message}")]
    Module {
        /// The module.
        module: &'static str,
        /// Go's message.
        message: String,
    },
    /// Go's description of the module is malformed.
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

/// The definitions of a publisher. The first time Go downloads them.
///
/// # Errors
/// When there is no Go, no network, or not the file that is expected.
pub async fn of(publisher: Publisher) -> Result<Vec<CustomResourceDefinition>, DefinitionsError> {
    let Place { module, go_mod, go_sum, files } = publisher.place();
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("go.mod"), go_mod)?;
    std::fs::write(place.path().join("go.sum"), go_sum)?;
    let output = Command::new("go")
        .args(["mod", "download", "-json", module])
        .current_dir(place.path())
        .envs([("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
        .output()
        .await?;
    if !output.status.success() {
        let message = [output.stdout, output.stderr].concat();
        let message = String::from_utf8_lossy(&message).trim().to_owned();
        return Err(DefinitionsError::Module { module, message });
    }
    let Downloaded { dir } = serde_json::from_slice(&output.stdout)?;
    files.iter().map(|file| read(dir.join(file))).collect()
}

/// Go's description of a downloaded module.
#[derive(Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir")]
    dir: PathBuf,
}

fn read(path: PathBuf) -> Result<CustomResourceDefinition, DefinitionsError> {
    let failed = |path: PathBuf, why: String| DefinitionsError::Definition { path, why };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Err(failed(path, error.to_string())),
    };
    serde_norway::from_str(&text).map_err(|error| failed(path, error.to_string()))
}
