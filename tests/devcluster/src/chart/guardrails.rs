//! Admission objects of a chart, for a test that needs nothing else of it.

use std::path::Path;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{ChartError, Helm};

const GROUP: &str = "admissionregistration.k8s.io";

/// Webhook configurations, policies and bindings, before they are installed.
#[derive(Clone, Debug)]
pub struct Guardrails(Vec<Value>);

impl Guardrails {
    /// Renders a chart for a release in `namespace`; of what comes of it, what has to do with admission.
    ///
    /// # Errors
    /// When helm does not run, or takes neither chart nor values.
    pub async fn render(
        helm: &Helm,
        chart: &Path,
        namespace: &str,
        values: &Value,
    ) -> Result<Self, ChartError> {
        let mut objects = helm.template(chart, namespace, values).await?;
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
            let name = object.metadata.name.as_deref().unwrap_or_default();
            let failed = ChartError::api(format!("{} {name}", kind.kind));
            api.create(&PostParams::default(), &object).await.map_err(failed)?;
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
            entry(json!({"service": {"name": "s", "path": "/validate/widget"}, "caBundle": "Yg=="}));
        on_loopback(&mut object, 7).unwrap();
        let url = "https://127.0.0.1:7/validate/widget";
        assert_eq!(object, entry(json!({"url": url, "caBundle": "Yg=="})));
        assert!(on_loopback(&mut entry(json!({})), 7).is_err());
        let mut policy = json!({"kind": "ValidatingAdmissionPolicy"});
        on_loopback(&mut policy, 7).unwrap();
        assert_eq!(policy, json!({"kind": "ValidatingAdmissionPolicy"}));
    }
}
