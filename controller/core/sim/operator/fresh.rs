//! What own writes of children returned, until the watches have caught up (`controller/src/fresh.rs`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use seinode_core::{
    effect::Outcome,
    observation::{Headless, Pod, Stay, Workload},
};

use crate::objects::Key;

/// A watch is not further behind than this.
const BEHIND: SignedDuration = SignedDuration::from_secs(5);

/// The newest version of each child that a write returned.
#[derive(Clone, Debug, Default)]
pub struct Fresh {
    workloads: BTreeMap<Key, (Timestamp, Workload)>,
    services: BTreeMap<Key, (Timestamp, Headless)>,
    /// UID of the pod that was deleted last.
    deleted: BTreeMap<Key, (Timestamp, String)>,
}

impl Fresh {
    pub fn note(&mut self, node: &Key, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Workload(set) => drop(self.workloads.insert(node.clone(), (now, set.clone()))),
            Outcome::Service(service) => drop(self.services.insert(node.clone(), (now, service.clone()))),
            _ => {}
        }
    }

    pub fn deleted(&mut self, node: &Key, uid: &str, now: Timestamp) {
        self.deleted.insert(node.clone(), (now, uid.to_owned()));
    }

    /// Of the pods the one that was deleted goes, whatever the cache says.
    pub fn pods(&self, node: &Key, pods: &mut [Pod], now: Timestamp) {
        let Some((at, uid)) = self.deleted.get(node) else { return };
        if now.duration_since(*at) < BEHIND {
            pods.iter_mut().filter(|pod| pod.uid == *uid).for_each(|pod| pod.stay = Stay::Going);
        }
    }

    pub fn workload(&mut self, node: &Key, cached: Option<Workload>, now: Timestamp) -> Option<Workload> {
        newest(&mut self.workloads, node, cached, now, |set| (&set.uid, &set.version))
    }

    pub fn service(&mut self, node: &Key, cached: Option<Headless>, now: Timestamp) -> Option<Headless> {
        newest(&mut self.services, node, cached, now, |service| (&service.uid, &service.version))
    }

    /// When what is believed against the caches is believed no more: then the node is looked at again.
    pub fn ends(&self, node: &Key) -> Option<Timestamp> {
        let workload = self.workloads.get(node).map(|(at, _)| *at);
        let service = self.services.get(node).map(|(at, _)| *at);
        workload.into_iter().chain(service).min().map(|at| at + BEHIND)
    }

    pub fn forget(&mut self, node: &Key) {
        self.workloads.remove(node);
        self.services.remove(node);
        self.deleted.remove(node);
    }
}

fn newest<T: Clone>(
    ours: &mut BTreeMap<Key, (Timestamp, T)>,
    node: &Key,
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
