//! Shared setup of the scenarios: a cluster with a real node, both charts installed unchanged, and their images.

use std::{path::Path, path::PathBuf, sync::Arc};

use devcluster::image::Image;
use devcluster::{Cluster, Guard, Nodes, Options, Progress, ServiceAccounts, chart::Helm};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::{Api, Client, Resource, api::PostParams};
use serde_json::{Value, json};
use tokio::{
    process::Command,
    sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use xtask::image::{self, Seid};
use xtask::{platform, release};

use crate::wait::within;

pub use xtask::release::{NAME, NAMESPACE as SYSTEM};
/// Namespace of the SeiNodes.
pub const NODES: &str = "sei";
/// Images of the node software: two that run, and one that does not.
pub const FIRST: &str = "registry.example.com/sei/seid:v1";
pub const SECOND: &str = "registry.example.com/sei/seid:v2";
pub const BAD: &str = "registry.example.com/sei/seid:v3-bad";

/// The cluster, started when the first scenario asks for it.
pub struct Setup {
    guard: Guard,
    binary: OnceCell<PathBuf>,
    installed: OnceCell<Installation>,
    /// Held for writing by a scenario that disturbs the others.
    order: RwLock<()>,
}

/// A cluster with a real node and the operator installed.
pub struct Installation {
    pub cluster: Cluster,
    pub client: Client,
}

impl Setup {
    pub fn new(guard: Guard) -> Self {
        Self { guard, binary: OnceCell::new(), installed: OnceCell::new(), order: RwLock::new(()) }
    }

    /// The installation, shared with other scenarios.
    pub async fn shared(&self) -> (RwLockReadGuard<'_, ()>, &Installation) {
        let turn = self.order.read().await;
        (turn, self.installed().await)
    }

    /// The installation, with no other scenario using it.
    pub async fn exclusive(&self) -> (RwLockWriteGuard<'_, ()>, &Installation) {
        let turn = self.order.write().await;
        (turn, self.installed().await)
    }

    /// The operator's binary as it is shipped, built once.
    pub async fn binary(&self) -> &Path {
        let build = || async {
            let built = tokio::task::spawn_blocking(image::build).await.unwrap();
            built.unwrap_or_else(|error| panic!("{error}"))
        };
        self.binary.get_or_init(build).await
    }

    async fn installed(&self) -> &Installation {
        self.installed.get_or_init(|| Installation::open(self)).await
    }
}

impl Installation {
    async fn open(setup: &Setup) -> Self {
        let options = Options {
            nodes: Nodes::Real,
            service_accounts: ServiceAccounts::Required,
            progress: Progress::lines(),
            ..platform::options()
        };
        let binary = setup.binary().await;
        let cluster = Cluster::start(options, &setup.guard).await.unwrap_or_else(|error| panic!("{error}"));
        let installed = Self { client: cluster.client(), cluster };
        for image in installed.images(binary) {
            installed.cluster.real_node().unwrap().import(&image).unwrap_or_else(|error| panic!("{error}"));
        }
        within("the charts are installed", installed.install()).await;
        installed
    }

    /// The operator's image as shipped, and stand-ins for the programs of a node.
    fn images(&self, binary: &Path) -> Vec<Image> {
        let statics = &self.cluster.real_node().unwrap().machine().statics;
        let seid = |name, behaviour| image::seid(name, behaviour, statics).unwrap();
        vec![
            image::operator(binary).unwrap(),
            image::sidecar(seinode_core::intent::DEFAULT_SIDECAR_IMAGE).unwrap(),
            seid(FIRST, Seid::Runs),
            seid(SECOND, Seid::Runs),
            seid(BAD, Seid::Crashes),
        ]
    }

    /// Installs both charts as a user does, with values for this platform.
    async fn install(&self) {
        let values = json!({"platform": platform::modest_values()});
        release::install(&self.cluster, &values).await.unwrap();

        let nodes = json!({"metadata": {"name": NODES}});
        create::<Namespace>(&Api::all(self.client.clone()), nodes).await;
        let account = json!({"metadata": {"name": "seid-node"}});
        create::<ServiceAccount>(&Api::namespaced(self.client.clone(), NODES), account).await;
        self.both_replicas().await;
        release::until_admission(&self.client, NODES).await.unwrap();
    }

    /// Waits until both replicas of the operator are ready.
    pub async fn both_replicas(&self) {
        release::until_available(&self.client).await.unwrap();
    }

    /// Runs kubectl. Returns whether it succeeded, and its output.
    pub async fn kubectl(&self, arguments: &[&str]) -> (bool, String) {
        output_of(Command::from(self.cluster.kubectl()).args(arguments)).await
    }

    /// Runs helm with every right; it has to succeed.
    pub async fn helm(&self, arguments: &[&str]) {
        let mut helm = Command::from(Helm::of(&self.cluster).command());
        let (done, output) = output_of(helm.args(arguments)).await;
        assert!(done, "helm {arguments:?}: {output}");
    }

    /// Kills the first process of a container, as a crash does.
    pub fn kill(&self, id: &str) {
        let id = id.strip_prefix("containerd://").unwrap();
        self.cluster.real_node().unwrap().kill(id).unwrap_or_else(|error| panic!("{error}"));
    }
}

async fn output_of(command: &mut Command) -> (bool, String) {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

pub async fn create<K>(api: &Api<K>, object: Value)
where
    K: Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap_or_else(|error| panic!("{error}"));
}

/// The argument of a scenario.
pub type Shared = Arc<Setup>;
