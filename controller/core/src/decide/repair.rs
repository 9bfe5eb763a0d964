//! Keeps the children of a node as our last writes left them: a deleted child is recreated, an edit by hand is reverted, and
//! an emergency stop is honoured (W17).

use seinode_api::{SeiNodeStatus, status::ScaledByHandStatus};

use super::turn::{Retry, Turn, rest};
use crate::{
    children::{self, Difference},
    decision::Act,
    edits::Edit,
    effect::Effect,
    failure::Class,
    node::{Deletion, Owner},
    observation::{Serves, StatefulSetView},
    query::Query,
    repairs,
    task::{
        Until,
        ownership::{Ownership, ownership},
    },
    time::stored,
};

/// Rule: repairs the children of a node that has been given them; lets the next rule decide when they are in order.
pub(super) fn children(turn: &mut Turn<'_>) -> Option<Act> {
    // One that failed in this reconcile starves nothing, and from an invalid spec nothing is rendered.
    if turn.seen.failed_repair.is_some() || turn.subject.salvaged.is_some() {
        return None;
    }
    for object in repairs::forget(&mut turn.next.repairs, turn.seen.now) {
        // A field that was left as somebody else wanted it is compared again.
        children::doubt(turn.next, &object);
    }
    stateful_set(turn).or_else(|| service(turn))
}

/// Rule: annotation `sei.io/retry` also reverts at once what was left alone.
pub(super) fn on_request(turn: &mut Turn<'_>) -> Option<Act> {
    turn.next.last_retry.clone_from(&turn.subject.retry);
    if turn.retry == Retry::Requested {
        end_emergency_stop(turn.next);
        let repairs = std::mem::take(&mut turn.next.repairs);
        for repair in repairs.iter().filter(|repair| repairs::is_contested(repair)) {
            children::doubt(turn.next, &repair.object);
        }
    }
    None
}

/// Ends the emergency stop. Other edits that were made meanwhile are still to be found.
pub(super) fn end_emergency_stop(next: &mut SeiNodeStatus) {
    if next.scaled_by_hand.take().is_some() {
        children::doubt(next, children::STATEFUL_SET);
    }
}

/// Rule: replicas that somebody set to 0 by hand are an emergency stop. The node has no pod until it is taken back.
pub(super) fn emergency_stop(turn: &mut Turn<'_>) -> Option<Act> {
    let act = stopped(turn)?;
    turn.release_wanted();
    Some(act)
}

fn stopped(turn: &mut Turn<'_>) -> Option<Act> {
    let sts = turn.seen.stateful_set.as_ref();
    let sts = sts.filter(|sts| sts.owner == Owner::Us && sts.deletion == Deletion::Absent)?;
    let record = children::recorded_set(turn.next).filter(|record| record.uid == sts.uid);
    let generation = record.and_then(|record| record.generation);
    if sts.replicas > 0 {
        let newer = generation.is_none_or(|generation| sts.generation > generation);
        if newer && turn.next.scaled_by_hand.take().is_some() {
            children::started_by_hand(turn.next, sts);
        }
        return None;
    }
    let honoured = "the StatefulSet was scaled to 0 by hand, which is honoured as an emergency stop";
    if turn.next.scaled_by_hand.is_some() {
        return Some(rest(honoured, Until::Event));
    }
    let is_ours = record.is_some_and(|record| record.replicas == Some(0));
    let is_behind = generation.is_some_and(|generation| sts.generation < generation);
    if is_ours || is_behind {
        return None;
    }
    let Some(live) = &turn.seen.live_stateful_set else { return Some(Act::Fetch(Query::StatefulSet)) };
    let Some(manager) = live.scaled_by.clone() else {
        // It was us, and the write that should have recorded it was lost.
        children::stopped_by_us(turn.next, sts);
        return None;
    };
    turn.next.scaled_by_hand = Some(ScaledByHandStatus { manager, since: Some(stored(turn.seen.now)) });
    children::accept_stateful_set(turn.subject, turn.next, sts);
    Some(rest(honoured, Until::Event))
}

fn stateful_set(turn: &mut Turn<'_>) -> Option<Act> {
    let seen = turn.seen;
    let Some(sts) = &seen.stateful_set else {
        return Some(match &seen.live_stateful_set {
            None => Act::Fetch(Query::StatefulSet),
            Some(_) => turn.secured(Effect::ApplyStatefulSet),
        });
    };
    match ownership(&sts.owner, sts.deletion) {
        Ownership::Ours => {}
        Ownership::Leaving => {
            // One that was found live has lost its label: no watch reports its end.
            let watched = seen.live_stateful_set.is_none();
            let until = if watched { Until::Event } else { Until::Retry(Class::Transient) };
            return Some(rest("the StatefulSet is being deleted and will be put back", until));
        }
        Ownership::Foreign if !is_known(turn.next, sts) => {
            return Some(rest("a StatefulSet of this name belongs to somebody else", Until::Event));
        }
        Ownership::Foreign => {}
    }
    match children::stateful_set_differs(turn.next, sts) {
        Difference::None => return None,
        Difference::Unknown => {
            children::accept_stateful_set(turn.subject, turn.next, sts);
            return None;
        }
        Difference::Changed => {}
    }
    let Some(live) = &seen.live_stateful_set else { return Some(Act::Fetch(Query::StatefulSet)) };
    let verdict = verdict(turn, &live.edits);
    if verdict == Verdict::Accept && sts.owner == Owner::Us {
        children::accept_stateful_set(turn.subject, turn.next, sts);
        return None;
    }
    Some(turn.secured(match verdict {
        Verdict::Repair { left } if !left.is_empty() => Effect::RepairStatefulSet(left),
        Verdict::Repair { .. } | Verdict::Accept => Effect::ApplyStatefulSet,
    }))
}

fn service(turn: &mut Turn<'_>) -> Option<Act> {
    let seen = turn.seen;
    let Some(service) = &seen.service else { return Some(Act::Perform(Effect::ApplyService)) };
    let ours = ownership(&service.owner, service.deletion) == Ownership::Ours;
    if !ours || service.serves == Serves::Bootstrap {
        let recorded = turn.next.children.as_ref().and_then(|children| children.service.as_ref());
        let was_ours = recorded.is_some_and(|recorded| recorded.uid == service.uid);
        let repairs = was_ours && service.deletion == Deletion::Absent;
        return repairs.then_some(Act::Perform(Effect::ApplyService));
    }
    match children::service_differs(turn.next, service) {
        Difference::None => None,
        Difference::Unknown => {
            children::applied_service(turn.subject, turn.next, service);
            None
        }
        Difference::Changed => {
            let Some(live) = &seen.live_service else { return Some(Act::Fetch(Query::Service)) };
            match verdict(turn, &live.edits) {
                Verdict::Repair { left } if left.is_empty() => Some(Act::Perform(Effect::ApplyService)),
                Verdict::Repair { left } => Some(Act::Perform(Effect::RepairService(left))),
                Verdict::Accept => {
                    children::applied_service(turn.subject, turn.next, service);
                    None
                }
            }
        }
    }
}

/// Fate of edits by hand.
#[derive(PartialEq)]
enum Verdict {
    /// They are reverted, but for those that were reverted too often.
    Repair { left: Vec<Edit> },
    /// Nothing of ours was changed, or all of it was reverted too often.
    Accept,
}

fn verdict(turn: &mut Turn<'_>, edits: &[Edit]) -> Verdict {
    let repairs = &mut turn.next.repairs;
    let left: Vec<_> = edits.iter().filter(|edit| repairs::is_exhausted(repairs, edit)).cloned().collect();
    if left.len() < edits.len() {
        return Verdict::Repair { left };
    }
    left.iter().for_each(|edit| repairs::left(repairs, edit, turn.seen.now));
    Verdict::Accept
}

/// True if the StatefulSet is the one that we wrote last: somebody may have removed our owner reference.
fn is_known(next: &SeiNodeStatus, sts: &StatefulSetView) -> bool {
    let record = children::recorded_set(next);
    sts.owner == Owner::Nobody && record.is_some_and(|record| record.uid == sts.uid)
}
