//! An operator with fewer rights than it needs: an account of a namespace's own, and what it is granted.

use std::path::PathBuf;

use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding},
};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use super::Namespace;

const ACCOUNT: &str = "operator";

impl Namespace {
    /// Makes an account with every right in this namespace and none outside, and returns its kubeconfig.
    pub async fn account_with_every_right_here(&self) -> PathBuf {
        let account = serde_json::from_value(json!({"metadata": {"name": ACCOUNT}})).unwrap();
        let accounts = self.api::<ServiceAccount>();
        accounts.create(&PostParams::default(), &account).await.unwrap();
        let binding = self.binding("ClusterRole", "cluster-admin");
        let bindings = self.api::<RoleBinding>();
        bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
        self.world.cluster.kubeconfig_for_account(&self.name, ACCOUNT).await.unwrap()
    }

    /// Grants that account rights in the whole cluster.
    pub async fn grant_everywhere(&self, rules: Value) {
        let role = json!({"metadata": {"name": self.name}, "rules": rules});
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        roles.create(&PostParams::default(), &serde_json::from_value(role).unwrap()).await.unwrap();
        let binding = self.binding("ClusterRole", &self.name);
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    }

    fn binding(&self, kind: &str, role: &str) -> Value {
        json!({
            "metadata": {"name": self.name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.name}],
        })
    }
}
