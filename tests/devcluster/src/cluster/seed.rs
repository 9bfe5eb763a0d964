//! What a platform team sets up before the operator comes: machines and storage classes.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ClusterError;
use crate::volumes::{PROVISIONER, reclaim_policy};

/// The node of the pool `sei-node`.
pub const NODE: &str = "sei-node-0";
/// The node of the pool `sei-archive`.
pub const ARCHIVE_NODE: &str = "sei-archive-0";
/// The storage classes that exist. As on the original platform the volumes of the last one outlive their claims.
pub const STORAGE_CLASSES: [&str; 3] = ["gp3-10k-750", "gp3", "gp3-archive"];

/// Creates the storage classes.
pub(super) async fn stock(client: &Client) -> Result<(), ClusterError> {
    let classes = STORAGE_CLASSES.map(|class| create::<StorageClass>(client, storage_class(class)));
    futures::future::try_join_all(classes).await.map(drop)
}

/// Creates the nodes.
pub(super) async fn plant(client: &Client) -> Result<(), ClusterError> {
    futures::future::try_join(
        create::<Node>(client, node(NODE, "sei-node", "10.65.0.1")),
        create::<Node>(client, node(ARCHIVE_NODE, "sei-archive", "10.65.0.2")),
    )
    .await
    .map(drop)
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

fn node(name: &str, pool: &str, address: &str) -> Value {
    // Enough for the pods of every scenario: they stay until the cluster goes.
    let room = json!({ "cpu": "10000", "memory": "100Ti", "pods": "2000", "ephemeral-storage": "10Ti" });
    json!({
        "metadata": { "name": name, "labels": {
            "karpenter.sh/nodepool": pool,
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
        } },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": address },
                { "type": "Hostname", "address": name },
            ],
            "allocatable": room,
            "capacity": room,
        },
    })
}

fn storage_class(name: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "provisioner": PROVISIONER,
        "reclaimPolicy": reclaim_policy(name),
        "volumeBindingMode": "Immediate",
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
