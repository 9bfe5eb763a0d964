//! The charts as the real helm renders and installs them, and operators that run as the installed Deployment says.
//!
//! Three things are not as in a cluster: there are no containers, so a replica is a process of ours; there is no
//! kube-proxy, so webhooks are called at a loopback address; and sidecars are reached the way that the devcluster has.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use devcluster::{Tool, platform};
use k8s_openapi::api::{
    apps::v1::Deployment,
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{EnvVar, ServiceAccount},
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use seinode_certs::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

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

/// helm with every right on a cluster, and directories of its own.
pub struct Helm {
    scratch: TempDir,
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Helm {
    /// The one that comes with the cluster: Helm 4.
    pub fn of(world: &World) -> Self {
        Self::at(world, world.cluster.tools().path(Tool::Helm).to_owned())
    }

    /// The one of this major.
    pub async fn major(kit: &Kit, world: &World, major: Major) -> Self {
        match major {
            Major::Three => Self::at(world, kit.tool(Tool::Helm3).await),
            Major::Four => Self::of(world),
        }
    }

    fn at(world: &World, program: PathBuf) -> Self {
        let kubeconfig = world.cluster.kubeconfig().to_owned();
        Self { scratch: tempfile::tempdir().unwrap(), program, kubeconfig }
    }

    /// Runs it: whether it succeeded, what it printed, and what it said.
    pub fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = Command::new(&self.program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(
                ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"].map(|it| (it, self.scratch.path())),
            )
            .output()
            .unwrap();
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
    kubeconfig: PathBuf,
    service: Service,
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
        let accounts = system.api::<ServiceAccount>();
        let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
        let token = accounts.create_token_request(NAME, &PostParams::default(), &request).await.unwrap();
        let kubeconfig = system.world.cluster.kubeconfig_for_token(&token.status.unwrap().token).unwrap();
        let release = Self { system, helm, kubeconfig, service: Service::start().await };
        release.on_loopback().await;
        release
    }

    /// As the audit log names the operator.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{NAME}", self.system.name)
    }

    /// Upgrades the operator's chart.
    pub async fn upgrade(&self, more: &Value) {
        // As the chart left them, or its own apply would find two addresses in one entry.
        self.point(|path, _| {
            let service = json!({"name": format!("{NAME}-webhook"), "namespace": "sei-system", "port": 443});
            let mut service = service.as_object().unwrap().clone();
            service.insert("path".into(), json!(path));
            ("service", "url", json!(service))
        })
        .await;
        self.helm.must(&["upgrade", NAME, OPERATOR, "--namespace", "sei-system"], &values(more));
        self.on_loopback().await;
    }

    /// Has the webhooks called at a loopback address.
    async fn on_loopback(&self) {
        self.point(|path, port| ("url", "service", json!(format!("https://127.0.0.1:{port}{path}")))).await;
    }

    /// Gives each entry one address in place of another.
    async fn point(&self, address: impl Fn(&str, u16) -> (&'static str, &'static str, Value)) {
        for kind in [Kind::Mutating, Kind::Validating] {
            let api: Api<DynamicObject> = Api::all_with(self.system.client.clone(), &kind.resource());
            eventually("the entries have another address", async || {
                let mut configuration = api.get(NAME).await.unwrap();
                for webhook in configuration.data["webhooks"].as_array_mut().unwrap() {
                    let client = webhook["clientConfig"].as_object_mut().unwrap();
                    let service = client.get("service").and_then(|service| service["path"].as_str());
                    let url = client.get("url").and_then(Value::as_str);
                    let path = service.or(url).unwrap();
                    let path =
                        path.find("127.0.0.1").map_or(path, |at| &path[at + path[at..].find('/').unwrap()..]);
                    let (new, old, value) = address(path, self.service.port);
                    client.insert(new.into(), value);
                    client.remove(old);
                }
                // The keeper of certificates may have been quicker.
                api.replace(NAME, &PostParams::default(), &configuration).await
            })
            .await;
        }
    }

    /// Starts a replica as the installed Deployment says, under this pod name.
    pub async fn replica(&self, pod: &str) -> Operator {
        let deployment = self.system.api::<Deployment>().get(NAME).await.unwrap();
        let spec = deployment.spec.unwrap().template.spec.unwrap();
        assert_eq!(spec.service_account_name.as_deref(), Some(NAME));
        let container = &spec.containers[0];
        let sidecars = self.system.world.sidecars.url_template();
        let arguments: Vec<_> = container.args.iter().flatten().map(|it| here(it, &sidecars)).collect();
        let variables = container.env.iter().flatten().map(|it| (it.name.clone(), self.value(it, pod)));
        let variables: Vec<_> = variables.collect();
        let operator = Operator::as_told(&self.system.world, &self.kubeconfig, &arguments, &variables);
        self.service.add(&operator).await;
        operator
    }

    fn value(&self, variable: &EnvVar, pod: &str) -> String {
        let from = variable.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
        match from.map(|field| &*field.field_path) {
            Some("metadata.name") => pod.to_owned(),
            Some("metadata.namespace") => self.system.name.clone(),
            Some(other) => panic!("{}: nothing here plays {other}", variable.name),
            None => variable.value.clone().unwrap_or_default(),
        }
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

/// An argument of the Deployment as it is for a process on this machine, beside others.
fn here(argument: &str, sidecars: &str) -> String {
    let flag = argument.split('=').next().unwrap();
    match flag {
        "--metrics-bind-address" | "--health-probe-bind-address" | "--webhook-bind-address" => {
            format!("{flag}=127.0.0.1:0")
        }
        "--webhook-names" => format!("{flag}=127.0.0.1"),
        "--sidecar-url-template" => format!("{flag}={sidecars}"),
        _ => argument.to_owned(),
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
