//! PeersResolved: what the sources of peers have brought, and who was left out.

use seinode_api::{SeiNodeStatus, conditions as types};

use crate::{
    conditions::{Truth, Verdict},
    intent::Intent,
    observation::Observation,
    peers::union,
    text,
};

/// PeersResolved: told of a node that selects SeiNodes or has peers found by its sidecar.
pub(super) fn resolved(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Option<Verdict> {
    let failed = next.configured.as_ref().and_then(|given| given.peers_failed.as_ref());
    let selects = intent.label_sources().next().is_some();
    if !selects && !intent.discovers_peers() && failed.is_none() {
        return None;
    }
    let unmatched = seen.peers.unmatched(intent);
    let unresolved: Vec<_> = seen.peers.unresolved().collect();
    let kept: Vec<_> = seen.peers.kept().collect();
    let is_empty = union(intent, &seen.peers).is_empty() && !intent.peers.is_empty();
    let nobody = is_empty && (failed.is_some() || !intent.discovers_peers());
    let is =
        |status, reason, message| Some(Verdict { type_: types::PEERS_RESOLVED, status, reason, message });
    let mut told = Vec::new();
    if !unmatched.is_empty() {
        told.push(format!(
            "no other SeiNode that this operator serves has {}: create one, or correct the selector",
            text::joined(&unmatched, " or ", text::MESSAGE / 4)
        ));
    }
    if !unresolved.is_empty() {
        told.push(format!(
            "left out until their sidecars tell their node ids: {}",
            text::joined(&unresolved, ", ", text::MESSAGE / 4)
        ));
    }
    if !kept.is_empty() {
        told.push(format!(
            "kept at their last known addresses until their sidecars tell their node ids: {}",
            text::joined(&kept, ", ", text::MESSAGE / 4)
        ));
    }
    if let Some(why) = failed {
        told.push(format!("the sidecar could not find peers, and the other sources stand: {why}"));
    }
    let reason = match (nobody, failed, unmatched.is_empty(), unresolved.is_empty() && kept.is_empty()) {
        (true, ..) => "NoPeers",
        (false, Some(_), ..) => "DiscoveryFailed",
        (false, None, false, _) => "NoMatch",
        (false, None, true, false) => "Unresolved",
        (false, None, true, true) => {
            return is(
                Truth::True,
                "Resolved",
                "every source of spec.peers has brought its peers".to_owned(),
            );
        }
    };
    let nobody = if nobody { "no source of spec.peers brings a peer; " } else { "" };
    is(Truth::False, reason, format!("{nobody}{}", told.join("; ")))
}
