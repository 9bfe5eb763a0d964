//! Where API servers ask the webhooks of a chart.

use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::ChartError;

/// Where webhooks are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// At a port on loopback.
    Loopback(u16),
    /// At port 443 of a Service, as the chart has it.
    Service {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
}

/// Has the installed webhooks of both configurations with this name asked there.
///
/// Whoever else changes a configuration at the same time, such as the keeper of its certificates, is not overwritten.
///
/// # Errors
/// When an entry is incomplete, or the API server refuses the change.
pub async fn ask(client: &Client, name: &str, address: Address<'_>) -> Result<(), ChartError> {
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let resource = ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk(
            "admissionregistration.k8s.io",
            "v1",
            kind,
        ));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        loop {
            let failed = || ChartError::api(format!("{kind} {name}"));
            let mut configuration = api.get(name).await.map_err(failed())?;
            point(&mut configuration.data, address)?;
            match api.replace(name, &PostParams::default(), &configuration).await {
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                answer => break answer.map(drop).map_err(failed())?,
            }
        }
    }
    Ok(())
}

/// Gives every webhook of an object this address, at the path that it has.
pub(super) fn point(object: &mut Value, address: Address<'_>) -> Result<(), ChartError> {
    for entry in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        let path = path(entry).ok_or(ChartError::Incomplete("the path of a webhook"))?;
        let client = entry["clientConfig"].as_object_mut();
        let client = client.ok_or(ChartError::Incomplete("the address of a webhook"))?;
        client.retain(|key, _| key == "caBundle");
        match address {
            Address::Loopback(port) => {
                client.insert("url".to_owned(), json!(format!("https://127.0.0.1:{port}{path}")))
            }
            Address::Service { namespace, name } => {
                let service = json!({"namespace": namespace, "name": name, "port": 443, "path": path});
                client.insert("service".to_owned(), service)
            }
        };
    }
    Ok(())
}

fn path(entry: &Value) -> Option<String> {
    let client = &entry["clientConfig"];
    if let Some(path) = client["service"]["path"].as_str() {
        return Some(path.to_owned());
    }
    let host = client["url"].as_str()?.strip_prefix("https://")?;
    host.find('/').map(|at| host[at..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_webhook_is_changed() {
        let entry = |client: Value| json!({"webhooks": [{"name": "a", "clientConfig": client}]});
        let service = json!({"namespace": "n", "name": "s", "port": 443, "path": "/validate/seinode"});
        let chart = entry(json!({"service": service, "caBundle": "Yg=="}));
        let mut object = chart.clone();
        point(&mut object, Address::Loopback(7)).unwrap();
        let url = "https://127.0.0.1:7/validate/seinode";
        assert_eq!(object, entry(json!({"url": url, "caBundle": "Yg=="})));
        point(&mut object, Address::Service { namespace: "n", name: "s" }).unwrap();
        assert_eq!(object, chart);
        assert!(point(&mut entry(json!({})), Address::Loopback(7)).is_err());
        let mut policy = json!({"kind": "ValidatingAdmissionPolicy"});
        point(&mut policy, Address::Loopback(7)).unwrap();
        assert_eq!(policy, json!({"kind": "ValidatingAdmissionPolicy"}));
    }
}
