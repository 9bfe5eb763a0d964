//! Fixtures that a user brings beside a SeiNode: Secrets with keys, and existing volumes.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::{PersistentVolumeClaim, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{api::PostParams, runtime::wait::await_condition};
use serde_json::json;

use super::{Namespace, within};

impl Namespace {
    /// Creates a Secret with one entry.
    pub async fn secret(&self, name: &str, key: &str, value: &str) -> Secret {
        let secret = Secret {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            data: Some(BTreeMap::from([(key.to_owned(), ByteString(value.into()))])),
            ..Secret::default()
        };
        self.api::<Secret>().create(&PostParams::default(), &secret).await.unwrap()
    }

    /// Creates the two Secrets that [`validator`] names, with these files in them.
    pub async fn keys(&self, node: &str, priv_validator_key: &str, node_key: &str) {
        self.secret(&format!("{node}-signing-key"), "priv_validator_key.json", priv_validator_key).await;
        self.secret(&format!("{node}-node-key"), "node_key.json", node_key).await;
    }

    /// Creates a claim of this size, such as `2000Gi`, and waits until it is bound to a volume of its own.
    pub async fn bound_pvc(&self, name: &str, storage: &str) -> PersistentVolumeClaim {
        let claim = serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "gp3-10k-750",
                "resources": { "requests": { "storage": storage } },
            },
        }));
        let claims = self.api::<PersistentVolumeClaim>();
        claims.create(&PostParams::default(), &claim.unwrap()).await.unwrap();
        let is_bound = |claim: Option<&PersistentVolumeClaim>| {
            let status = claim.and_then(|claim| claim.status.as_ref());
            status.and_then(|status| status.phase.as_deref()) == Some("Bound")
        };
        let bound = await_condition(claims, name, is_bound);
        within(&format!("claim {name} is bound"), bound).await.unwrap().unwrap()
    }
}

/// The YAML of a validator whose keys lie in the Secrets `<name>-signing-key` and `<name>-node-key`; `rest` are further
/// lines of its spec.
pub fn validator(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: {name}}}\nspec:\n  \
         chainId: atlantic-2\n  image: registry.example.com/seid:v1\n  validator:\n    \
         signingKey: {{secret: {{secretName: {name}-signing-key}}}}\n    \
         nodeKey: {{secret: {{secretName: {name}-node-key}}}}\n{rest}"
    )
}
