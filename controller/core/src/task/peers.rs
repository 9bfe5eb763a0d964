//! Peers before the first configuration of a node: those that are coming up beside it are given a moment.

use jiff::SignedDuration;

use super::{Step, Until, wait};
use crate::{effect::Submission, intent::Intent, observation::Observation, task_type::TaskType, time::after};

/// Time since the start of the node's own sidecar for which a peer may take to publish its id. Nodes that select each other
/// are mostly created together, and an id is there as soon as a peer's sidecar is.
const COMING: SignedDuration = SignedDuration::from_secs(30);
/// Time for which a first peer may take to be created.
const CREATED: SignedDuration = SignedDuration::from_secs(5);

/// The wait before a new node is configured without peers that may be known in a moment; `None` when there is nothing to wait
/// for. It ends by itself: an empty set is legal. Not for a node that was up.
pub(crate) fn before(submission: &Submission, intent: &Intent, seen: &Observation) -> Option<Step> {
    let since = seen.host()?.sidecar_since.filter(|_| submission.task == TaskType::ConfigApply)?;
    let unmatched = intent.label_sources().next().is_some() && seen.peers.addresses().is_empty();
    let (why, patience) = match (seen.peers.is_incomplete(), unmatched) {
        (true, _) => ("peers are coming up: their node ids are not known yet", COMING),
        (false, true) => ("no SeiNode that spec.peers selects has a known node id yet", CREATED),
        (false, false) => return None,
    };
    let until = after(since, patience);
    (seen.now < until).then(|| wait(why, Until::At(until)))
}
