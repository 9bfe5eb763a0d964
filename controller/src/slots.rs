//! How many rollouts go on at once (`--max-concurrent-rollouts`).
//!
//! Who has a slot is read from the stored plans: a node has one from the moment its plan is stored until the plan is gone,
//! also while the plan fails and is tried again. Only between the question and the stored plan the slot is kept here.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use seinode_api::SeiNode;
use seinode_core::{
    node::NodeRef,
    observation::Slot,
    plan::{Plan, PlanKind},
};

use crate::{cache::Fleet, recent};

/// So many holders are named.
const NAMED: usize = 5;

/// The slots of all rollouts.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// How many there are; 0 for no limit.
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Nodes that were given a slot and have not stored their plan yet.
    granted: BTreeSet<NodeRef>,
    /// Nodes that had one when their last pass was over. The write that gave it back may be known by the watch only.
    held: BTreeSet<NodeRef>,
    /// Nodes that were refused one.
    waiting: BTreeSet<NodeRef>,
}

impl Slots {
    pub(crate) fn new(most: u16) -> Self {
        Self { most: usize::from(most), queue: Mutex::default() }
    }

    /// Gives the node a slot, or says who has them all.
    pub(crate) fn ask(&self, fleet: &Fleet, node: &NodeRef) -> Slot {
        if self.most == 0 {
            return Slot::Granted;
        }
        let mut queue = self.lock();
        let mut holders = rolling(fleet);
        holders.extend(queue.granted.iter().cloned());
        holders.remove(node);
        if holders.len() < self.most {
            queue.waiting.remove(node);
            queue.granted.insert(node.clone());
            return Slot::Granted;
        }
        queue.waiting.insert(node.clone());
        Slot::Taken(holders.iter().take(NAMED).map(ToString::to_string).collect())
    }

    /// A pass over the node is over: what it has stored tells whether it has a slot. If it gave one back, those that wait
    /// look again.
    pub(crate) fn pass_ended(&self, fleet: &Fleet, node: &NodeRef, had: bool, has: bool) {
        if self.most == 0 {
            return;
        }
        let mut queue = self.lock();
        let had = had | queue.granted.remove(node) | queue.held.remove(node);
        if has {
            queue.held.insert(node.clone());
        } else if had {
            std::mem::take(&mut queue.waiting).iter().for_each(|node| fleet.wake(node));
        }
    }

    /// The node is gone, and its slot with it.
    pub(crate) fn forget(&self, fleet: &Fleet, namespace: &str, name: &str) {
        if self.most == 0 {
            return;
        }
        let other = |node: &NodeRef| (node.namespace.as_str(), node.name.as_str()) != (namespace, name);
        let mut queue = self.lock();
        queue.granted.retain(other);
        queue.held.retain(other);
        queue.waiting.retain(other);
        std::mem::take(&mut queue.waiting).iter().for_each(|node| fleet.wake(node));
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a node is being rolled out, as far as is stored.
pub(crate) fn is_rolling(node: &SeiNode) -> bool {
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
    plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate)
}

fn rolling(fleet: &Fleet) -> BTreeSet<NodeRef> {
    let cached: Vec<_> = fleet.nodes().collect();
    let written = fleet.recent.all();
    let nodes = recent::overlay(cached.iter().filter_map(|node| node.0.as_ref().ok()), &written);
    nodes.into_iter().filter(|node| is_rolling(node)).map(|node| NodeRef::of(&node.metadata)).collect()
}
