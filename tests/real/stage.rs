//! What the scenarios share: a cluster with a real node, both charts installed as they are, and their images.

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
/// Where the SeiNodes are.
pub const NODES: &str = "sei";
/// Images of the node software: two that run, and one that does not.
pub const FIRST: &str = "registry.example.com/sei/seid:v1";
pub const SECOND: &str = "registry.example.com/sei/seid:v2";
pub const BAD: &str = "registry.example.com/sei/seid:v3-bad";

/// The cluster, started when the first scenario asks for it.
pub struct Stage {
    guard: Guard,
    binary: OnceCell<PathBuf>,
    house: OnceCell<House>,
    /// Who disturbs the others has it alone.
    order: RwLock<()>,
}

/// A cluster with a real node and the operator installed.
pub struct House {
    pub cluster: Cluster,
    pub client: Client,
}

impl Stage {
    pub fn new(guard: Guard) -> Self {
        Self { guard, binary: OnceCell::new(), house: OnceCell::new(), order: RwLock::new(()) }
    }

    /// The house, beside other scenarios.
    pub async fn beside(&self) -> (RwLockReadGuard<'_, ()>, &House) {
        let turn = self.order.read().await;
        (turn, self.house().await)
    }

    /// The house, when no other scenario is in it.
    pub async fn alone(&self) -> (RwLockWriteGuard<'_, ()>, &House) {
        let turn = self.order.write().await;
        (turn, self.house().await)
    }

    /// The operator's binary as it is shipped, built once.
    pub async fn binary(&self) -> &Path {
        let build = || async {
            let built = tokio::task::spawn_blocking(image::build).await.unwrap();
            built.unwrap_or_else(|error| panic!("{error}"))
        };
        self.binary.get_or_init(build).await
    }

    async fn house(&self) -> &House {
        self.house.get_or_init(|| House::open(self)).await
    }
}

impl House {
    async fn open(stage: &Stage) -> Self {
        let options = Options {
            nodes: Nodes::Real,
            service_accounts: ServiceAccounts::Required,
            progress: Progress::lines(),
            ..platform::options()
        };
        let binary = stage.binary().await;
        let cluster = Cluster::start(options, &stage.guard).await.unwrap_or_else(|error| panic!("{error}"));
        let house = Self { client: cluster.client(), cluster };
        for image in house.images(binary) {
            house.cluster.real_node().unwrap().import(&image).unwrap_or_else(|error| panic!("{error}"));
        }
        within("the charts are installed", house.install()).await;
        house
    }

    /// The operator as it is shipped, and who stands in for the programs of a node.
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

    /// What a user does: both charts, and values that say what the platform has.
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

    /// Runs kubectl: whether it succeeded, and what it said.
    pub async fn kubectl(&self, arguments: &[&str]) -> (bool, String) {
        said(Command::from(self.cluster.kubectl()).args(arguments)).await
    }

    /// Runs helm with every right; it has to succeed.
    pub async fn helm(&self, arguments: &[&str]) {
        let mut helm = Command::from(Helm::of(&self.cluster).command());
        let (done, said) = said(helm.args(arguments)).await;
        assert!(done, "helm {arguments:?}: {said}");
    }

    /// Kills the first process of a container, as a crash does.
    pub fn kill(&self, id: &str) {
        let id = id.strip_prefix("containerd://").unwrap();
        self.cluster.real_node().unwrap().kill(id).unwrap_or_else(|error| panic!("{error}"));
    }
}

async fn said(command: &mut Command) -> (bool, String) {
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

/// For what is shared.
pub type Shared = Arc<Stage>;
