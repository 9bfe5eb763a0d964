//! Rounds of the script and the operator in turns, and what comes of them.

use std::fmt::Debug;

use devcluster::sidecar::Sidecars;
use futures::{StreamExt, future::join_all};
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

use crate::{
    World, eventually,
    operator::Operator,
    run::{Run, Start, median},
    script, within,
};

const SCRIPT: &str = "yardstick-script";
const OPERATOR: &str = "yardstick-operator";

/// Both contestants on one control plane.
pub struct Contest {
    world: World,
    client: Client,
    _operator: Operator,
}

impl Contest {
    /// Makes a namespace for each, and starts the operator.
    pub async fn open(world: World) -> Self {
        let client = world.cluster.client();
        for name in [SCRIPT, OPERATOR] {
            let mut namespace = Namespace::default();
            namespace.metadata.name = Some(name.to_owned());
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        }
        let scope = format!("--watch-namespace={OPERATOR}");
        let operator = Operator::start(&world, world.cluster.kubeconfig(), &[&scope]);
        operator.ready().await;
        Self { world, client, _operator: operator }
    }

    /// The simulated sidecars.
    pub fn sidecars(&self) -> &Sidecars {
        &self.world.sidecars
    }

    /// Holds rounds with these nodes and returns how many times as long as the script the operator took.
    pub async fn hold(&self, title: &str, nodes: &[SeiNode], rounds: usize) -> f64 {
        println!("\n{title} (ms; of each run the slowest node)");
        println!("{:9} {:10} {:>8} {:>8} {:>8} {:>8}", "", "", "asked", "answers", "tasked", "over");
        let (mut by_hand, mut by_operator) = (Vec::new(), Vec::new());
        // The first round warms up whatever is cold.
        for round in 0..=rounds {
            // Who goes first changes: neither always finds the control plane as the other left it.
            let (hand, operator) = if round % 2 == 0 {
                let hand = self.by_hand(nodes).await;
                (hand, self.by_operator(nodes).await)
            } else {
                let operator = self.by_operator(nodes).await;
                (self.by_hand(nodes).await, operator)
            };
            let label = if round == 0 { "warm-up".to_owned() } else { format!("round {round}") };
            show(&label, "script", hand);
            show("", "operator", operator);
            if round > 0 {
                by_hand.push(hand);
                by_operator.push(operator);
            }
        }
        let (hand, operator) = (median(&by_hand), median(&by_operator));
        show("medians", "script", hand);
        show("", "operator", operator);
        let ratio = operator.over.as_secs_f64() / hand.over.as_secs_f64();
        println!("ratio {ratio:.2}");
        ratio
    }

    async fn by_hand(&self, nodes: &[SeiNode]) -> Run {
        let nodes = placed(nodes, SCRIPT);
        self.connect().await;
        let start = Start::now();
        let runs = nodes.iter().map(|node| script::bring_up(&self.client, self.sidecars(), node, &nodes));
        within("the script ends", join_all(runs)).await;
        let run = start.end(self.sidecars(), &nodes);
        self.clear(SCRIPT).await;
        run
    }

    async fn by_operator(&self, nodes: &[SeiNode]) -> Run {
        let nodes = placed(nodes, OPERATOR);
        let api: Api<SeiNode> = Api::namespaced(self.client.clone(), OPERATOR);
        let mut changes = watcher(api.clone(), watcher::Config::default()).boxed();
        within("the watch is open", async {
            while !matches!(changes.next().await, Some(Ok(watcher::Event::InitDone))) {}
        })
        .await;
        let mut changes = changes.applied_objects();
        self.connect().await;
        let start = Start::now();
        let creation = PostParams::default();
        join_all(nodes.iter().map(|node| async { api.create(&creation, node).await.unwrap() })).await;
        let mut waiting: Vec<String> = nodes.iter().map(ResourceExt::name_any).collect();
        within("all nodes are Running", async {
            while !waiting.is_empty() {
                if let Some(Ok(node)) = changes.next().await
                    && node.status.as_ref().is_some_and(|status| status.phase == Some(Phase::Running))
                {
                    waiting.retain(|name| *name != node.name_any());
                }
            }
        })
        .await;
        let run = start.end(self.sidecars(), &nodes);
        self.clear(OPERATOR).await;
        run
    }

    /// Opens connections, more than a run needs at once: kube's connector leaves Nagle's algorithm on, and the first
    /// request of a connection waits 40 ms for an acknowledgement. Watches close those that they had.
    async fn connect(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        join_all((0..12).map(|_| async { namespaces.get(SCRIPT).await.unwrap() })).await;
    }

    /// Deletes everything in a namespace and waits until it is gone: the next round starts with nothing.
    async fn clear(&self, namespace: &str) {
        self.delete::<SeiNode>(namespace).await;
        self.delete::<StatefulSet>(namespace).await;
        self.delete::<Service>(namespace).await;
        self.delete::<PersistentVolumeClaim>(namespace).await;
        self.gone::<StatefulSet>(namespace).await;
        self.gone::<Service>(namespace).await;
        self.gone::<Pod>(namespace).await;
        self.gone::<PersistentVolumeClaim>(namespace).await;
    }

    async fn delete<K: Child>(&self, namespace: &str) {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        api.delete_collection(&DeleteParams::background(), &ListParams::default()).await.unwrap();
    }

    async fn gone<K: Child>(&self, namespace: &str) {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        eventually(&format!("no {} is left in {namespace}", K::plural(&())), async || {
            let left = api.list(&ListParams::default()).await.unwrap().items;
            let names: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
            if names.is_empty() { Ok(()) } else { Err(names) }
        })
        .await;
    }
}

/// What lives in a namespace.
trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

fn placed(nodes: &[SeiNode], namespace: &str) -> Vec<SeiNode> {
    let place = |node: &SeiNode| {
        let mut node = node.clone();
        node.metadata.namespace = Some(namespace.to_owned());
        node
    };
    nodes.iter().map(place).collect()
}

fn show(label: &str, who: &str, run: Run) {
    let Run { knocked, answered, handed, over } = run;
    let [knocked, answered, handed, over] = [knocked, answered, handed, over].map(|time| time.as_millis());
    println!("{label:9} {who:10} {knocked:>8} {answered:>8} {handed:>8} {over:>8}");
}
