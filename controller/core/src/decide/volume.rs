//! Recreates a data PVC that was lost, only where a person gives up its data by naming its UID.

use seinode_api::status::Phase;

use super::{
    init,
    turn::{Turn, rest},
};
use crate::{
    decision::Act,
    effect::{Effect, Replicas},
    intent::VolumeSource,
    observation::DataCheck,
    query::Query,
    task::Until,
};

/// Rule: annotation `sei.io/recreate-volume` with the UID of the lost PVC makes a new one.
pub(super) fn recreate(turn: &mut Turn<'_>) -> Option<Act> {
    let lost = turn.next.data_volume.as_ref().map(|volume| &volume.uid)?;
    let is_requested =
        turn.subject.recreate.as_ref() == Some(lost) && turn.intent.volume == VolumeSource::Own;
    if !is_requested || turn.seen.volume.is_some() || !turn.runs() {
        return None;
    }
    match &turn.seen.data {
        None => Some(Act::Fetch(Query::Data)),
        // A pod that still runs on the lost volume goes first: it would never see the new one.
        Some(DataCheck::Missing) if turn.seen.stateful_set.as_ref().is_some_and(|sts| sts.replicas > 0) => {
            Some(Act::Perform(Effect::Scale(Replicas::Zero)))
        }
        Some(DataCheck::Missing) if !turn.seen.pods.is_empty() => {
            Some(rest("the pod goes before a new data PVC is made", Until::Event))
        }
        Some(DataCheck::Missing) => {
            turn.next.data_volume = None;
            turn.next.background.clear();
            turn.set_phase(Phase::Initializing);
            turn.failures = 0;
            Some(init::begin(turn))
        }
        Some(DataCheck::Unread(failure)) => Some(rest(&failure.message, Until::Retry(failure.class))),
        Some(DataCheck::Safe | DataCheck::Going(_) | DataCheck::Unbound) => None,
    }
}
