//! The guardrails of the operator's chart, as the real helm renders them, for an operator that runs on this machine.
//!
//! The chart names a Service, and a cluster without a network for pods reaches none: what is asked of the Service is
//! asked of a port on loopback instead. Everything else of the objects is as the chart has it.

use std::path::Path;
use std::process::Stdio;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::{Api, Client};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::tools::{Tool, Tools};

const GROUP: &str = "admissionregistration.k8s.io";

/// Why the guardrails of a chart could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// Helm could not be run.
    #[error("cannot run helm: {0}")]
    Run(#[from] std::io::Error),
    /// Helm does not take the chart or the values.
    #[error("helm cannot render {chart}: {said}")]
    Refused {
        /// The chart.
        chart: String,
        /// Its words.
        said: String,
    },
    /// What came of it is no list of objects.
    #[error("helm rendered something else than objects: {0}")]
    Malformed(#[from] serde_norway::Error),
    /// An object lacks something that every object of its kind has.
    #[error("the chart rendered an object without {0}")]
    Incomplete(&'static str),
    /// The API server refuses an object.
    #[error("{name} cannot be created: {source}")]
    Api {
        /// Its kind and name.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
}

/// Webhook configurations, policies and bindings, before they are installed.
#[derive(Clone, Debug)]
pub struct Guardrails(Vec<Value>);

impl Guardrails {
    /// Renders a chart for a release in `namespace`; of what comes of it, what has to do with admission.
    ///
    /// # Errors
    /// When helm does not run, or takes neither chart nor values.
    pub async fn render(
        tools: &Tools,
        chart: &Path,
        namespace: &str,
        values: &Value,
    ) -> Result<Self, ChartError> {
        let mut helm = Command::new(tools.path(Tool::Helm))
            .args(["template", "devcluster"])
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
        let output = helm.wait_with_output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ChartError::Refused { chart: chart.display().to_string(), said });
        }
        let rendered = String::from_utf8_lossy(&output.stdout);
        let objects = serde_norway::Deserializer::from_str(&rendered).map(Value::deserialize);
        let mut objects = objects.collect::<Result<Vec<_>, _>>()?;
        objects
            .retain(|object| object["apiVersion"].as_str().is_some_and(|version| version.starts_with(GROUP)));
        Ok(Self(objects))
    }

    /// Creates the objects; what they ask of a Service is asked of this port on loopback.
    ///
    /// # Errors
    /// When an object is incomplete, or the API server refuses it.
    pub async fn install(self, client: &Client, port: u16) -> Result<(), ChartError> {
        for mut object in self.0 {
            on_loopback(&mut object, port)?;
            let object: DynamicObject =
                serde_json::from_value(object).map_err(|_| ChartError::Incomplete("a kind"))?;
            let types = object.types.as_ref().ok_or(ChartError::Incomplete("a kind"))?;
            let kind = GroupVersionKind::try_from(types).map_err(|_| ChartError::Incomplete("a version"))?;
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
            let created = api.create(&PostParams::default(), &object).await;
            let named = || format!("{} {}", kind.kind, object.metadata.name.as_deref().unwrap_or_default());
            created.map_err(|source| ChartError::Api { name: named(), source: Box::new(source) })?;
        }
        Ok(())
    }
}

fn on_loopback(object: &mut Value, port: u16) -> Result<(), ChartError> {
    for entry in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        let path = entry["clientConfig"]["service"]["path"].as_str();
        let path = path.ok_or(ChartError::Incomplete("the path of a webhook"))?;
        let url = format!("https://127.0.0.1:{port}{path}");
        if let Some(config) = entry["clientConfig"].as_object_mut() {
            config.remove("service");
            config.insert("url".to_owned(), json!(url));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_webhook_is_changed() {
        let entry = |client: Value| json!({"webhooks": [{"name": "a", "clientConfig": client}]});
        let mut object =
            entry(json!({"service": {"name": "s", "path": "/validate/seinode"}, "caBundle": "Yg=="}));
        on_loopback(&mut object, 7).unwrap();
        let url = "https://127.0.0.1:7/validate/seinode";
        assert_eq!(object, entry(json!({"url": url, "caBundle": "Yg=="})));
        assert!(on_loopback(&mut entry(json!({})), 7).is_err());
        let mut policy = json!({"kind": "ValidatingAdmissionPolicy"});
        on_loopback(&mut policy, 7).unwrap();
        assert_eq!(policy, json!({"kind": "ValidatingAdmissionPolicy"}));
    }
}
