//! The state of all simulated sidecars: pods and volumes as seen, processes, memories, volumes' contents.
//!
//! Pure: time is an argument, and what has to happen later leaves as a [`Timer`]. It never waits, locks or
//! speaks HTTP.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    address::NodeKey,
    home::{Home, VolumeId},
    journal::{Journal, Overlap},
    metrics::Metrics,
    peers::{Others, Peers},
    process::{PodView, ProcessId, answering},
    settings::{Deviation, Settings, Uses, take},
};

mod by_hand;
mod probes;
mod processes;
mod requests;
mod tasks;

pub(crate) use by_hand::Move;
pub(crate) use requests::{Arrival, Garble, Incoming};
pub(crate) use tasks::Ending;

/// All nodes.
#[derive(Debug, Default)]
pub(crate) struct World {
    nodes: BTreeMap<NodeKey, NodeState>,
    homes: BTreeMap<VolumeId, Home>,
    /// UID of each claim, by namespace and name.
    claims: BTreeMap<(String, String), String>,
    defaults: Settings,
    /// Hosts outside the cluster that answer to `discover-peers`, with their node ids.
    pub(crate) foreign_peers: BTreeMap<String, String>,
    /// Behaviour of unknown hosts.
    pub(crate) strangers: Others,
    timers: Vec<Timer>,
    last_number: u64,
}

/// One node.
#[derive(Debug, Default)]
pub(crate) struct NodeState {
    pods: BTreeMap<String, PodView>,
    /// The pods as the watch reported them; a test may have moved those in `pods` by hand since.
    seen: BTreeMap<String, PodView>,
    process: Option<Process>,
    /// Number of processes so far; seeds their start delays.
    boots: u64,
    /// The pod in which the gate was opened, hence `seid` runs.
    seid_runs_in: Option<String>,
    /// The volume of a node that a test drives by hand.
    bare_volume: Option<u64>,
    settings: Settings,
    uses: Uses,
    pub(crate) journal: Journal,
}

/// One sidecar process, from the start of its container on.
#[derive(Debug)]
struct Process {
    id: ProcessId,
    volume: VolumeId,
    /// Tells this process from earlier ones of the same identity.
    number: u64,
    /// `None` until the start delay is over.
    memory: Option<Memory>,
    /// Cancelled when the process ends: open requests end with it.
    ended: CancellationToken,
}

/// State of a process that is lost with it.
#[derive(Debug, Default)]
struct Memory {
    ready: bool,
    metrics: Metrics,
    /// Runs that will end by themselves, by number. A run that is not listed has lost its process or its store.
    in_flight: BTreeSet<u64>,
    /// Runs that wait for a test to release their type.
    held: Vec<Ending>,
    /// Runs that would go on as long as the process.
    endless: Vec<Ending>,
}

/// Something that happens by itself after a while.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) after: Duration,
    pub(crate) due: Due,
}

/// Action of a timer.
#[derive(Debug)]
pub(crate) enum Due {
    /// A process begins to answer.
    Start {
        /// Its node.
        node: NodeKey,
        /// Its number.
        number: u64,
    },
    /// A run of a task ends.
    End(Ending),
}

impl World {
    fn node(&mut self, key: &NodeKey) -> &mut NodeState {
        self.nodes.entry(key.clone()).or_default()
    }

    /// The settings of a node, or the defaults.
    pub(crate) fn settings(&mut self, of: Option<&NodeKey>) -> &mut Settings {
        match of {
            Some(key) => &mut self.node(key).settings,
            None => &mut self.defaults,
        }
    }

    pub(crate) fn existing(&self, key: &NodeKey) -> Option<&NodeState> {
        self.nodes.get(key)
    }

    /// Takes the timers added since the last call.
    pub(crate) fn take_timers(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.timers)
    }

    pub(crate) fn fire(&mut self, due: Due, now: Timestamp) {
        match due {
            Due::Start { node, number } => self.started(&node, number, now),
            Due::End(ending) => self.end_of_run(ending, now),
        }
    }

    /// A number that was never given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn pod_seen(&mut self, pod: PodView, now: Timestamp) {
        let key = pod.node.clone();
        let node = self.node(&key);
        // The change does not concern the process: what a test moved by hand meanwhile stays.
        if node.seen.insert(pod.uid.clone(), pod.clone()).as_ref() == Some(&pod) {
            return;
        }
        if !node.pods.contains_key(&pod.uid) {
            let meets = |earlier: &PodView| Overlap {
                at: now,
                earlier: earlier.name.clone(),
                later: pod.name.clone(),
            };
            node.journal.overlaps.extend(node.pods.values().map(meets));
        }
        node.pods.insert(pod.uid.clone(), pod);
        self.follow(&key, now);
    }

    pub(crate) fn pod_gone(&mut self, node: &NodeKey, uid: &str, now: Timestamp) {
        let state = self.node(node);
        state.pods.remove(uid);
        state.seen.remove(uid);
        self.follow(node, now);
    }

    pub(crate) fn claim_seen(&mut self, namespace: &str, name: &str, uid: &str, now: Timestamp) {
        let claim = (namespace.to_owned(), name.to_owned());
        if let Some(old) = self.claims.insert(claim, uid.to_owned()).filter(|old| old != uid) {
            self.homes.remove(&VolumeId::Claim(old));
        }
        self.follow_all(namespace, now);
    }

    /// The claim is deleted, and with it everything on the volume.
    pub(crate) fn claim_gone(&mut self, namespace: &str, name: &str, uid: &str, now: Timestamp) {
        let claim = (namespace.to_owned(), name.to_owned());
        if self.claims.get(&claim).is_some_and(|known| known == uid) {
            self.claims.remove(&claim);
        }
        self.follow_all(namespace, now);
        self.homes.remove(&VolumeId::Claim(uid.to_owned()));
    }

    fn follow_all(&mut self, namespace: &str, now: Timestamp) {
        let nodes: Vec<_> = self.nodes.keys().filter(|key| key.namespace == namespace).cloned().collect();
        for node in nodes {
            self.follow(&node, now);
        }
    }

    /// The node's own setting, else the default.
    fn setting<T>(&self, key: &NodeKey, read: impl Fn(&Settings) -> Option<T>) -> Option<T> {
        let own = self.nodes.get(key).and_then(|node| read(&node.settings));
        own.or_else(|| read(&self.defaults))
    }

    /// Takes a rule that applies to the node and counts its use.
    fn deviation<T>(&mut self, key: &NodeKey, pick: impl Fn(&Deviation) -> Option<T>) -> Option<T> {
        let node = self.nodes.entry(key.clone()).or_default();
        take(&node.settings, &self.defaults, &mut node.uses, pick)
    }

    /// The running process's memory and volume.
    fn running(&mut self, key: &NodeKey) -> Option<(&mut Memory, &mut Home)> {
        let process = self.nodes.get_mut(key)?.process.as_mut()?;
        Some((process.memory.as_mut()?, self.homes.get_mut(&process.volume)?))
    }

    /// Returns true if the volume of a node's process has the settings of state sync.
    pub(crate) fn has_state_sync(&self, key: &NodeKey) -> bool {
        let process = self.nodes.get(key).and_then(|node| node.process.as_ref());
        process.and_then(|process| self.homes.get(&process.volume)).is_some_and(|home| home.state_sync)
    }

    /// Hosts whose `seid` answers, with their node ids.
    fn reachable_peers(&self) -> Peers {
        let in_cluster = self.nodes.iter().filter_map(|(key, node)| {
            let process = node.process.as_ref()?;
            let seid_runs = node.seid_runs_in.as_ref() == Some(&process.id.pod_uid);
            let node_id = self.homes.get(&process.volume)?.node_id.clone()?;
            seid_runs.then(|| (key.host(), node_id))
        });
        let known = in_cluster.chain(self.foreign_peers.clone()).collect();
        Peers { known, others: self.strangers }
    }
}

impl NodeState {
    /// The pod that runs or starts, if any.
    pub(crate) fn pod_uid(&self) -> Option<String> {
        match &self.process {
            Some(process) => Some(process.id.pod_uid.clone()),
            None => answering(self.pods.values()).map(|pod| pod.uid.clone()),
        }
    }

    /// Returns true if the process answers.
    pub(crate) fn is_up(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.memory.is_some())
    }

    /// Returns true if the process answers and its gate is open.
    pub(crate) fn is_ready(&self) -> bool {
        self.process.as_ref().and_then(|process| process.memory.as_ref()).is_some_and(|memory| memory.ready)
    }

    /// Returns true if nothing will happen by itself: no process is starting, and no run ends without the test.
    pub(crate) fn is_settled(&self) -> bool {
        self.process
            .as_ref()
            .is_none_or(|process| process.memory.as_ref().is_some_and(|memory| memory.in_flight.is_empty()))
    }
}

#[cfg(test)]
mod tests;
