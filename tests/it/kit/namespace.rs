//! A namespace of a scenario's own, with what a scenario does in it.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{core::v1::Namespace as KubeNamespace, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy},
    runtime::{conditions, wait::await_condition},
};
use seinode_api::{SeiNode, SeiNodeStatus, status::Phase};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Operator, World, eventually, within};

/// A namespace of a scenario's own.
pub struct Namespace {
    pub world: Arc<World>,
    pub client: Client,
    pub name: String,
}

impl Namespace {
    pub async fn create(world: Arc<World>, name: &str) -> Self {
        let client = world.cluster.client();
        let namespace = KubeNamespace {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..KubeNamespace::default()
        };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        Self { world, client, name: name.to_owned() }
    }

    /// An operator that serves this namespace alone.
    pub fn operator(&self) -> Operator {
        let scope = format!("--watch-namespace={}", self.name);
        Operator::start(&self.world, self.world.cluster.kubeconfig(), &[&scope])
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Creates an object from YAML.
    pub async fn create_yaml<K>(&self, yaml: &str) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let object: K = serde_norway::from_str(yaml).unwrap();
        self.api::<K>()
            .create(&PostParams::default(), &object)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Creates a full node that syncs from genesis; `rest` are further lines of its spec.
    pub async fn full_node(&self, name: &str, rest: &str) -> SeiNode {
        self.create_yaml(&full_node(name, rest)).await
    }

    /// Merges a patch into a SeiNode.
    pub async fn patch(&self, name: &str, patch: Value) -> SeiNode {
        self.api::<SeiNode>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Waits until a SeiNode fulfils a condition. Panics with its last status otherwise.
    pub async fn node_until(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&SeiNodeStatus) -> bool,
    ) -> SeiNode {
        let api = self.api::<SeiNode>();
        eventually(&format!("{name}: {what}"), async || {
            let node = api.get_opt(name).await.unwrap();
            match node {
                Some(node) if holds(&node.status.clone().unwrap_or_default()) => Ok(node),
                other => Err(other.and_then(|node| node.status)),
            }
        })
        .await
    }

    /// Waits until a SeiNode is Running and Ready.
    pub async fn running(&self, name: &str) -> SeiNode {
        self.node_until(name, "is Running and Ready", |status| {
            status.phase == Some(Phase::Running) && condition_status(status, "Ready") == "True"
        })
        .await
    }

    /// The simulated sidecar of a node.
    pub fn sidecar(&self, node: &str) -> sidecar_sim::Node {
        self.world.sidecars.node(&self.name, node)
    }

    /// Deletes an object.
    pub async fn delete<K>(&self, name: &str, how: PropagationPolicy)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let parameters = DeleteParams { propagation_policy: Some(how), ..DeleteParams::default() };
        self.api::<K>().delete(name, &parameters).await.unwrap();
    }

    /// Waits until an object of this name is gone.
    pub async fn gone<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Send
            + DeserializeOwned
            + 'static,
    {
        let uid = match self.api::<K>().get_opt(name).await.unwrap() {
            Some(object) => object.uid().unwrap(),
            None => return,
        };
        let what = format!("{} {name} is gone", K::kind(&()));
        within(&what, await_condition(self.api::<K>(), name, conditions::is_deleted(&uid))).await.unwrap();
    }

    /// Reasons of the events about an object, oldest first.
    pub async fn event_reasons(&self, name: &str) -> Vec<String> {
        self.events(name).await.into_iter().filter_map(|event| event.reason).collect()
    }

    /// Notes of the events about an object, oldest first.
    pub async fn event_notes(&self, name: &str) -> Vec<String> {
        self.events(name).await.into_iter().filter_map(|event| event.note).collect()
    }

    async fn events(&self, name: &str) -> Vec<Event> {
        let mut events = self.api::<Event>().list(&Default::default()).await.unwrap().items;
        events.sort_by_key(|event| event.event_time.clone().map(|time| time.0));
        let about =
            |event: &Event| event.regarding.as_ref().and_then(|it| it.name.clone()).as_deref() == Some(name);
        events.into_iter().filter(about).collect()
    }
}

/// The YAML of a full node that syncs from genesis.
pub fn full_node(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: {name}}}\nspec:\n  \
         chainId: atlantic-2\n  image: registry.example.com/seid:v1\n  fullNode: {{}}\n{rest}"
    )
}

/// Status of a condition; empty when it is missing.
pub fn condition_status<'a>(status: &'a SeiNodeStatus, type_: &str) -> &'a str {
    condition(status, type_).map_or("", |condition| &condition.status)
}

/// A condition of a status.
pub fn condition<'a>(
    status: &'a SeiNodeStatus,
    type_: &str,
) -> Option<&'a k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}
