//! Caches of what the watches have seen: one set for each served namespace, or one for the whole cluster.

use std::sync::Arc;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::Job,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{
    core::DeserializeGuard,
    runtime::reflector::{ObjectRef, Store},
};
use parking_lot::Mutex;
use seinode_api::SeiNode;
use seinode_core::{
    memory::Memory,
    node::NodeRef,
    observe::{Read, View},
};
use tokio::sync::mpsc::UnboundedSender;

/// A SeiNode, or what is known of one that cannot be read: one bad object must not stop the watch of all.
pub(crate) type Guarded = DeserializeGuard<SeiNode>;

/// The caches of everything that is served.
pub(crate) struct Fleet {
    /// One for each served namespace, or a single one.
    pub(crate) slices: Vec<Arc<Caches>>,
    /// Memory of this process between reconciles: the only lock around it.
    pub(crate) memory: Mutex<Memory>,
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

/// Objects from the watches, for one node: its children from its own slice, everybody else from all of them.
pub(crate) struct Watches<'a> {
    pub(crate) caches: &'a Caches,
    pub(crate) fleet: &'a Fleet,
}

fn one<K>(store: &Store<K>, namespace: &str, name: &str, read: Read<'_, K>)
where
    K: kube::runtime::reflector::Lookup<DynamicType = ()> + Clone + 'static,
{
    if let Some(object) = store.get(&ObjectRef::new(name).within(namespace)) {
        read(&object);
    }
}

impl View for Watches<'_> {
    fn stateful_set(&self, namespace: &str, name: &str, read: Read<'_, StatefulSet>) {
        one(&self.caches.stateful_sets, namespace, name, read);
    }

    fn service(&self, namespace: &str, name: &str, read: Read<'_, Service>) {
        one(&self.caches.services, namespace, name, read);
    }

    fn volume(&self, namespace: &str, name: &str, read: Read<'_, PersistentVolumeClaim>) {
        one(&self.caches.volumes, namespace, name, read);
    }

    fn job(&self, namespace: &str, name: &str, read: Read<'_, Job>) {
        one(&self.caches.jobs, namespace, name, read);
    }

    fn pod(&self, namespace: &str, name: &str, read: Read<'_, Pod>) {
        one(&self.caches.pods, namespace, name, read);
    }

    fn sei_nodes(&self, read: Read<'_, SeiNode>) {
        for node in self.fleet.nodes() {
            if let Ok(node) = &node.0 {
                read(node);
            }
        }
    }

    fn stateful_sets(&self, read: Read<'_, StatefulSet>) {
        self.fleet.stateful_sets().for_each(|sts| read(&sts));
    }

    fn jobs(&self, read: Read<'_, Job>) {
        self.fleet.jobs().for_each(|job| read(&job));
    }

    fn pods(&self, read: Read<'_, Pod>) {
        self.fleet.pods().for_each(|pod| read(&pod));
    }
}
