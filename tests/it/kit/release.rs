//! The charts as the real helm renders and installs them, and operators that run as the installed Deployment says.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use devcluster::{
    Tool,
    chart::{self, Replica},
};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::platform;

use super::{Kit, Namespace, Operator, World, eventually, service::Service};

/// The charts of this checkout.
pub const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/seinode-crds");
pub const OPERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/seinode-operator");
/// Name of everything that is named after the operator, and of its account.
pub const NAME: &str = "seinode-operator";

/// Values that say what this control plane has, with these on top.
pub fn values(more: &Value) -> Value {
    let mut values = json!({ "platform": platform::values() });
    for (name, value) in more.as_object().into_iter().flatten() {
        values[name] = value.clone();
    }
    values
}

/// The majors of Helm that people have. The charts are for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Major {
    Three,
    Four,
}

impl Major {
    pub const BOTH: [Self; 2] = [Self::Three, Self::Four];
}

/// helm with every right on a cluster, and a directory for values.
pub struct Helm {
    helm: chart::Helm,
    scratch: TempDir,
}

impl Helm {
    /// The one that comes with the cluster: Helm 4.
    pub fn of(world: &World) -> Self {
        Self::new(chart::Helm::of(&world.cluster))
    }

    /// The one of this major.
    pub async fn major(kit: &Kit, world: &World, major: Major) -> Self {
        match major {
            Major::Three => {
                Self::new(chart::Helm::of(&world.cluster).with_program(kit.tool(Tool::Helm3).await))
            }
            Major::Four => Self::of(world),
        }
    }

    fn new(helm: chart::Helm) -> Self {
        Self { helm, scratch: tempfile::tempdir().unwrap() }
    }

    /// Runs it: whether it succeeded, what it printed, and what it said.
    pub fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.helm.command().args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Writes values into a file, whose path it returns.
    pub fn file(&self, values: &Value) -> String {
        let file = self.scratch.path().join("values.json");
        std::fs::write(&file, values.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs it with values; it has to succeed.
    pub fn must(&self, arguments: &[&str], values: &Value) -> String {
        let file = self.file(values);
        let (done, printed, said) = self.run(&[arguments, &["--values", &file]].concat());
        assert!(done, "helm {arguments:?}: {said}");
        printed
    }
}

/// Both charts, installed in a cluster of their own.
pub struct Release {
    pub system: Namespace,
    pub helm: Helm,
    pub service: Service,
}

impl Release {
    /// Installs both. The CRD is there already, as `kubectl apply` installs it, and is taken over.
    pub async fn install(world: Arc<World>, more: &Value) -> Self {
        let helm = Helm::of(&world);
        let system = Namespace::create(world, "sei-system").await;
        let take = ["--namespace", "sei-system", "--take-ownership"];
        let crds = [&["install", "seinode-crds", CRDS], &take[..]].concat();
        helm.must(&crds, &json!({}));
        helm.must(&["install", NAME, OPERATOR, "--namespace", "sei-system"], &values(more));
        let service = Service::start().await;
        chart::serve(&system.world.cluster, "sei-system", &format!("{NAME}-webhook"), service.port)
            .await
            .unwrap();
        Self { system, helm, service }
    }

    /// As the audit log names the operator.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{NAME}", self.system.name)
    }

    /// Upgrades the operator's chart.
    pub fn upgrade(&self, more: &Value) {
        self.helm.must(&["upgrade", NAME, OPERATOR, "--namespace", "sei-system"], &values(more));
    }

    /// Starts a replica as the installed Deployment says, under this pod name.
    pub async fn replica(&self, pod: &str) -> Operator {
        let World { cluster, sidecars, .. } = &*self.system.world;
        let replica = Replica::of(
            cluster,
            &self.system.name,
            NAME,
            pod,
            &[("--sidecar-url-template", &sidecars.url_template())],
        )
        .await
        .unwrap();
        let operator = Operator::as_told(&self.system.world, &replica);
        self.service.add(&operator).await;
        operator
    }

    /// Waits until the API servers ask the webhooks.
    pub async fn asked(&self, nodes: &Namespace) {
        let node: Value = serde_norway::from_str(&super::namespace::full_node("asked", "")).unwrap();
        let api = nodes.api::<seinode_api::SeiNode>();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        eventually("the API server asks the webhooks of SeiNodes", async || {
            let asked = api.create(&dry, &serde_json::from_value(node.clone()).unwrap()).await;
            let asked = asked.map_err(|error| error.to_string())?;
            let stamped = asked.metadata.labels.unwrap_or_default().contains_key("sei.io/chain");
            if stamped { Ok(()) } else { Err("it was not stamped".to_owned()) }
        })
        .await;
    }
}

/// Writes rendered objects into a file for kubectl.
pub fn rendered(helm: &Helm, name: &str, text: &str) -> PathBuf {
    let file = helm.scratch.path().join(name);
    std::fs::write(&file, text).unwrap();
    file
}

/// Patches an object of the release.
pub async fn merge<K>(ns: &Namespace, name: &str, change: Value)
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    ns.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
}

/// The path of a file as kubectl takes it.
pub fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}
