//! Testbed of the benchmarks: a control plane with our CRD, simulated sidecars, and namespaces that start empty.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use devcluster::{Audit, Cluster, Options, Progress, supervisor::Guard};
use futures::{StreamExt, future::join_all, stream::BoxStream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{Namespace, PersistentVolumeClaim, Pod, Service},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use seinode_api::{SeiNode, status::Phase};
use serde::de::DeserializeOwned;
use sidecar_sim::Sidecars;

use crate::{
    eventually,
    operator::Operator,
    run::{Run, Start},
    within,
};

/// Limit for nodes to come up: several times the usual, so that a missed bound still shows its value.
const DEADLINE: Duration = Duration::from_mins(3);

/// A cluster with our CRD, and the sidecars of its nodes.
pub struct World {
    /// The control plane.
    pub cluster: Cluster,
    /// The simulated sidecars.
    pub sidecars: Sidecars,
}

impl World {
    /// Starts it; `audit` says whether requests are recorded.
    pub async fn start(guard: &Guard, audit: Audit) -> Self {
        let crds = vec![seinode_api::crd::seinode()];
        let options = Options { crds, audit, progress: Progress::lines(), ..xtask::platform::options() };
        let cluster = Cluster::start(options, guard).await.unwrap_or_else(|error| panic!("{error}"));
        let sidecars = Sidecars::start(cluster.client()).await.unwrap();
        let probed = sidecars.clone();
        cluster.answer_probes(move |probe| probed.answers_probe(probe.pod, probe.port, probe.path));
        Self { cluster, sidecars }
    }
}

/// A namespace.
pub struct Place {
    name: &'static str,
    /// A client for it.
    pub client: Client,
}

impl Place {
    /// Makes a namespace.
    pub async fn make(world: &World, name: &'static str) -> Self {
        let client = world.cluster.client();
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        Self { name, client }
    }

    /// Starts an operator that serves this namespace alone.
    pub async fn operator(&self, world: &World) -> Operator {
        let scope = format!("--watch-namespace={}", self.name);
        // All nodes of a benchmark are of one chain: none is to wait for another.
        let all = "--max-unavailable-per-chain=100%";
        let operator = Operator::start(world, world.cluster.kubeconfig(), &[&scope, all]);
        operator.ready().await;
        operator
    }

    /// These nodes, here.
    pub fn nodes(&self, nodes: &[SeiNode]) -> Vec<SeiNode> {
        let mut nodes = nodes.to_vec();
        for node in &mut nodes {
            node.metadata.namespace = Some(self.name.to_owned());
        }
        nodes
    }

    /// Creates nodes all at once and waits until those that are `awaited` are Running.
    pub async fn bring_up(
        &self,
        sidecars: &Sidecars,
        nodes: &[SeiNode],
        awaited: impl Fn(&SeiNode) -> bool,
    ) -> Run {
        let api: Api<SeiNode> = Api::namespaced(self.client.clone(), self.name);
        let changes = self.changes().await;
        self.connect().await;
        let nodes = self.nodes(nodes);
        let start = Start::now();
        let creation = PostParams::default();
        join_all(nodes.iter().map(|node| async { api.create(&creation, node).await.unwrap() })).await;
        let awaited: Vec<SeiNode> = nodes.into_iter().filter(awaited).collect();
        let is_running =
            |node: &SeiNode| node.status.as_ref().is_some_and(|status| status.phase == Some(Phase::Running));
        changes.until("Running", &awaited, is_running).await;
        start.end(sidecars, &awaited)
    }

    /// Watches the nodes from now on.
    pub async fn changes(&self) -> Changes {
        let api: Api<SeiNode> = Api::namespaced(self.client.clone(), self.name);
        let mut changes = watcher(api, watcher::Config::default()).boxed();
        within("the watch is open", async {
            while !matches!(changes.next().await, Some(Ok(watcher::Event::InitDone))) {}
        })
        .await;
        Changes(changes.applied_objects().boxed())
    }

    /// Opens connections, more than a run needs at once: watches close those that they had, the operator has its own
    /// open all the time, and neither side shall pay for TLS handshakes.
    pub async fn connect(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        join_all((0..12).map(|_| async { namespaces.get(self.name).await.unwrap() })).await;
    }

    /// Deletes everything in it and waits until it is gone: the next round starts with nothing.
    pub async fn clear(&self) {
        self.delete::<SeiNode>().await;
        self.delete::<StatefulSet>().await;
        self.delete::<Service>().await;
        self.delete::<PersistentVolumeClaim>().await;
        self.gone::<SeiNode>().await;
        self.gone::<StatefulSet>().await;
        self.gone::<Service>().await;
        self.gone::<Pod>().await;
        self.gone::<PersistentVolumeClaim>().await;
    }

    async fn delete<K: Child>(&self) {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.name);
        api.delete_collection(&DeleteParams::background(), &ListParams::default()).await.unwrap();
    }

    async fn gone<K: Child>(&self) {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.name);
        eventually(&format!("no {} is left in {}", K::plural(&()), self.name), async || {
            let left = api.list(&ListParams::default()).await.unwrap().items;
            let names: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
            if names.is_empty() { Ok(()) } else { Err(names) }
        })
        .await;
    }
}

/// Watch over the nodes of a namespace.
pub struct Changes(BoxStream<'static, Result<SeiNode, watcher::Error>>);

impl Changes {
    /// Waits until each of `nodes` was seen to be so.
    pub async fn until(mut self, what: &str, nodes: &[SeiNode], is_so: impl Fn(&SeiNode) -> bool) {
        let mut waiting: BTreeSet<String> = nodes.iter().map(ResourceExt::name_any).collect();
        let all_are = async {
            while !waiting.is_empty() {
                if let Some(Ok(node)) = self.0.next().await
                    && is_so(&node)
                {
                    waiting.remove(&node.name_any());
                }
            }
        };
        if tokio::time::timeout(DEADLINE, all_are).await.is_err() {
            let (left, all, one) = (waiting.len(), nodes.len(), waiting.first());
            panic!("{left} of {all} nodes are not {what} within {DEADLINE:?}, {one:?} among them");
        }
    }
}

/// Objects of a namespace.
trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}
