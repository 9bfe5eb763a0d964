//! Takes over what a SeiNode that is gone has left, where annotation `sei.io/adopt` asks for it.

use seinode_api::status::{AdoptionStatus, Phase};

use super::turn::{Turn, rest};
use crate::{
    adoption::Child,
    decision::Act,
    effect::Effect,
    failure::Class,
    handover::{self, Next},
    intent::VolumeSource,
    node::Owner,
    query::Query,
    retention::Retention,
    sidecar::Health,
    task::{Until, rollout},
};

/// Rule: what was left is handed over child by child, after the record of it is stored. A node that is not up waits for it: an
/// empty volume is not what the annotation asks for.
pub(super) fn hand_over(turn: &mut Turn<'_>) -> Option<Act> {
    let from = turn.subject.adopt.clone()?;
    match handover::next(turn.subject, turn.next, turn.seen)? {
        Next::Fetch(query) => Some(Act::Fetch(query)),
        Next::HandOver(child, uid) => {
            let is_recorded = turn.next.adopted.as_ref().is_some_and(|record| record.uid == from);
            if !is_recorded {
                turn.next.adopted = Some(AdoptionStatus { uid: from, ..AdoptionStatus::default() });
                return Some(Act::Store);
            }
            if child == Child::Volume
                && let Some(record) = &mut turn.next.adopted
                && record.volume_uid.as_ref() != Some(&uid)
            {
                record.volume_uid = Some(uid);
                return Some(Act::Store);
            }
            let retention = turn.subject.data_volume.retention(&turn.seen.retention);
            let retention = retention.unwrap_or(Retention::Kept);
            Some(Act::Perform(Effect::HandOver { child, uid, from, retention }))
        }
        Next::Complete => {
            if let Some(record) = &mut turn.next.adopted {
                record.completed_at = Some(crate::time::stored(turn.seen.now));
            }
            Some(Act::Store)
        }
        Next::Refused(_) if turn.runs() => None,
        Next::Refused(refusal) => {
            turn.release_wanted();
            Some(rest(refusal.message(&from), Until::Retry(Class::User)))
        }
    }
}

/// Rule: a node whose pod was handed over with an open gate is up: it is watched, and nothing is done again. Where the gate is
/// shut the node is brought up as a new one is, on the data that it has.
pub(super) fn take_up(turn: &mut Turn<'_>) -> Option<Act> {
    let is_adopted = turn.next.adopted.as_ref().is_some_and(|record| record.completed_at.is_some());
    let has_set = turn.seen.stateful_set.as_ref().is_some_and(|sts| sts.owner == Owner::Us);
    // A StatefulSet that we have applied has a record.
    let is_untouched = turn.next.children.as_ref().is_none_or(|children| children.stateful_set.is_none());
    let has_pod = turn.seen.pod().is_some_and(|pod| pod.ip.is_some());
    if turn.runs() || !(is_adopted && has_set && is_untouched && has_pod) {
        return None;
    }
    if turn.intent.volume == VolumeSource::Own
        && turn.seen.volume.as_ref().is_none_or(|it| it.owner != Owner::Us)
    {
        return None;
    }
    // What its predecessor was about to replace is replaced: it may run on a volume that is gone.
    if rollout::outdated(None, None, turn.seen).is_some() {
        return None;
    }
    match turn.seen.gate {
        None => Some(Act::Fetch(Query::Health)),
        Some(Ok(Health::Ready)) => {
            turn.next.plan = None;
            turn.set_phase(Phase::Running);
            None
        }
        Some(Ok(Health::NotReady) | Err(_)) => None,
    }
}
