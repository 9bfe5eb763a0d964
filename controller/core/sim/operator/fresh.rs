//! What own writes of children returned, until the watches have caught up (`controller/src/fresh.rs`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use seinode_core::{
    effect::Outcome,
    node::NodeRef,
    observation::{ServiceView, Pod, Deletion, StatefulSetView},
};

use crate::objects::Key;

/// A watch is not further behind than this.
const BEHIND: SignedDuration = SignedDuration::from_secs(5);

/// The newest version of each child that a write returned.
#[derive(Clone, Debug, Default)]
pub struct Fresh {
    workloads: BTreeMap<NodeRef, (Timestamp, StatefulSetView)>,
    services: BTreeMap<NodeRef, (Timestamp, ServiceView)>,
    /// UID of the pod that was deleted last.
    deleted: BTreeMap<NodeRef, (Timestamp, String)>,
}

impl Fresh {
    pub fn note(&mut self, node: &NodeRef, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::StatefulSet(set) => drop(self.workloads.insert(node.clone(), (now, set.clone()))),
            Outcome::Service(service) => drop(self.services.insert(node.clone(), (now, service.clone()))),
            _ => {}
        }
    }

    pub fn deleted(&mut self, node: &NodeRef, uid: &str, now: Timestamp) {
        self.deleted.insert(node.clone(), (now, uid.to_owned()));
    }

    /// Of the pods the one that was deleted goes, whatever the cache says.
    pub fn pods(&self, node: &NodeRef, pods: &mut [Pod], now: Timestamp) {
        let Some((at, uid)) = self.deleted.get(node) else { return };
        if now.duration_since(*at) < BEHIND {
            pods.iter_mut().filter(|pod| pod.uid == *uid).for_each(|pod| pod.deletion = Deletion::Requested);
        }
    }

    pub fn workload(&mut self, node: &NodeRef, cached: Option<StatefulSetView>, now: Timestamp) -> Option<StatefulSetView> {
        newest(&mut self.workloads, node, cached, now, |set| (&set.uid, &set.version))
    }

    pub fn service(&mut self, node: &NodeRef, cached: Option<ServiceView>, now: Timestamp) -> Option<ServiceView> {
        newest(&mut self.services, node, cached, now, |service| (&service.uid, &service.version))
    }

    /// When what is believed against the caches is believed no more: then the node is looked at again.
    pub fn ends(&self, node: &Key, now: Timestamp) -> Option<Timestamp> {
        let workloads = self.workloads.iter().filter(|(it, _)| is(it, node)).map(|(_, (at, _))| *at);
        let services = self.services.iter().filter(|(it, _)| is(it, node)).map(|(_, (at, _))| *at);
        workloads.chain(services).map(|at| at + BEHIND).filter(|end| *end > now).min()
    }

    pub fn forget(&mut self, gone: &Key) {
        self.workloads.retain(|node, _| !is(node, gone));
        self.services.retain(|node, _| !is(node, gone));
        self.deleted.retain(|node, _| !is(node, gone));
    }
}

fn is(node: &NodeRef, key: &Key) -> bool {
    (&*node.namespace, &*node.name) == (&*key.namespace, &*key.name)
}

fn newest<T: Clone>(
    ours: &mut BTreeMap<NodeRef, (Timestamp, T)>,
    node: &NodeRef,
    cached: Option<T>,
    now: Timestamp,
    identity: fn(&T) -> (&String, &String),
) -> Option<T> {
    let Some((at, written)) = ours.get(node) else { return cached };
    let is_behind = cached.as_ref().is_none_or(|cached| {
        let ((uid, version), (our_uid, our_version)) = (identity(cached), identity(written));
        let number = |version: &str| version.parse::<u64>().ok();
        uid != our_uid || number(version) < number(our_version)
    });
    if is_behind && now.duration_since(*at) < BEHIND {
        return Some(written.clone());
    }
    ours.remove(node);
    cached
}
