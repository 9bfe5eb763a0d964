//! Memory of one process between reconciles, forgotten when it ends. No locks: the controller holds one around it.
//!
//! Everything that must survive a restart is in status instead. A new leader begins with an empty memory, and a lost one
//! costs a reconcile, never a repeated effect.

mod backoff;
mod burst;
mod flaps;
mod key_findings;
mod missing_pod;
mod own_id;
mod own_writes;
mod sidecar;
mod slots;
mod status_writes;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kube::ResourceExt;
use seinode_api::SeiNode;

pub use self::{
    backoff::Retries,
    burst::Burst,
    flaps::Flaps,
    key_findings::{KeyFindings, StrayKeys},
    missing_pod::MissingPod,
    own_id::NodeIdAnswer,
    own_writes::OwnWrites,
    sidecar::{Incarnation, Probing, Sidecar},
    slots::{Asker, BadShare, Census, Group, Held, RolloutPolicy, Share, Slots},
    status_writes::StatusWrites,
};
pub(crate) use self::{missing_pod::Told, sidecar::probe};
use crate::{
    node::{NodeName, NodeRef},
    rate::{Monotonic, Now},
    sidecar::{Answer, Health},
};

/// Memory of one process.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    nodes: BTreeMap<NodeName, NodeMemory>,
    /// Rollouts at once.
    pub slots: Slots,
    /// Gates that shut lately, of all nodes.
    pub burst: Burst,
    /// Keys of pods without a SeiNode.
    pub stray_keys: StrayKeys,
    /// For how long gates were shut that are open again, since somebody took this.
    healed: Vec<Duration>,
}

/// Memory of one node.
#[derive(Clone, Debug, Default)]
pub struct NodeMemory {
    /// The UID of the SeiNode: a namesake of a deleted node has no memory.
    uid: String,
    /// Objects that our last writes returned.
    pub own_writes: OwnWrites,
    /// Its status write that is deferred.
    pub status_writes: StatusWrites,
    /// Times at which its gate was opened lately.
    pub flaps: Flaps,
    /// Last findings in the Secrets of its keys.
    pub keys: KeyFindings,
    /// Last answer of its sidecar about its node id.
    pub node_id: NodeIdAnswer,
    /// Its pod, while it is missing.
    pub missing_pod: Option<MissingPod>,
    /// Fruitless retries in a row.
    pub retries: Retries,
    /// Last answer of its sidecar; absent while nobody probes it.
    pub sidecar: Option<Sidecar>,
}

impl Memory {
    /// An empty memory with these bounds of rollouts.
    #[must_use]
    pub fn with_slots(policy: RolloutPolicy) -> Self {
        Self { slots: Slots::new(policy), ..Self::default() }
    }

    /// The memory of this very node, empty at first.
    pub fn node(&mut self, node: &NodeRef) -> &mut NodeMemory {
        let memory = self.nodes.entry(node.into()).or_default();
        if memory.uid != node.uid {
            *memory = NodeMemory { uid: node.uid.clone(), ..NodeMemory::default() };
        }
        memory
    }

    /// The memory of this very node, if there is any.
    #[must_use]
    pub fn get(&self, node: &NodeRef) -> Option<&NodeMemory> {
        self.nodes.get(&NodeName::from(node)).filter(|memory| memory.uid == node.uid)
    }

    /// Forgets a node that is gone. Returns the nodes that waited for its rollout slot.
    pub fn forget(&mut self, name: &NodeName) -> Vec<NodeRef> {
        self.nodes.remove(name);
        self.slots.forget(name)
    }

    /// The newer of the cached SeiNode and the one that our last write returned.
    #[must_use]
    pub fn newest(&self, cached: Arc<SeiNode>) -> Arc<SeiNode> {
        let name = NodeName::of(&cached.metadata);
        let ours = self.nodes.get(&name).and_then(|memory| memory.own_writes.newer_than(&cached));
        ours.map_or(cached, Arc::clone)
    }

    /// The version of a cached SeiNode that our last write returned, if that is newer.
    #[must_use]
    pub fn newer_than(&self, cached: &SeiNode) -> Option<&Arc<SeiNode>> {
        // Own writes are few: most nodes have none, and need no look-up by name.
        self.nodes.get(&NodeName::of(&cached.metadata))?.own_writes.newer_than(cached)
    }

    /// Records that the watch has brought this version of a SeiNode: an older one of ours is needed no more.
    pub fn caught_up<K: ResourceExt>(&mut self, cached: &K) {
        if let Some(memory) = self.nodes.get_mut(&NodeName::of(cached.meta())) {
            memory.own_writes.caught_up(cached);
        }
    }

    /// Number of status writes that are deferred, of all nodes.
    #[must_use]
    pub fn deferred_writes(&self) -> usize {
        self.nodes.values().filter(|memory| memory.status_writes.is_deferring()).count()
    }

    /// Records a sidecar's answer about its gate. Returns whether it is another one than before; an answer of an earlier
    /// incarnation is not recorded.
    pub fn answered(
        &mut self,
        node: &NodeRef,
        incarnation: &Incarnation,
        answer: Answer<Health>,
        now: Now,
    ) -> bool {
        let memory = self.nodes.get_mut(&NodeName::from(node)).filter(|memory| memory.uid == node.uid);
        let Some(sidecar) = memory.and_then(|memory| memory.sidecar.as_mut()) else { return false };
        if sidecar.incarnation != *incarnation {
            return false;
        }
        let is_news = sidecar.answer.as_ref() != Some(&answer);
        let change = sidecar.take(answer, now.monotonic);
        if let sidecar::Change::Shut = change {
            self.burst.note(now.monotonic);
        }
        if let sidecar::Change::Opened { after } = change {
            self.healed.push(after);
        }
        is_news
    }

    /// The sidecars that are probed.
    pub fn probed(&self) -> impl Iterator<Item = (NodeRef, &Sidecar)> {
        self.nodes.iter().filter_map(|(name, memory)| {
            let NodeName { namespace, name } = name.clone();
            Some((NodeRef { namespace, name, uid: memory.uid.clone() }, memory.sidecar.as_ref()?))
        })
    }

    /// For how long gates were shut that are open again, since this was called last.
    pub fn take_healed(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.healed)
    }

    /// True if many gates shut a moment ago: others may follow.
    #[must_use]
    pub fn is_burst(&self, now: Monotonic) -> bool {
        self.burst.is_on(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::Finding, observation::KeyCheck};

    fn node(uid: &str) -> NodeRef {
        NodeRef { namespace: "sei".into(), name: "n0".into(), uid: uid.into() }
    }

    fn now(seconds: u64) -> Now {
        let wall = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
        Now { wall, monotonic: Monotonic(Duration::from_secs(seconds)) }
    }

    #[test]
    fn a_namesake_has_no_memory_of_its_predecessor() {
        let mut memory = Memory::default();
        memory.node(&node("old")).flaps.note(now(1).monotonic);
        assert!(memory.get(&node("new")).is_none());
        assert_eq!(memory.node(&node("new")).flaps.count(now(1).monotonic), 0);
        assert!(memory.get(&node("old")).is_none(), "there is one SeiNode of a name");
    }

    #[test]
    fn forgetting_a_node_is_one_removal() {
        let mut memory = Memory::default();
        let (finding, node) = (Finding::Missing("gone".into()), Finding::Missing("gone".into()));
        let check =
            KeyCheck { at: now(1).wall, pod: None, seid_id: None, mounted: None, signing: finding, node };
        memory.node(&self::node("u")).keys.note(check, &[]);
        memory.forget(&NodeName::from(&self::node("u")));
        assert!(memory.get(&self::node("u")).is_none());
    }

    #[test]
    fn an_answer_of_an_earlier_incarnation_is_not_recorded() {
        let mut memory = Memory::default();
        let of = |pod: &str| Incarnation { pod_uid: pod.into(), restarts: 0, since: None };
        memory.node(&node("u")).sidecar = Some(Sidecar::new(of("new")));
        assert!(!memory.answered(&node("u"), &of("old"), Ok(Health::Ready), now(1)));
        assert_eq!(memory.node(&node("u")).sidecar.as_ref().unwrap().answer, None);
        assert!(memory.answered(&node("u"), &of("new"), Ok(Health::Ready), now(1)));
        assert!(!memory.answered(&node("u"), &of("new"), Ok(Health::Ready), now(2)), "no news");
    }

    #[test]
    fn the_time_that_a_gate_was_shut_is_reported_once() {
        let mut memory = Memory::default();
        let incarnation = Incarnation { pod_uid: "p".into(), restarts: 0, since: None };
        memory.node(&node("u")).sidecar = Some(Sidecar::new(incarnation.clone()));
        for (second, health) in [(1, Health::NotReady), (3, Health::NotReady), (4, Health::Ready)] {
            memory.answered(&node("u"), &incarnation, Ok(health), now(second));
        }
        assert_eq!(memory.take_healed(), [Duration::from_secs(3)]);
        assert!(memory.take_healed().is_empty());
    }
}
