//! Shared kit of the scenarios: the cluster, a namespace for each, operators, and waiting.

pub mod access;
pub mod bootstrap;
pub mod conditions;
pub mod fixtures;
pub mod keys;
pub mod kubectl;
pub mod namespace;
pub mod operator;
pub mod plans;
pub mod pods;
pub mod proxy;
pub mod release;
pub mod rolling;
pub mod rollout;
pub mod service;
pub mod tier;
pub mod volumes;
pub mod wait;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use devcluster::{Audit, Cluster, Guard, Options, Progress, Tool, Tools};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::wait::await_condition,
};
use sidecar_sim::Sidecars;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

pub use namespace::Namespace;
pub use operator::Operator;
pub use wait::{eventually, within};

/// Clusters of scenarios' own at a time: more of them keep one another from answering in time.
const PRIVATE: usize = 2;

/// Starts the cluster with the first scenario that needs it, and stops it after the last.
pub struct Kit {
    guard: Guard,
    shared: OnceCell<Arc<World>>,
    names: Mutex<u32>,
    private: Arc<Semaphore>,
}

/// A cluster with our CRD, and the sidecars of its nodes.
pub struct World {
    pub cluster: Cluster,
    pub sidecars: Sidecars,
    /// Lets another scenario have a cluster of its own when this one is gone.
    _place: Option<OwnedSemaphorePermit>,
}

impl Kit {
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            shared: OnceCell::new(),
            names: Mutex::new(0),
            private: Arc::new(Semaphore::new(PRIVATE)),
        }
    }

    /// The cluster that scenarios share.
    pub async fn shared(&self) -> Arc<World> {
        let start = || async {
            let crds = vec![seinode_api::crd::seinode()];
            let options = Options { audit: Audit::On, crds, ..xtask::platform::options() };
            Arc::new(self.start(options, None).await)
        };
        Arc::clone(self.shared.get_or_init(start).await)
    }

    /// A cluster of a scenario's own, without our CRD: for what would disturb the others.
    pub async fn private(&self, options: Options) -> World {
        let place = Arc::clone(&self.private).acquire_owned().await.unwrap();
        self.start(options, Some(place)).await
    }

    async fn start(&self, options: Options, place: Option<OwnedSemaphorePermit>) -> World {
        let options = Options { progress: Progress::lines(), ..options };
        let cluster = Cluster::start(options, &self.guard).await.unwrap_or_else(|error| panic!("{error}"));
        let sidecars = Sidecars::start(cluster.client()).await.unwrap();
        let probed = sidecars.clone();
        cluster.answer_probes(move |probe| probed.answers_probe(probe.pod, probe.port, probe.path));
        World { cluster, sidecars, _place: place }
    }

    /// A program that no control plane needs. May have to be built first.
    pub async fn tool(&self, tool: Tool) -> PathBuf {
        let tools = Tools::provide(&[tool], &self.guard, &Progress::lines()).await;
        tools.unwrap_or_else(|error| panic!("{error}")).path(tool).to_owned()
    }

    /// A fresh namespace on the shared cluster.
    pub async fn namespace(&self) -> Namespace {
        let number = {
            let mut names = self.names.lock().unwrap();
            *names += 1;
            *names
        };
        Namespace::create(self.shared().await, &format!("it-{number}")).await
    }
}

/// Installs our CRD, as a user does, and waits until it is served.
pub async fn install_crd(client: &Client) {
    define(client, &seinode_api::crd::seinode()).await;
}

/// Installs a definition, or changes it, and waits until it is served.
pub async fn define(client: &Client, definition: &CustomResourceDefinition) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let (name, parameters) = (definition.name_any(), PatchParams::apply("it").force());
    api.patch(&name, &parameters, &Patch::Apply(definition)).await.unwrap();
    let served = await_condition(api, &name, kube::runtime::conditions::is_crd_established());
    within("the definition is established", served).await.unwrap();
}
