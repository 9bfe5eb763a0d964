//! A namespace that the chart guards: its configurations and policies, and a Service in front of the operators that they
//! call.

use std::path::{Path, PathBuf};

use devcluster::chart::{self, Guardrails};
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace, Operator, eventually,
    namespace::full_node,
    release::{self, OPERATOR as CHART},
    service::Service,
};

/// The guards of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    Policy,
    Webhooks,
    Both,
}

pub struct Setup {
    pub ns: Namespace,
    service: Service,
    kubeconfig: PathBuf,
    name: String,
}

impl Setup {
    /// With an account for the operator that has every right in the namespace, and in the cluster only those to the two
    /// configurations by name.
    pub async fn of(kit: &Kit, guards: Guards) -> Self {
        let ns = kit.namespace().await;
        let name = format!("admission-{}", ns.name);
        let kubeconfig = ns.account_with_every_right_here().await;
        let kinds = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
        ns.grant_everywhere(json!([{"apiGroups": ["admissionregistration.k8s.io"], "resources": kinds,
                                    "resourceNames": [name], "verbs": ["get", "list", "watch", "patch"]}]))
            .await;
        let setup = Self { service: Service::start().await, ns, kubeconfig, name };
        setup.install(guards).await;
        setup
    }

    /// Renders the chart and creates its objects.
    async fn install(&self, guards: Guards) {
        let values = release::values(&json!({
            "fullname": self.name,
            "serviceAccount": {"create": false, "name": "operator", "annotations": {}},
            "admission": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.ns.name}},
                "exemptUsers": [],
                "webhooks": {"enabled": guards != Guards::Policy, "port": 443},
                "policy": {"enabled": guards != Guards::Webhooks},
            },
        }));
        let helm = chart::Helm::of(&self.ns.world.cluster);
        let guardrails = Guardrails::render(&helm, Path::new(CHART), &self.ns.name, &values).await.unwrap();
        assert!(!format!("{guardrails:?}").contains("caBundle"), "the chart renders a caBundle");
        guardrails.install(&self.ns.client, self.service.port).await.unwrap();
    }

    /// Starts a replica, and waits until it is ready and gets connections.
    pub async fn replica(&self) -> Operator {
        let arguments = [
            format!("--watch-namespace={}", self.ns.name),
            "--webhook-names=127.0.0.1".to_owned(),
            format!("--mutating-webhook-configuration={}", self.name),
            format!("--validating-webhook-configuration={}", self.name),
        ];
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let settings = [("POD_NAMESPACE", &*self.ns.name)];
        let operator = Operator::with_webhooks(&self.ns.world, &self.kubeconfig, &arguments, &settings);
        self.service.add(&operator).await;
        operator.ready().await;
        eventually("the API server asks the webhooks of SeiNodes", async || self.asked()).await;
        operator
    }

    /// Has both webhooks of SeiNodes called, as a dry run: an error unless one validated and the other labelled.
    fn asked(&self) -> Result<(), String> {
        let node: Value = serde_norway::from_str(&full_node("asked", "")).unwrap();
        match self.kubectl_with(&["create", "--dry-run=server", "-o", "json"], &node) {
            (true, output) if output.contains("sei.io/chain") => Ok(()),
            (_, output) => Err(output),
        }
    }

    /// Runs kubectl in the namespace; returns success and all output.
    pub fn kubectl(&self, arguments: &[&str]) -> (bool, String) {
        self.ns.try_kubectl(arguments)
    }

    /// Writes an object into a file and has kubectl do this with it.
    pub fn kubectl_with(&self, arguments: &[&str], object: &Value) -> (bool, String) {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.kubectl(&[arguments, &["-f", path(&file)]].concat())
    }

    /// Waits until the API server has learned of what was installed: until it denies this attempt.
    pub async fn refused_eventually(&self, what: &str, attempt: impl Fn() -> (bool, String)) -> String {
        eventually(what, async || match attempt() {
            (false, output) => Ok(output),
            (true, output) => Err(output),
        })
        .await
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}
