//! What the watches have seen: one set of caches for each served namespace, or one for the whole cluster.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::Job,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{
    ResourceExt,
    core::DeserializeGuard,
    runtime::reflector::{ObjectRef, Store},
};
use seinode_api::{SeiNode, names};
use seinode_core::node::NodeRef;
use tokio::sync::mpsc::UnboundedSender;

use crate::recent::Recent;

/// A SeiNode, or what is known of one that cannot be read: one bad object must not stop the watch of all.
pub(crate) type Guarded = DeserializeGuard<SeiNode>;

/// The caches of everything that is served.
pub(crate) struct Fleet {
    /// One for each served namespace, or a single one.
    pub(crate) slices: Vec<Arc<Caches>>,
    /// What our own writes returned, until the caches have it.
    pub(crate) recent: Recent,
}

/// The caches of one namespace, or of the cluster.
pub(crate) struct Caches {
    pub(crate) nodes: Store<Guarded>,
    pub(crate) stateful_sets: Store<StatefulSet>,
    pub(crate) services: Store<Service>,
    pub(crate) jobs: Store<Job>,
    pub(crate) volumes: Store<PersistentVolumeClaim>,
    pub(crate) pods: Store<Pod>,
    /// Asks for a pass over a node of this slice.
    pub(crate) wake: UnboundedSender<ObjectRef<Guarded>>,
}

impl Fleet {
    /// Asks for a pass over a node.
    pub(crate) fn wake(&self, node: &NodeRef) {
        let reference = ObjectRef::new(&node.name).within(&node.namespace);
        for slice in self.slices.iter().filter(|slice| slice.nodes.get(&reference).is_some()) {
            // The receiver lives as long as the slice's controller: afterwards nobody needs waking.
            slice.wake.send(reference.clone()).ok();
        }
    }

    /// Every readable SeiNode.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Arc<Guarded>> {
        self.slices.iter().flat_map(|slice| slice.nodes.state()).filter(|node| node.0.is_ok())
    }

    /// Every StatefulSet of every node.
    pub(crate) fn stateful_sets(&self) -> impl Iterator<Item = Arc<StatefulSet>> {
        self.slices.iter().flat_map(|slice| slice.stateful_sets.state())
    }

    /// Every bootstrap Job.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = Arc<Job>> {
        self.slices.iter().flat_map(|slice| slice.jobs.state())
    }

    /// Every pod of every node.
    pub(crate) fn pods(&self) -> impl Iterator<Item = Arc<Pod>> {
        self.slices.iter().flat_map(|slice| slice.pods.state())
    }
}

impl Caches {
    /// The StatefulSet that has the node's name.
    pub(crate) fn stateful_set(&self, node: &NodeRef) -> Option<Arc<StatefulSet>> {
        self.stateful_sets.get(&ObjectRef::new(&node.name).within(&node.namespace))
    }

    /// The Service that has the node's name.
    pub(crate) fn service(&self, node: &NodeRef) -> Option<Arc<Service>> {
        self.services.get(&ObjectRef::new(&node.name).within(&node.namespace))
    }

    /// The PVC that has the name of the node's data volume.
    pub(crate) fn volume(&self, node: &NodeRef) -> Option<Arc<PersistentVolumeClaim>> {
        self.volumes.get(&ObjectRef::new(&names::data_volume(&node.name)).within(&node.namespace))
    }

    /// The Job that has the name of the node's bootstrap Job.
    pub(crate) fn job(&self, node: &NodeRef) -> Option<Arc<Job>> {
        self.jobs.get(&ObjectRef::new(&names::bootstrap_job(&node.name)).within(&node.namespace))
    }

    /// The pod that a StatefulSet of one replica names after its node.
    pub(crate) fn pod(&self, node: &NodeRef) -> Option<Arc<Pod>> {
        self.pods.get(&ObjectRef::new(&format!("{}-0", node.name)).within(&node.namespace))
    }

    /// The pods of the node's bootstrap Jobs. Their names are drawn, so all pods have to be looked through.
    pub(crate) fn bootstrap_pods(&self, node: &NodeRef) -> Vec<Arc<Pod>> {
        let is_its = |pod: &Arc<Pod>| {
            let label = |name| pod.labels().get(name).map(String::as_str);
            pod.namespace().as_deref() == Some(&node.namespace)
                && label(names::NODE_LABEL) == Some(&node.name)
                && label(names::COMPONENT_LABEL) == Some(names::BOOTSTRAP_COMPONENT)
        };
        self.pods.state().into_iter().filter(is_its).collect()
    }
}
