//! The operator: watches that may be behind, a queue, and the loop of a pass, one act at a time.
//!
//! The loop is that of `controller/src/pass.rs`; here any request of it may fail, be answered in vain, or be the last
//! thing that the process does.

mod ask;
mod caches;
mod fault;
mod fresh;
mod observe;
mod pass;
mod perform;
mod platform;
mod postponed;
mod probes;
mod slots;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use jiff::{SignedDuration, Timestamp};
use seinode_core::{
    node::NodeRef,
    observation::{KeyCheck, Slot},
    task::Until,
};

use self::{caches::Caches, fresh::Fresh, pass::Pass, postponed::Postponed, probes::Probes, slots::Slots};
pub use self::{fault::Fault, pass::step, platform::settings, slots::is_rolling};
use crate::{
    api_server::ApiServer,
    objects::{Key, Kind, Object},
    sidecars::Sidecars,
};

/// One process of the operator.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    caches: Caches,
    /// What its last write of each SeiNode returned: the floor below which the cache is not believed.
    recent: BTreeMap<Key, Rc<Object>>,
    /// What it last found in the Secrets of each node.
    keyring: BTreeMap<NodeRef, KeyCheck>,
    /// What its last writes of children returned.
    fresh: Fresh,
    /// Status writes that are put off for a moment.
    postponed: Postponed,
    /// What it knows of the gates of nodes that run.
    probes: Probes,
    /// How many rollouts it lets go on at once.
    pub slots: Slots,
    /// When to pass over each node.
    due: BTreeMap<Key, Timestamp>,
    /// Fruitless passes in a row, by node.
    fruitless: BTreeMap<Key, u32>,
    /// Passes under way: at most one over each node.
    passes: BTreeMap<Key, Pass>,
    /// The turn at which each pass was gone on with last.
    turns: BTreeMap<Key, u64>,
    turn: u64,
    /// It believes that many gates are shut at once.
    pub crowded: bool,
    /// It has lost the lease: it brings its passes to an end and begins none.
    retiring: bool,
}

impl Operator {
    /// How many of the newest changes of a kind its watch holds back.
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

    /// The nodes that it can pass over now.
    pub fn ready(&self, now: Timestamp) -> impl Iterator<Item = Key> {
        let begun = self.passes.keys();
        let waiting = self
            .due
            .iter()
            .filter(move |(node, due)| !self.retiring && **due <= now && !self.passes.contains_key(node));
        begun.chain(waiting.map(|(node, _)| node)).cloned()
    }

    pub fn last_turn(&self, node: &Key) -> u64 {
        self.turns.get(node).copied().unwrap_or_default()
    }

    /// When it wants to look at a node next.
    pub fn due(&self) -> Option<Timestamp> {
        if self.retiring { None } else { self.due.values().min().copied() }
    }

    pub fn is_behind(&self, api: &ApiServer) -> bool {
        self.caches.is_behind(api)
    }

    /// The watches bring all but what they hold back.
    pub fn deliver(&mut self, api: &ApiServer, now: Timestamp) {
        while let Some(woken) = self.caches.next(api, caches::Held::Stays) {
            self.take(&woken, now);
        }
    }

    /// One of the changes that are held back arrives.
    pub fn catch_up(&mut self, api: &ApiServer, now: Timestamp) {
        if let Some(woken) = self.caches.next(api, caches::Held::Arrives) {
            self.take(&woken, now);
        }
    }

    fn take(&mut self, news: &caches::News, now: Timestamp) {
        if let Some(gone) = &news.gone {
            self.recent.remove(gone);
            self.due.remove(gone);
            self.fruitless.remove(gone);
            self.fresh.forget(gone);
            self.postponed.done(gone);
            self.probes.leave(gone);
            self.slots.forget(gone).iter().for_each(|node| self.wake(node, now));
            self.keyring.retain(|node, _| (&*node.namespace, &*node.name) != (&*gone.namespace, &*gone.name));
        }
        news.woken.iter().for_each(|node| self.wake(node, now));
    }

    /// The nodes whose sidecars say something else than it knows.
    pub fn glances(&self, sidecars: &Sidecars) -> Vec<Key> {
        if self.retiring { Vec::new() } else { self.probes.stale(sidecars).cloned().collect() }
    }

    /// It asks the sidecar of a node beside the passes; news wakes the node.
    pub fn glance(&mut self, sidecars: &mut Sidecars, node: &Key, now: Timestamp) {
        if self.probes.glance(sidecars, node) {
            self.wake(node, now);
        }
    }

    /// The nodes that are being rolled out, as far as it knows.
    fn rolling(&self) -> BTreeSet<Key> {
        let nodes = self.caches.list(Kind::Node).filter_map(|node| self.newest(&node.key()));
        let rolling = nodes.filter(|object| object.node().is_some_and(is_rolling));
        rolling.map(|object| object.key()).collect()
    }

    fn ask_for_a_slot(&mut self, node: &Key) -> Slot {
        let rolling = self.rolling();
        self.slots.ask(&rolling, node)
    }

    /// A node needs a pass.
    pub fn wake(&mut self, node: &Key, now: Timestamp) {
        self.due.insert(node.clone(), now);
    }

    /// The process dies; another one lists everything and begins anew.
    fn crash(&mut self, api: &ApiServer, now: Timestamp) {
        let mut next = Self { caches: Caches::listed(api, &self.caches.lag), ..Self::default() };
        for node in api.list(Kind::Node) {
            next.wake(&node.key(), now);
        }
        next.retiring = self.retiring;
        next.crowded = self.crowded;
        next.slots.most = self.slots.most;
        *self = next;
    }

    /// A pass is over: when to look again.
    fn rest(&mut self, node: &Key, until: Until, now: Timestamp) {
        let at = match until {
            Until::Event => None,
            Until::At(at) => Some(at),
            Until::Retry(_) => {
                let count = self.fruitless.entry(node.clone()).or_default();
                *count += 1;
                Some(now + SignedDuration::from_secs((1_i64 << (*count).min(8)).min(300)))
            }
        };
        if !matches!(until, Until::Retry(_)) {
            self.fruitless.remove(node);
        }
        let Some(at) = at.into_iter().chain(self.fresh.ends(node, now)).min() else { return };
        // A watch may have woken the node during the pass.
        let due = self.due.entry(node.clone()).or_insert(at);
        *due = at.min(*due);
    }

    /// The SeiNode as it is believed to be: what the cache has, or what an own write returned if that is newer.
    fn newest(&self, key: &Key) -> Option<&Rc<Object>> {
        let cached = self.caches.get(key)?;
        let ours = self.recent.get(key).filter(|ours| ours.uid() == cached.uid());
        Some(ours.filter(|ours| version(ours) > version(cached)).unwrap_or(cached))
    }
}

/// Versions of one object can be compared as numbers.
fn version(object: &Object) -> u64 {
    object.meta().resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
}
