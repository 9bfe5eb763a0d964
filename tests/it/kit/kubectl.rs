//! Manual edits of the children of a node: by the real kubectl wherever it can, and by update and apply under another
//! field manager, as other programs write.

use std::process::Command;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Namespace, eventually};

impl Namespace {
    /// Runs kubectl in this namespace, and returns what it prints.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.run(self.world.cluster.kubectl().args(arguments))
    }

    /// Runs kubectl in this namespace: whether it succeeded, and all that it printed.
    pub fn try_kubectl(&self, arguments: &[&str]) -> (bool, String) {
        let mut kubectl = self.world.cluster.kubectl();
        let output = kubectl.args(["--namespace", &self.name]).args(arguments).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(printed).unwrap())
    }

    /// Has `kubectl edit` open an object, such as `service/n0`, in an editor that runs this script of sed on it.
    pub fn kubectl_edit(&self, object: &str, script: &str) {
        let mut kubectl = self.world.cluster.kubectl();
        let printed =
            self.run(kubectl.args(["edit", object]).env("KUBE_EDITOR", format!("sed -i -e '{script}'")));
        assert!(printed.contains("edited"), "{script} changed nothing of {object}: {printed}");
    }

    /// `kubectl patch` of a StatefulSet or Service, with a strategic merge patch.
    pub fn kubectl_patch(&self, object: &str, change: &Value) {
        self.kubectl(&["patch", object, "--type=strategic", "-p", &change.to_string()]);
    }

    /// Sets the annotation `sei.io/retry` of a node, and waits until the operator has looked at it.
    pub async fn retry(&self, node: &str, why: &str) {
        self.patch(node, json!({"metadata": {"annotations": {"sei.io/retry": why}}})).await;
        self.node_until(node, "the operator has looked again", |status| {
            status.last_retry.as_deref() == Some(why)
        })
        .await;
    }

    /// Changes an object as a program does that reads the whole of it and writes the whole of it back.
    pub async fn update_as<K>(&self, manager: &str, name: &str, change: impl Fn(&mut Value))
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let api = self.raw::<K>();
        let parameters = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
        eventually(&format!("{manager} changes {name}"), async || {
            let mut object = serde_json::to_value(api.get(name).await.unwrap()).unwrap();
            change(&mut object);
            // Somebody else may have written in between.
            api.replace(name, &parameters, &serde_json::from_value(object).unwrap()).await
        })
        .await;
    }

    /// Applies an object from the server's side, as a deployment tool does, and takes over what others own.
    pub async fn apply_as<K>(&self, manager: &str, name: &str, mut object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned,
    {
        object["apiVersion"] = json!(K::api_version(&()));
        object["kind"] = json!(K::kind(&()));
        object["metadata"]["name"] = json!(name);
        let parameters = PatchParams::apply(manager).force();
        let applied = self.raw::<K>().patch(name, &parameters, &Patch::Apply(&object)).await.unwrap();
        serde_json::from_value(serde_json::to_value(applied).unwrap()).unwrap()
    }

    fn raw<K>(&self) -> kube::Api<DynamicObject>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        kube::Api::namespaced_with(self.client.clone(), &self.name, &ApiResource::erase::<K>(&()))
    }

    fn run(&self, kubectl: &mut Command) -> String {
        let output = kubectl.args(["--namespace", &self.name]).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{kubectl:?}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }
}
