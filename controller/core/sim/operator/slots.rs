//! How many rollouts go on at once (`controller/src/slots.rs`).

use std::collections::BTreeSet;

use seinode_api::SeiNode;
use seinode_core::{
    observation::Slot,
    plan::{Plan, PlanKind},
};

use crate::objects::Key;

/// The slots of all rollouts.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// How many there are; 0 for no limit.
    pub most: usize,
    granted: BTreeSet<Key>,
    held: BTreeSet<Key>,
    waiting: BTreeSet<Key>,
}

impl Slots {
    /// Gives a node a slot, or says who has them all; `rolling` are the nodes whose plans are stored.
    pub fn ask(&mut self, rolling: &BTreeSet<Key>, node: &Key) -> Slot {
        if self.most == 0 {
            return Slot::Granted;
        }
        let mut holders: BTreeSet<&Key> = rolling.iter().chain(&self.granted).collect();
        holders.remove(node);
        if holders.len() < self.most {
            self.waiting.remove(node);
            self.granted.insert(node.clone());
            return Slot::Granted;
        }
        let holders = holders.into_iter().map(|node| format!("{}/{}", node.namespace, node.name)).collect();
        self.waiting.insert(node.clone());
        Slot::Taken(holders)
    }

    /// A pass over a node is over; returns who is to look again.
    pub fn pass_ended(&mut self, node: &Key, had: bool, has: bool) -> BTreeSet<Key> {
        let had = had | self.granted.remove(node) | self.held.remove(node);
        if has {
            self.held.insert(node.clone());
        }
        if had && !has { std::mem::take(&mut self.waiting) } else { BTreeSet::new() }
    }

    /// A node is gone; returns who is to look again.
    pub fn forget(&mut self, node: &Key) -> BTreeSet<Key> {
        self.granted.remove(node);
        self.held.remove(node);
        self.waiting.remove(node);
        std::mem::take(&mut self.waiting)
    }
}

/// Whether a node is being rolled out, as far as is stored.
pub fn is_rolling(node: &SeiNode) -> bool {
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
    plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate)
}
