//! Objects that exist before any operator comes: machines, storage classes, definitions of kinds.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ClusterError, MachineSpec, StorageClassSpec};
use crate::volumes::PROVISIONER;

/// Creates the storage classes.
pub(super) async fn stock(client: &Client, classes: &[StorageClassSpec]) -> Result<(), ClusterError> {
    let classes = classes.iter().map(|class| create::<StorageClass>(client, storage_class(class)));
    futures::future::try_join_all(classes).await.map(drop)
}

/// Creates the Nodes of simulated machines.
pub(super) async fn plant(client: &Client, machines: &[MachineSpec]) -> Result<(), ClusterError> {
    let nodes =
        machines.iter().zip(1..).map(|(machine, number)| create::<Node>(client, node(machine, number)));
    futures::future::try_join_all(nodes).await.map(drop)
}

/// Creates definitions of kinds, and returns when they are served.
pub(super) async fn define(client: &Client, crds: &[CustomResourceDefinition]) -> Result<(), ClusterError> {
    for crd in crds {
        let value = serde_json::to_value(crd).map_err(|error| ClusterError::Api {
            what: "write a CustomResourceDefinition".into(),
            source: Box::new(kube::Error::SerdeError(error)),
        })?;
        create::<CustomResourceDefinition>(client, value).await?;
        let api = Api::<CustomResourceDefinition>::all(client.clone());
        let name = crd.metadata.name.clone().unwrap_or_default();
        let established = await_condition(api, &name, conditions::is_crd_established());
        established.await.map_err(|error| ClusterError::Api {
            what: format!("serve {name}"),
            source: Box::new(kube::Error::Service(error.into())),
        })?;
    }
    Ok(())
}

fn node(machine: &MachineSpec, number: u8) -> Value {
    let name = machine.name.as_str();
    let mut labels = machine.labels.clone();
    for (label, value) in [("arch", "amd64"), ("hostname", name), ("os", "linux")] {
        labels.insert(format!("kubernetes.io/{label}"), value.to_owned());
    }
    // Enough for the pods of every test: they stay until the cluster ends.
    let room = json!({ "cpu": "10000", "memory": "100Ti", "pods": "2000", "ephemeral-storage": "10Ti" });
    json!({
        "metadata": { "name": name, "labels": labels },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": format!("10.65.0.{number}") },
                { "type": "Hostname", "address": name },
            ],
            "allocatable": room,
            "capacity": room,
        },
    })
}

fn storage_class(class: &StorageClassSpec) -> Value {
    json!({
        "metadata": { "name": class.name },
        "provisioner": PROVISIONER,
        "reclaimPolicy": class.reclaim,
        "volumeBindingMode": class.binding,
        "allowVolumeExpansion": true,
    })
}

async fn create<K>(client: &Client, object: Value) -> Result<(), ClusterError>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + serde::Serialize,
{
    let what = || format!("create {} {}", K::kind(&()), object["metadata"]["name"]);
    let failed = |source| ClusterError::Api { what: what(), source: Box::new(source) };
    let typed = K::deserialize(&object).map_err(|error| failed(kube::Error::SerdeError(error)))?;
    match Api::<K>::all(client.clone()).create(&PostParams::default(), &typed).await {
        Ok(_) => Ok(()),
        // A request that was answered too late may have been repeated.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
