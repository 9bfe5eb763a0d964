//! The node's own id: each node finds out its own and publishes it in status, where those that select it as a peer read it. So
//! N nodes that select each other cost N requests.

use seinode_api::SeiNodeStatus;

use crate::{
    decision::Act,
    keys::Finding,
    observation::{Container, Observation, OwnId},
    query::Query,
    subject::Subject,
};

/// Publishes the node's id. Returns the query that it takes. An id that cannot be had now stays as it was: nothing waits.
///
/// A node whose P2P key comes from a Secret has that key's id, whatever its sidecar says: only `seid` mounts the Secret.
pub(super) fn publish(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Option<Act> {
    let intent = subject.intent.as_ref().ok()?;
    let id = if intent.key_secrets().is_some() {
        match &seen.keys.as_ref()?.node {
            Finding::Valid(id) => id,
            Finding::Missing(_) | Finding::Going(_) | Finding::Invalid(_) | Finding::Unread(_) => {
                return None;
            }
        }
    } else {
        let pod = seen.host().filter(|pod| pod.ip.is_some() && pod.sidecar == Container::Up)?;
        match &seen.own_id {
            OwnId::Due => return Some(Act::Fetch(Query::NodeId(pod.uid.clone()))),
            OwnId::Untold => return None,
            OwnId::Is(id) => id,
        }
    };
    next.node_id = Some(id.to_string());
    None
}
