//! Keeps the children of a node as our last writes left them: what was deleted is put back, what was changed by hand is
//! repaired, and an emergency stop is honoured (W17).

use seinode_api::{SeiNodeStatus, status::ScaledByHandStatus};

use super::{rest, secured};
use crate::{
    answer::Question,
    children::{self, Difference},
    decision::Act,
    edits::Edit,
    effect::Effect,
    failure::Class,
    node::Owner,
    observation::{Observation, Serves, Stay, Workload},
    repairs,
    subject::Subject,
    task::{
        Until,
        kin::{Kin, kin},
    },
    time::stored,
};

/// What has to be done about the children of a node that has been given them; `None` when they are in order.
pub(super) fn children(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Option<Act> {
    for object in repairs::forget(&mut next.repairs, seen.now) {
        // What was left as somebody else wanted it is looked at again.
        children::doubt(next, &object);
    }
    workload(subject, next, seen).or_else(|| service(subject, next, seen))
}

/// A person may want what was left alone to be put back now.
pub(super) fn on_request(next: &mut SeiNodeStatus) {
    start_again(next);
    for repair in std::mem::take(&mut next.repairs).iter().filter(|repair| repairs::is_contested(repair)) {
        children::doubt(next, &repair.object);
    }
}

/// The emergency stop is over. What else was changed by hand meanwhile is still to be found.
pub(super) fn start_again(next: &mut SeiNodeStatus) {
    if next.scaled_by_hand.take().is_some() {
        children::doubt(next, children::STATEFUL_SET);
    }
}

/// Replicas that somebody set to 0 by hand: an emergency stop. The node has no pod until it is taken back.
pub(super) fn stopped(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Option<Act> {
    let set = seen.workload.as_ref().filter(|set| set.owner == Owner::Us && set.stay == Stay::Staying)?;
    let record = children::recorded_set(next);
    let record = record.filter(|record| record.uid == set.uid);
    if set.replicas > 0 {
        let newer =
            record.and_then(|record| record.generation).is_none_or(|generation| set.generation > generation);
        if newer && next.scaled_by_hand.take().is_some() {
            children::started_by_hand(next, set);
        }
        return None;
    }
    let honoured = "the StatefulSet was scaled to 0 by hand, which is honoured as an emergency stop";
    if next.scaled_by_hand.is_some() {
        return Some(rest(honoured, Until::Event));
    }
    let is_ours = record.is_some_and(|record| record.replicas == Some(0));
    let is_behind =
        record.and_then(|record| record.generation).is_some_and(|generation| set.generation < generation);
    if is_ours || is_behind {
        return None;
    }
    let Some(live) = &seen.live_workload else { return Some(Act::Look(Question::Workload)) };
    let Some(manager) = live.scaled_by.clone() else {
        // It was us, and the write that should have said so was lost.
        children::stopped_by_us(next, set);
        return None;
    };
    next.scaled_by_hand = Some(ScaledByHandStatus { manager, since: Some(stored(seen.now)) });
    children::accept_workload(subject, next, set);
    Some(rest(honoured, Until::Event))
}

fn workload(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Option<Act> {
    let Some(set) = &seen.workload else {
        return Some(match &seen.live_workload {
            None => Act::Look(Question::Workload),
            Some(_) => secured(subject, next, seen, Effect::ApplyWorkload),
        });
    };
    match kin(&set.owner, set.stay) {
        Kin::Ours => {}
        Kin::Leaving => {
            // One that was looked for live has lost its label: no watch tells when it is gone.
            let watched = seen.live_workload.is_none();
            let until = if watched { Until::Event } else { Until::Retry(Class::Transient) };
            return Some(rest("the StatefulSet is being deleted and will be put back", until));
        }
        Kin::Foreign if !is_known(next, set) => {
            return Some(rest("a StatefulSet of this name belongs to somebody else", Until::Event));
        }
        Kin::Foreign => {}
    }
    match children::workload_differs(next, set) {
        Difference::None => return None,
        Difference::Unknown => {
            children::accept_workload(subject, next, set);
            return None;
        }
        Difference::Changed => {}
    }
    let Some(live) = &seen.live_workload else { return Some(Act::Look(Question::Workload)) };
    match verdict(next, &live.edits, seen) {
        Verdict::Repair => Some(secured(subject, next, seen, Effect::ApplyWorkload)),
        Verdict::Accept if set.owner == Owner::Us => {
            children::accept_workload(subject, next, set);
            None
        }
        Verdict::Accept => Some(secured(subject, next, seen, Effect::ApplyWorkload)),
    }
}

fn service(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Option<Act> {
    let Some(service) = &seen.service else { return Some(Act::Perform(Effect::ApplyService)) };
    if kin(&service.owner, service.stay) != Kin::Ours || service.serves == Serves::Bootstrap {
        let was_ours =
            next.children.as_ref().and_then(|it| it.service.as_ref()).is_some_and(|it| it.uid == service.uid);
        return (was_ours && service.stay == Stay::Staying).then_some(Act::Perform(Effect::ApplyService));
    }
    match children::service_differs(next, service) {
        Difference::None => None,
        Difference::Unknown => {
            children::applied_service(subject, next, service);
            None
        }
        Difference::Changed => {
            let Some(live) = &seen.live_service else { return Some(Act::Look(Question::Service)) };
            match verdict(next, &live.edits, seen) {
                Verdict::Repair => Some(Act::Perform(Effect::ApplyService)),
                Verdict::Accept => {
                    children::applied_service(subject, next, service);
                    None
                }
            }
        }
    }
}

/// Whether what somebody changed is put back.
enum Verdict {
    Repair,
    /// Nothing of ours was changed, or it was put back too often.
    Accept,
}

fn verdict(next: &mut SeiNodeStatus, edits: &[Edit], seen: &Observation) -> Verdict {
    if repairs::exhausted(&next.repairs, edits) {
        repairs::note(&mut next.repairs, edits, seen.now);
        return Verdict::Accept;
    }
    if edits.is_empty() { Verdict::Accept } else { Verdict::Repair }
}

/// Whether the set is the one that we wrote last: somebody may have taken our reference off.
fn is_known(next: &SeiNodeStatus, set: &Workload) -> bool {
    let record = children::recorded_set(next);
    set.owner == Owner::Nobody && record.is_some_and(|record| record.uid == set.uid)
}
