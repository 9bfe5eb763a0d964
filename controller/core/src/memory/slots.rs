//! Rollout slots: bounds on the nodes that rollouts take down at once.
//!
//! The holders are read from the stored statuses: a node holds a slot from the moment it takes a new target until it serves
//! or its target changes. No deadline frees a slot, so a bad image stops at the first nodes. Only between the grant and the
//! stored status the slot is kept here.

mod policy;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use self::policy::{BadShare, RolloutPolicy, Share};
use crate::{
    intent::ModeName,
    node::{NodeName, NodeRef},
    observation::{Slot, Standing},
};

/// Nodes that are named to a node that waits.
const NAMED: usize = 5;

/// Nodes of which only a part may be down at once: those of one chain and mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The chain id.
    pub chain: String,
    /// The mode; `None` where the spec names none.
    pub mode: Option<ModeName>,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain {}", self.chain)?;
        self.mode.map_or(Ok(()), |mode| write!(f, " in mode {mode}"))
    }
}

/// Slot that a node holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// None.
    Nothing,
    /// None, and an update under way has taken it down all the same.
    NothingAnyMore,
    /// One for the target that it asks for.
    ThisTarget,
    /// One for an earlier target.
    EarlierTarget,
}

/// A node that asks for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The node.
    pub node: NodeRef,
    /// Its group.
    pub group: Group,
    /// Its standing now.
    pub standing: Standing,
    /// Slot that it holds already.
    pub held: Held,
}

/// Other nodes that count, as far as they are stored and watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Holders of slots, of all groups.
    pub holders: BTreeMap<NodeRef, Group>,
    /// Nodes of the asker's group that are not Ready and hold no slot; those that are surely down aside.
    pub unready: BTreeSet<NodeRef>,
    /// Nodes of the asker's group that were up once, itself included.
    pub were_up: usize,
    /// True if a holder of the asker's group is surely down with the image that the asker is to get.
    pub is_suspect: bool,
}

/// The slots of all rollouts.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    policy: RolloutPolicy,
    /// Nodes that were granted a slot and have not stored it yet.
    granted: BTreeMap<NodeRef, Group>,
    /// Nodes that others may wait for, as far as is known.
    counted: BTreeSet<NodeRef>,
    /// Nodes that were refused a slot.
    waiting: BTreeMap<NodeRef, Group>,
    /// Nodes that wait no more, because they were told of a slot that may be free.
    woken: BTreeSet<NodeRef>,
}

impl Slots {
    /// Slots in these bounds.
    #[must_use]
    pub fn new(policy: RolloutPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The bounds.
    #[must_use]
    pub fn policy(&self) -> &RolloutPolicy {
        &self.policy
    }

    /// True if slots are counted at all.
    #[must_use]
    pub fn are_limited(&self) -> bool {
        self.policy.concurrent != 0 || self.policy.unavailable != Share::ALL
    }

    /// Grants a node a slot, or names whom it has to wait for.
    ///
    /// The newest spec wins at once: a node that holds a slot is not refused one for another target, and one that an update
    /// has taken down goes on. A node that is surely down needs none, so a fix always gets out; unless a holder is down with
    /// the very same image.
    pub fn take(&mut self, asker: &Asker, census: &Census) -> Slot {
        if !self.are_limited() {
            return Slot::Granted;
        }
        let is_down = match asker.held {
            Held::Nothing => asker.standing.is_surely_down(),
            Held::NothingAnyMore => true,
            Held::EarlierTarget => asker.standing == Standing::Absent,
            Held::ThisTarget => false,
        };
        if is_down && (!census.is_suspect || asker.held == Held::NothingAnyMore) {
            self.waiting.remove(&asker.node);
            return Slot::NotNeeded;
        }
        if asker.held == Held::Nothing
            && let Some(refusal) = self.refusal(asker, census)
        {
            self.counted.extend(census.holders.keys().chain(&census.unready).cloned());
            self.waiting.insert(asker.node.clone(), asker.group.clone());
            self.woken.remove(&asker.node);
            return Slot::Taken(refusal);
        }
        self.waiting.remove(&asker.node);
        self.granted.insert(asker.node.clone(), asker.group.clone());
        Slot::Granted
    }

    /// True if the holders alone leave no slot for a node that needs one.
    #[must_use]
    pub fn is_full(&self, asker: &Asker, census: &Census) -> bool {
        let needs = asker.held == Held::Nothing && !asker.standing.is_surely_down();
        needs && self.refusal(asker, census).is_some()
    }

    /// Why there is no slot for a node.
    fn refusal(&self, asker: &Asker, census: &Census) -> Option<String> {
        let mut holders = census.holders.clone();
        holders.extend(self.granted.clone());
        holders.remove(&asker.node);
        let RolloutPolicy { concurrent, unavailable, settle: _ } = self.policy;
        if concurrent != 0 && holders.len() >= concurrent {
            let by = named(holders.keys());
            return Some(format!(
                "--max-concurrent-rollouts={concurrent}: the slots are taken by {by}; see SlotHeld there"
            ));
        }
        if unavailable == Share::ALL {
            return None;
        }
        let limit = unavailable.of(census.were_up);
        let holders: BTreeSet<_> =
            holders.iter().filter(|(_, group)| **group == asker.group).map(|(node, _)| node).collect();
        let unready: BTreeSet<_> =
            census.unready.iter().filter(|node| **node != asker.node && !holders.contains(node)).collect();
        // A node that is not Ready is counted already: its rollout takes no other away.
        let is_counted = asker.standing == Standing::NotReady && holders.len() < limit;
        if holders.len().saturating_add(unready.len()) < limit || is_counted {
            return None;
        }
        let mut words = format!(
            "--max-unavailable-per-chain={unavailable}: of {} nodes of {} {limit} may be down at once",
            census.were_up, asker.group
        );
        if !holders.is_empty() {
            words.push_str(&format!("; the slots are taken by {}; see SlotHeld there", named(holders)));
        }
        if !unready.is_empty() {
            words.push_str(&format!("; not Ready: {}", named(unready)));
        }
        Some(words)
    }

    /// Records the end of a reconcile: whether others may have to wait for the node now. Returns the nodes that may take what
    /// it gave back.
    pub fn reconciled(&mut self, node: &NodeRef, counts: bool) -> Vec<NodeRef> {
        if !self.are_limited() {
            return Vec::new();
        }
        let counted = self.granted.remove(node).is_some() | self.counted.remove(node);
        if counts {
            self.counted.insert(node.clone());
        }
        // It was granted a slot, and there may be another; or it wants none any more.
        let passes_on = self.woken.remove(node);
        if passes_on || (counted && !counts) { self.wake() } else { Vec::new() }
    }

    /// Forgets a node that is gone. Returns the nodes that may take its slot.
    pub(super) fn forget(&mut self, gone: &NodeName) -> Vec<NodeRef> {
        let other = |node: &NodeRef| NodeName::from(node) != *gone;
        self.granted.retain(|node, _| other(node));
        self.counted.retain(other);
        self.waiting.retain(|node, _| other(node));
        self.woken.retain(other);
        self.wake()
    }

    /// One waiting node of each group: who gets a slot, or wants none any more, wakes the next. Were all woken at once, a
    /// fleet would look through itself for every slot.
    fn wake(&mut self) -> Vec<NodeRef> {
        let mut first = BTreeMap::new();
        for (node, group) in &self.waiting {
            first.entry(group).or_insert(node);
        }
        let first: Vec<NodeRef> = first.into_values().cloned().collect();
        self.waiting.retain(|node, _| !first.contains(node));
        self.woken.extend(first.iter().cloned());
        first
    }
}

fn named<'a>(nodes: impl IntoIterator<Item = &'a NodeRef>) -> String {
    let mut nodes = nodes.into_iter();
    let first: Vec<_> = nodes.by_ref().take(NAMED).map(ToString::to_string).collect();
    match nodes.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
