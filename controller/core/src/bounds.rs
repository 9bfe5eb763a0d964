//! Bounds of a status: whatever a spec, a sidecar, an API server or another field manager says, the API server can store it.
//!
//! An object has room for 1.5 MiB, its spec included. Applied last, in one place, so that no message has to think of it.

use seinode_api::SeiNodeStatus;

use crate::{
    conditions,
    text::{MESSAGE, WORDS, shorten},
};

/// Most peers that status lists; the sidecar is given all of them.
const PEERS: usize = 1_000;

/// Cuts down what is longer than a person reads.
pub(crate) fn apply(status: &mut SeiNodeStatus) {
    if let Some(plan) = &mut status.plan {
        let texts = plan.tasks.iter_mut().filter_map(|task| task.error.as_mut());
        texts.chain(plan.message.as_mut()).for_each(|text| shorten(text, WORDS));
    }
    if let Some(stop) = &mut status.scaled_by_hand {
        shorten(&mut stop.manager, WORDS);
    }
    for condition in status.conditions.iter_mut().filter(|it| conditions::is_ours(&it.type_)) {
        shorten(&mut condition.message, MESSAGE);
    }
    status.resolved_peers.truncate(PEERS);
    if let Some(given) = &mut status.configured {
        given.peer_addresses.truncate(PEERS);
        given.peers_failed.iter_mut().for_each(|text| shorten(text, WORDS));
    }
}

#[cfg(test)]
mod tests;
