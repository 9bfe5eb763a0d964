//! Rollout slots (`--max-concurrent-rollouts`).
//!
//! The holders are read from the stored plans: a node holds a slot from the moment its plan is stored until the plan is
//! gone, also while the plan fails and is retried. Only between the grant and the stored plan the slot is kept here.

use std::collections::BTreeSet;

use crate::{
    node::{NodeName, NodeRef},
    observation::Slot,
};

/// Holders that are named to a node that waits.
const NAMED: usize = 5;

/// The slots of all rollouts.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// Number of slots; 0 for no limit.
    limit: usize,
    /// Nodes that were granted a slot and have not stored their plan yet.
    granted: BTreeSet<NodeRef>,
    /// Nodes that held one when their last reconcile ended. The write that gave it back may be known by the watch only.
    held: BTreeSet<NodeRef>,
    /// Nodes that were refused one.
    waiting: BTreeSet<NodeRef>,
}

impl Slots {
    /// This many slots; 0 for no limit.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// True if slots are counted at all.
    #[must_use]
    pub fn are_limited(&self) -> bool {
        self.limit != 0
    }

    /// Grants the node a slot, or names the holders; `rolling` are the nodes whose stored plan is a rollout.
    pub fn take(&mut self, rolling: BTreeSet<NodeRef>, node: &NodeRef) -> Slot {
        if !self.are_limited() {
            return Slot::Granted;
        }
        let mut holders = rolling;
        holders.extend(self.granted.iter().cloned());
        holders.remove(node);
        if holders.len() < self.limit {
            self.waiting.remove(node);
            self.granted.insert(node.clone());
            return Slot::Granted;
        }
        self.waiting.insert(node.clone());
        Slot::Taken(holders.iter().take(NAMED).map(ToString::to_string).collect())
    }

    /// Records the end of a reconcile: whether the node was rolled out when it began, and is now. Returns the nodes that
    /// may take the slot that it gave back.
    pub fn reconciled(&mut self, node: &NodeRef, had: bool, has: bool) -> Vec<NodeRef> {
        if !self.are_limited() {
            return Vec::new();
        }
        let had = had | self.granted.remove(node) | self.held.remove(node);
        if has {
            self.held.insert(node.clone());
        }
        if had && !has { self.give_back() } else { Vec::new() }
    }

    /// Forgets a node that is gone. Returns the nodes that may take its slot.
    pub(super) fn forget(&mut self, gone: &NodeName) -> Vec<NodeRef> {
        let other = |node: &NodeRef| NodeName::from(node) != *gone;
        self.granted.retain(other);
        self.held.retain(other);
        self.waiting.retain(other);
        self.give_back()
    }

    fn give_back(&mut self) -> Vec<NodeRef> {
        std::mem::take(&mut self.waiting).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeRef {
        NodeRef { namespace: "sei".into(), name: name.into(), uid: name.into() }
    }

    fn taken_by(name: &str) -> Slot {
        Slot::Taken(vec![format!("sei/{name}")])
    }

    #[test]
    fn a_slot_is_held_from_the_grant_until_the_plan_is_gone() {
        let mut slots = Slots::new(1);
        assert_eq!(slots.take(BTreeSet::new(), &node("a")), Slot::Granted);
        assert_eq!(slots.take(BTreeSet::new(), &node("b")), taken_by("a"), "its plan is not stored yet");
        assert!(slots.reconciled(&node("a"), false, true).is_empty());
        assert_eq!(slots.take(BTreeSet::from([node("a")]), &node("b")), taken_by("a"));
        assert_eq!(slots.reconciled(&node("a"), true, false), [node("b")], "the waiting node looks again");
        assert_eq!(slots.take(BTreeSet::new(), &node("b")), Slot::Granted);
    }

    #[test]
    fn a_node_that_is_gone_gives_its_slot_back() {
        let mut slots = Slots::new(1);
        slots.take(BTreeSet::new(), &node("a"));
        slots.take(BTreeSet::new(), &node("b"));
        assert_eq!(slots.forget(&NodeName::from(&node("a"))), [node("b")]);
        assert_eq!(slots.take(BTreeSet::new(), &node("b")), Slot::Granted);
    }

    #[test]
    fn without_a_limit_every_node_gets_a_slot() {
        let mut slots = Slots::new(0);
        for name in ["a", "b", "c"] {
            assert_eq!(slots.take(BTreeSet::new(), &node(name)), Slot::Granted);
        }
    }
}
