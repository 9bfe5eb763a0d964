//! Peers of a node: the union of what its sources name, as `nodeId@host:port`.
//!
//! SeiNodes that a label source selects are resolved here: the host is the name of their Service, and the id is what they
//! publish in their status. Whoever has no known id is left out and reported; the last known address of a peer that is silent
//! is kept. An empty set is legal.

use std::collections::{BTreeMap, BTreeSet};

use seinode_api::{SeiNode, SeiNodeStatus, names};

use crate::{
    intent::{Intent, PeerSource},
    node::{NodeId, NodeRef},
};

/// Port that `seid` listens on for peers.
const P2P_PORT: u16 = 26656;

/// SeiNodes that the label sources of a node select.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// By host.
    selected: BTreeMap<String, Peer>,
    /// Places of the label sources that select one at least, counted among label sources.
    matched: BTreeSet<usize>,
}

/// A SeiNode that is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer {
    /// Its id, as far as is known.
    id: Option<NodeId>,
    /// True if it is to run, so that its id may be known in a moment.
    is_coming: bool,
    /// True if it does not publish its id now, and the last known one is kept.
    is_kept: bool,
}

impl Peers {
    /// Adds a SeiNode, if a label source of the intent selects it. The node is no peer of itself.
    pub fn consider(&mut self, node: &NodeRef, intent: &Intent, candidate: &SeiNode) {
        let meta = &candidate.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let name = meta.name.as_deref().unwrap_or_default();
        if (namespace, name) == (&node.namespace, &node.name) {
            return;
        }
        let none = BTreeMap::new();
        let labels = meta.labels.as_ref().unwrap_or(&none);
        let sources = intent.label_sources().enumerate();
        let matched =
            sources.filter(|(_, (sought, selector))| *sought == namespace && selects(selector, labels));
        let matched: Vec<usize> = matched.map(|(place, _)| place).collect();
        if matched.is_empty() {
            return;
        }
        self.matched.extend(matched);
        let suspended = meta.annotations.as_ref().and_then(|all| all.get(names::SUSPEND_ANNOTATION));
        let is_coming = meta.deletion_timestamp.is_none()
            && candidate.spec.paused != Some(true)
            && suspended.map(String::as_str) != Some("true");
        let id = published_id(candidate).and_then(NodeId::parse);
        self.selected.insert(host(namespace, name), Peer { id, is_coming, is_kept: false });
    }

    /// Completes peers whose id is not known now with the last known one: that which the node's status lists, or that which
    /// the node was configured with.
    pub fn recall(&mut self, status: &SeiNodeStatus) {
        let given = status.configured.iter().flat_map(|given| &given.peer_addresses);
        for (host, id) in status.resolved_peers.iter().chain(given).filter_map(|address| parts(address)) {
            if let Some(peer) = self.selected.get_mut(host)
                && peer.id.is_none()
            {
                peer.id = NodeId::parse(id);
                peer.is_kept = peer.id.is_some();
            }
        }
    }

    /// Every selected SeiNode: its address, or its host alone while its id is not known.
    pub(crate) fn list(&self) -> impl Iterator<Item = String> {
        self.selected.iter().map(|(host, peer)| match &peer.id {
            Some(id) => address(id, host),
            None => host.clone(),
        })
    }

    /// Addresses of the selected SeiNodes whose ids are known, in the order of their hosts.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let known = self.selected.iter().filter_map(|(host, peer)| Some(address(peer.id.as_ref()?, host)));
        known.collect()
    }

    /// Hosts of the selected SeiNodes that have another id than in these addresses.
    pub(crate) fn renewed(&self, given: &[String]) -> Vec<&str> {
        let given: BTreeMap<&str, &str> = given.iter().filter_map(|address| parts(address)).collect();
        let known = self.selected.iter().filter_map(|(host, peer)| Some((host.as_str(), peer.id.as_ref()?)));
        let renewed =
            known.filter(|(host, id)| given.get(host).is_some_and(|before| id.to_string() != *before));
        renewed.map(|(host, _)| host).collect()
    }

    /// Hosts of the selected SeiNodes whose ids are not known.
    pub(crate) fn unresolved(&self) -> impl Iterator<Item = &str> {
        self.selected.iter().filter(|(_, peer)| peer.id.is_none()).map(|(host, _)| host.as_str())
    }

    /// Hosts of the selected SeiNodes whose last known ids are kept.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &str> {
        self.selected.iter().filter(|(_, peer)| peer.is_kept).map(|(host, _)| host.as_str())
    }

    /// True if the id of a selected SeiNode may be known in a moment.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.selected.values().any(|peer| (peer.id.is_none() || peer.is_kept) && peer.is_coming)
    }

    /// The label sources of the intent that select nobody, as `namespace: label=value`.
    pub(crate) fn unmatched(&self, intent: &Intent) -> Vec<String> {
        let sources = intent.label_sources().enumerate();
        let unmatched = sources.filter(|(place, _)| !self.matched.contains(place));
        let words = |(namespace, selector): (&str, &BTreeMap<String, String>)| {
            let labels: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{} in namespace {namespace}", labels.join(","))
        };
        unmatched.map(|(_, source)| words(source)).collect()
    }
}

/// Addresses of all sources whose peers the operator resolves, in the order of the sources, each one once. What EC2 tags name
/// is not among them: only the sidecar may ask AWS.
#[must_use]
pub fn union(intent: &Intent, peers: &Peers) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    let label = peers.addresses();
    for source in &intent.peers {
        let found: Vec<&String> = match source {
            PeerSource::Ec2Tags { .. } => Vec::new(),
            PeerSource::Static { addresses } => addresses.iter().collect(),
            PeerSource::Label { .. } => label.iter().collect(),
        };
        all.extend(found.into_iter().filter(|address| known.insert(*address)).cloned());
    }
    all
}

/// Numbers of the SeiNodes that a node selects, by what is known of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The node is configured with their present addresses, or not configured yet.
    pub resolved: usize,
    /// The node is configured with another id of theirs, or without them.
    pub outdated: usize,
    /// Their ids are not known.
    pub unresolved: usize,
}

impl Tally {
    /// Counts what a status lists.
    #[must_use]
    pub fn of(status: &SeiNodeStatus) -> Self {
        let given = status.configured.as_ref().filter(|given| given.peers.is_some());
        let given: Option<BTreeSet<&String>> = given.map(|given| given.peer_addresses.iter().collect());
        let mut tally = Self::default();
        for address in &status.resolved_peers {
            let number = match (parts(address), &given) {
                (None, _) => &mut tally.unresolved,
                (Some(_), Some(given)) if !given.contains(address) => &mut tally.outdated,
                (Some(_), _) => &mut tally.resolved,
            };
            *number = number.saturating_add(1);
        }
        tally
    }
}

/// True if a SeiNode has a label source that selects another of this namespace with these labels: when that
/// one comes, goes, is relabelled or gets another id, this one has to look again (W19).
#[must_use]
pub fn depends_on(object: &SeiNode, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.peers.iter().filter_map(|source| source.label.as_ref()).any(|label| {
        let sought = label.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(own);
        sought == namespace && selects(&label.selector, labels)
    })
}

/// The id that a SeiNode publishes.
#[must_use]
pub fn published_id(object: &SeiNode) -> Option<&str> {
    object.status.as_ref()?.node_id.as_deref()
}

/// Host of a node: the name of its Service, without the cluster's domain, which resolvers add.
fn host(namespace: &str, name: &str) -> String {
    format!("{name}.{namespace}.svc")
}

/// Host and id of an address.
fn parts(address: &str) -> Option<(&str, &str)> {
    let (id, place) = address.split_once('@')?;
    Some((place.rsplit_once(':').map_or(place, |(host, _)| host), id))
}

fn address(id: &NodeId, host: &str) -> String {
    format!("{id}@{host}:{P2P_PORT}")
}

/// True if labels fulfil an equality selector.
fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
pub(crate) mod tests;
