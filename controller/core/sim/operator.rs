//! The operator: watches that may be behind, a queue, and a driver of the product's own reconcile.
//!
//! It carries out one request of the machine at a time; any of them may fail, be answered in vain, or be the last thing
//! that the process does. Whether, when and in which order something is done is the machine's: no rule of the product is
//! written here.

mod caches;
mod drive;
mod fault;
mod fetch;
mod perform;
mod platform;

use std::collections::BTreeMap;

use jiff::Timestamp;
use seinode_core::{
    failure::Class,
    memory::{Memory, RolloutPolicy},
    node::{NodeName, NodeRef},
    rate::{Monotonic, Now},
    reconcile::{Done, Wake},
};

use self::{caches::Caches, drive::Pending};
pub use self::{drive::step, fault::Fault, platform::settings};
use crate::{
    api_server::ApiServer,
    objects::{Key, Kind, Object},
    sidecars::Sidecars,
};

/// One process of the operator.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    caches: Caches,
    memory: Memory,
    /// Time of each node's next reconcile.
    due: BTreeMap<Key, Timestamp>,
    /// Reconciles under way: at most one of each node.
    pending: BTreeMap<Key, Pending>,
    /// The turn at which each node was served last.
    turns: BTreeMap<Key, u64>,
    turn: u64,
    /// Bounds of its rollouts.
    policy: RolloutPolicy,
    /// It believes that many gates are shut at once.
    pub burst: bool,
    /// Defects of the product that it met.
    pub defects: Vec<String>,
    /// It has lost the lease: it brings its reconciles to an end and begins none.
    retiring: bool,
}

impl Operator {
    /// Sets the bounds of its rollouts.
    pub fn bound(&mut self, policy: RolloutPolicy) {
        self.policy = policy;
        self.memory = Memory::with_slots(policy);
    }

    pub fn policy(&self) -> RolloutPolicy {
        self.policy
    }

    /// Sets how many of the newest changes of a kind its watch holds back.
    pub fn lag(&mut self, kind: Kind, changes: usize) {
        self.caches.lag.insert(kind, changes);
    }

    /// It loses the lease.
    pub fn retire(&mut self) {
        self.retiring = true;
    }

    pub fn is_retiring(&self) -> bool {
        self.retiring
    }

    /// The nodes that it can reconcile now.
    pub fn ready(&self, now: Timestamp) -> impl Iterator<Item = Key> {
        let begun = self.pending.keys();
        let waiting = self
            .due
            .iter()
            .filter(move |(node, due)| !self.retiring && **due <= now && !self.pending.contains_key(node));
        begun.chain(waiting.map(|(node, _)| node)).cloned()
    }

    pub fn last_turn(&self, node: &Key) -> u64 {
        self.turns.get(node).copied().unwrap_or_default()
    }

    /// Time of its next look at a node.
    pub fn due(&self) -> Option<Timestamp> {
        if self.retiring { None } else { self.due.values().min().copied() }
    }

    pub fn is_behind(&self, api: &ApiServer) -> bool {
        self.caches.is_behind(api)
    }

    /// The watches bring all but what they hold back.
    pub fn deliver(&mut self, api: &ApiServer, now: Timestamp) {
        while let Some(news) = self.caches.next(api, caches::Held::Stays) {
            self.take(&news, now);
        }
    }

    /// One of the changes that are held back arrives.
    pub fn catch_up(&mut self, api: &ApiServer, now: Timestamp) {
        if let Some(news) = self.caches.next(api, caches::Held::Arrives) {
            self.take(&news, now);
        }
    }

    fn take(&mut self, news: &caches::News, now: Timestamp) {
        if let Some(gone) = &news.gone {
            self.due.remove(gone);
            let others = self.memory.forget(&name_of(gone));
            self.wake_all(&others, now);
        }
        if let Some(node) = news.node.as_deref().and_then(Object::node) {
            self.memory.caught_up(node);
        }
        news.woken.iter().for_each(|node| self.wake(node, now));
    }

    /// The nodes whose sidecars would answer otherwise than it knows, or do not answer for a while.
    pub fn glances(&self, sidecars: &Sidecars) -> Vec<Key> {
        if self.retiring {
            return Vec::new();
        }
        let probed = self.memory.probed().filter(|(_, sidecar)| {
            sidecars.deaf > 0 || sidecar.answer != Some(sidecars.would_say(&sidecar.incarnation.pod_uid))
        });
        probed.map(|(node, _)| Key::new(Kind::Node, &node.namespace, &node.name)).collect()
    }

    /// It probes the sidecar of a node beside the reconciles; news wakes the node.
    pub fn glance(&mut self, sidecars: &mut Sidecars, key: &Key, now: Timestamp) {
        let probed = self.memory.probed().find(|(node, _)| NodeName::from(node) == name_of(key));
        let Some((node, incarnation)) = probed.map(|(node, it)| (node, it.incarnation.clone())) else {
            return;
        };
        let answer = sidecars.gate(&incarnation.pod_uid);
        if self.memory.answered(&node, &incarnation, answer, clocks(now)) {
            self.wake(key, now);
        }
    }

    /// A node is to be reconciled.
    pub fn wake(&mut self, node: &Key, now: Timestamp) {
        self.due.insert(node.clone(), now);
    }

    fn wake_all(&mut self, nodes: &[NodeRef], now: Timestamp) {
        for node in nodes {
            let key = Key::new(Kind::Node, &node.namespace, &node.name);
            if self.caches.get(&key).is_some() {
                self.wake(&key, now);
            }
        }
    }

    /// The process dies; another one lists everything and begins anew.
    fn crash(&mut self, api: &ApiServer, now: Timestamp) {
        let mut next = Self { caches: Caches::listed(api, &self.caches.lag), ..Self::default() };
        for node in api.list(Kind::Node) {
            next.wake(&node.key(), now);
        }
        next.retiring = self.retiring;
        next.burst = self.burst;
        next.bound(self.policy);
        *self = next;
    }

    /// A reconcile has ended.
    fn done(&mut self, node: &Key, done: &Done, now: Timestamp) {
        self.wake_all(&done.others, now);
        let defect = done.failure.iter().filter(|failure| failure.class == Class::Invariant);
        self.defects.extend(defect.map(|failure| failure.message.clone()));
        let Wake::After(pause) = done.wake else { return };
        let at = now.saturating_add(pause).unwrap();
        // A watch may have woken the node meanwhile.
        let due = self.due.entry(node.clone()).or_insert(at);
        *due = at.min(*due);
    }
}

/// Both clocks of the world: they go alike.
pub fn clocks(now: Timestamp) -> Now {
    let since = now.duration_since(Timestamp::UNIX_EPOCH);
    Now { wall: now, monotonic: Monotonic(since.try_into().unwrap()) }
}

fn name_of(key: &Key) -> NodeName {
    NodeName { namespace: key.namespace.to_string(), name: key.name.to_string() }
}
