//! The real helm, with every right on a cluster and directories of its own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde::Deserialize as _;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::ChartError;
use crate::{Cluster, Tool};

/// Helm for a cluster.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Helm {
    /// The helm among the cluster's tools.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        Self {
            program: cluster.tools().path(Tool::Helm).to_owned(),
            kubeconfig: cluster.kubeconfig().to_owned(),
            home: cluster.dir().join("helm"),
        }
    }

    /// The same with another program, such as an older helm.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    /// Helm, for arguments of any kind.
    #[must_use]
    pub fn command(&self) -> std::process::Command {
        let homes = ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"];
        let mut helm = std::process::Command::new(&self.program);
        helm.env("KUBECONFIG", &self.kubeconfig).envs(homes.map(|home| (home, &self.home)));
        helm
    }

    /// The objects that a chart renders for a release in this namespace.
    ///
    /// # Errors
    /// When helm does not run, takes neither chart nor values, or renders no objects.
    pub async fn template(
        &self,
        chart: &Path,
        namespace: &str,
        values: &Value,
    ) -> Result<Vec<Value>, ChartError> {
        let output = self.run(&["template", "devcluster"], chart, namespace, values).await?;
        Ok(objects(&succeeded("render", chart, &output)?)?)
    }

    /// Installs a chart as this release, in a namespace that is made where it is missing, with further arguments of helm.
    ///
    /// # Errors
    /// When helm does not run, or it or the API server refuses something.
    pub async fn install(
        &self,
        release: &str,
        chart: &Path,
        namespace: &str,
        values: &Value,
        more: &[&str],
    ) -> Result<(), ChartError> {
        let install = [&["install", release, "--create-namespace"], more].concat();
        let output = self.run(&install, chart, namespace, values).await?;
        succeeded("install", chart, &output).map(drop)
    }

    async fn run(
        &self,
        arguments: &[&str],
        chart: &Path,
        namespace: &str,
        values: &Value,
    ) -> std::io::Result<Output> {
        let mut helm = Command::from(self.command())
            .args(arguments)
            .arg(chart)
            .args(["--namespace", namespace, "--values", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = helm.stdin.take() {
            input.write_all(values.to_string().as_bytes()).await?;
        }
        helm.wait_with_output().await
    }
}

/// Standard output of a successful helm.
fn succeeded(what: &'static str, chart: &Path, output: &Output) -> Result<String, ChartError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ChartError::Refused { what, chart: chart.display().to_string(), message })
}

/// The objects in what helm rendered.
///
/// # Errors
/// When it is not YAML, or a mapping has a key twice: Helm and kubectl take the last one, kustomize and Flux refuse both.
pub fn objects(rendered: &str) -> Result<Vec<Value>, serde_norway::Error> {
    let documents = serde_norway::Deserializer::from_str(rendered).map(strict);
    documents.filter(|document| document.as_ref().map_or(true, Value::is_object)).collect()
}

/// Reads one document by way of a YAML value, which refuses the duplicate keys that a JSON value overwrites.
fn strict(document: serde_norway::Deserializer<'_>) -> Result<Value, serde_norway::Error> {
    serde_norway::from_value(serde_norway::Value::deserialize(document)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_documents_are_left_out_and_broken_ones_told() {
        let kinds =
            |text| objects(text).map(|all| all.iter().map(|it| it["kind"].clone()).collect::<Vec<_>>());
        assert_eq!(kinds("---\n# nothing\n---\nkind: A\n---\nkind: B\n").unwrap(), ["A", "B"]);
        assert!(kinds("kind: A\n---\nkind: [").is_err());
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        for text in ["data: {}\nkind: A\ndata: {}\n", "kind: A\nmetadata:\n  labels:\n    a: b\n    a: b\n"] {
            let refused = objects(text).map_err(|error| error.to_string());
            assert!(refused.as_ref().is_err_and(|words| words.contains("duplicate")), "{refused:?}");
        }
    }
}
