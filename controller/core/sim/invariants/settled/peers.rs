//! Invariants of a node's id and its peers, once the world has come to rest.

use seinode_api::conditions::find;
use seinode_core::{
    configuration::PERSISTENT_PEERS,
    intent::Intent,
    peers::{Peers, union},
    task_type::TaskType,
};

use super::{Rested, Violation};
use crate::objects::Kind;

impl Rested<'_> {
    /// The SeiNodes that the node selects, as they are.
    pub(super) fn peers(&self, intent: &Intent) -> Peers {
        let mut peers = Peers::default();
        for other in self.world.api.list(Kind::Node).filter_map(|other| other.node()) {
            peers.consider(&self.subject.node, intent, other);
        }
        peers.recall(&self.status);
        peers
    }

    /// Checks that the node publishes its id, and tells who its peers are: also those that select it, so that no two wait
    /// for each other.
    pub(super) fn knows_its_peers(&self, intent: &Intent) -> Result<(), Violation> {
        let pod = self.pod().filter(|pod| pod.controller().is_some());
        let id = pod.and_then(|pod| self.world.sidecars.process_id(pod.uid())).map(|id| id.to_string());
        if intent.key_secrets().is_none() && id.is_some() {
            self.is("a node that runs publishes its id", self.status.node_id == id)?;
        }
        let selected = self.peers(intent);
        let peers = selected.addresses();
        let listed = self.status.resolved_peers.iter().filter(|listed| listed.contains('@')).cloned();
        self.is("the peers are those that there are", listed.eq(peers.iter().cloned()))?;
        if intent.label_sources().next().is_none() {
            return Ok(());
        }
        let told = find(&self.status.conditions, "PeersResolved").map(|it| it.reason.as_str());
        let is_empty = union(intent, &selected).is_empty();
        self.is("an empty set of peers is told", is_empty == (told == Some("NoPeers")))
    }

    /// Checks that the peers in the configuration are those of now.
    pub(super) fn has_its_peers(&self, intent: &Intent, volume: &str) -> Result<(), Violation> {
        let config = self.world.sidecars.written(volume, TaskType::ConfigApply).cloned().flatten();
        let given = config.as_ref().map(|params| &params["overrides"][PERSISTENT_PEERS]);
        let given = given.and_then(|given| given.as_str()).unwrap_or_default().to_owned();
        let wanted = union(intent, &self.peers(intent)).join(",");
        let forgotten = self.world.ledger.forgotten.contains(&self.key);
        self.is("the configuration has the peers of now, or says so", given == wanted || forgotten)
    }
}
