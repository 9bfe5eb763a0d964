//! Status writes that may wait, and for how long.
//!
//! A write that only reports what a plan waits for is deferred: most such waits are over by then, and the status would be
//! written several times a second. So is a write that only reports readiness while a whole fleet restarts, or while one
//! sidecar flaps, and one that only reports peers soon after the last one that did. What was decided is kept meanwhile, and
//! the next reconcile goes on from there; it is dropped as soon as the object is another version. A crash loses it, and costs
//! a reconcile.
//!
//! Only reporting is throttled. No effect ever waits for this.

use std::time::Duration;

use seinode_api::{SeiNode, SeiNodeStatus, conditions};

use crate::{
    decision::Rest,
    failure::Class,
    fast_mark_ready,
    memory::StatusWrites,
    plan::{Plan, PlanKind, PlanPhase},
    rate::{Backoff, Monotonic, jitter, spread},
    task::Until,
};

/// No write is deferred for longer, however many nodes come up at once.
pub const BOUND: Duration = Duration::from_secs(30);
/// A wait is reported this much later for each write that is deferred at the time, so that a fleet that waits does not
/// write all at once.
const APART: Duration = Duration::from_millis(100);
/// A heal is reported this much later in a burst.
const BURST_DELAY: Duration = Duration::from_secs(8);
/// A node that has recovered in a burst is looked at again this seldom: its reconciles cost time, too.
const BURST_LOOK: Duration = Duration::from_secs(3);
/// After the writes that are made at once, one in this time: fewer than ten a minute in all.
const READINESS_SPACING: Duration = Duration::from_secs(10);
/// News of peers come once in this time, and up to half of it later: while a fleet is created each node has as many of them
/// as there are nodes.
const PEERS_SPACING: Duration = Duration::from_secs(10);

/// The conditions that follow a node's peers.
const OF_PEERS: [&str; 2] = [conditions::PEERS_RESOLVED, conditions::TEMPLATE_OUTDATED];

/// A write that could be deferred.
pub(super) struct Write<'a> {
    /// The object as it is stored.
    pub(super) object: &'a SeiNode,
    /// The status as it should be.
    pub(super) next: &'a SeiNodeStatus,
    pub(super) rest: &'a Rest,
    /// True if somebody else was first, so that everything is decided anew in a moment.
    pub(super) overtaken: bool,
    pub(super) burst: bool,
    pub(super) flapping: bool,
    /// Writes that are deferred at the time, of all nodes.
    pub(super) deferred_writes: usize,
}

/// Defers a write: returns how long until the next look at it; `None` when it is to be made now.
pub(super) fn defer(writes: &mut StatusWrites, write: &Write<'_>, now: Monotonic) -> Option<Duration> {
    let rules = [defer_wait, defer_in_burst, defer_flapping, defer_peers];
    let rules = rules.iter().filter_map(|rule| rule(writes, write, now));
    let (due, look) = rules.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))?;
    // A deferred write stays due when it was due first.
    let due = writes.due().map_or(due, |first| first.min(due));
    if now >= due {
        writes.done();
        if let Some(plan) = write.next.plan.as_ref().and_then(Plan::read) {
            writes.count_report(plan.id);
        }
        return None;
    }
    writes.defer(write.object, write.next, due);
    Some(due.since(now).min(look))
}

/// Records that a status was written where `before` was stored.
pub(super) fn written(
    writes: &mut StatusWrites,
    before: &SeiNodeStatus,
    after: &SeiNodeStatus,
    now: Monotonic,
) {
    writes.done();
    if before.resolved_peers != after.resolved_peers {
        writes.note_peers(now);
    }
    if fast_mark_ready::only_gate(before, after) {
        writes.note_readiness(now);
    }
}

/// News of what a plan waits for, and that somebody else was first.
fn defer_wait(writes: &StatusWrites, write: &Write<'_>, now: Monotonic) -> Option<(Monotonic, Duration)> {
    if !(write.overtaken || only_waits(write)) {
        return None;
    }
    let plan = write.next.plan.as_ref().and_then(Plan::read);
    let reported = plan.as_ref().map_or(0, |plan| writes.reports(plan.id));
    let first = delay(plan.map_or(PlanKind::Init, |plan| plan.kind)).pause(reported);
    let share = APART.saturating_mul(u32::try_from(write.deferred_writes).unwrap_or(u32::MAX));
    let range = share.min(BOUND.saturating_sub(first));
    let uid = write.object.metadata.uid.as_deref().unwrap_or_default();
    let place = spread(uid, u64::try_from(range.as_millis()).unwrap_or(u64::MAX));
    Some((now.after(first).after(Duration::from_millis(place)), Duration::MAX))
}

/// A heal, while other gates are still shut.
fn defer_in_burst(_: &StatusWrites, write: &Write<'_>, now: Monotonic) -> Option<(Monotonic, Duration)> {
    let before = stored(write.object);
    let over = fast_mark_ready::only_readiness(&before, write.next)
        || fast_mark_ready::only_ends(&before, write.next);
    (write.burst && over).then_some((now.after(BURST_DELAY), BURST_LOOK))
}

/// Readiness that changes again and again.
fn defer_flapping(writes: &StatusWrites, write: &Write<'_>, now: Monotonic) -> Option<(Monotonic, Duration)> {
    let before = stored(write.object);
    let flaps = fast_mark_ready::only_readiness(&before, write.next)
        || (write.flapping && fast_mark_ready::only_gate(&before, write.next));
    let flaps = flaps && !is_another_attempt(&before, write.next);
    let last = writes.last_of_many_readiness_writes(now).filter(|_| flaps)?;
    Some((last.after(READINESS_SPACING), Duration::MAX))
}

/// True if the plan that is stored goes on with another attempt at a task, which is stored before it is made.
fn is_another_attempt(before: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    let attempts = |status: &SeiNodeStatus| {
        let plan = status.plan.as_ref().and_then(Plan::read)?;
        Some((plan.id, plan.tasks.into_iter().map(|task| task.id).collect::<Vec<_>>()))
    };
    match (attempts(before), attempts(next)) {
        (Some((plan, before)), Some((same, next))) => plan == same && before != next,
        _ => false,
    }
}

/// Peers that come, go or get another id, again and again.
fn defer_peers(writes: &StatusWrites, write: &Write<'_>, now: Monotonic) -> Option<(Monotonic, Duration)> {
    let last = writes.last_peers().filter(|_| only_peers(&stored(write.object), write.next))?;
    let uid = write.object.metadata.uid.as_deref().unwrap_or_default();
    let due = last.after(jitter(PEERS_SPACING, 50, uid));
    (now < due).then_some((due, Duration::MAX))
}

/// True if the status has nothing new but who the node's peers are.
fn only_peers(before: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    let besides = |status: &SeiNodeStatus| {
        let mut status = status.clone();
        status.resolved_peers.clear();
        status.conditions.retain(|it| !OF_PEERS.contains(&it.type_.as_str()));
        status
    };
    before.resolved_peers != next.resolved_peers && besides(before) == besides(next)
}

/// The delay of the first wait of a plan, and of each further one.
fn delay(plan: PlanKind) -> Backoff {
    let longest = Duration::from_secs(8);
    match plan {
        // A new node takes many steps, and people watch it.
        PlanKind::Init => Backoff::new(Duration::from_millis(500), 2, longest),
        // A whole fleet may be rolled out at once.
        PlanKind::NodeUpdate | PlanKind::MarkReady | PlanKind::Resubmit => {
            Backoff::new(Duration::from_secs(1), 4, longest)
        }
    }
}

fn stored(object: &SeiNode) -> SeiNodeStatus {
    object.status.clone().unwrap_or_default()
}

/// True if the status has nothing new but how far a plan has come and what it waits for.
fn only_waits(write: &Write<'_>) -> bool {
    let (before, next) = (&stored(write.object), write.next);
    // An attempt is stored before it is made, and the failure of the last one at once.
    let goes_on = |status: &SeiNodeStatus| {
        let plan = status.plan.as_ref().and_then(Plan::read);
        let plan = plan.filter(|plan| plan.phase == PlanPhase::Active)?;
        let attempts = plan.tasks.into_iter().map(|task| (task.id, task.error));
        Some((plan.id, attempts.collect::<Vec<_>>()))
    };
    let needs_a_person =
        matches!(write.rest.until, Until::Retry(Class::User | Class::Denied | Class::Invariant));
    before != next
        && !needs_a_person
        && before.phase == next.phase
        && is_blocked(before) == is_blocked(next)
        // Others wait for what is released, and for the id of a peer.
        && before.claims == next.claims
        && before.slot == next.slot
        && before.node_id == next.node_id
        && before.observed_generation == next.observed_generation
        && goes_on(before).is_some()
        && goes_on(before) == goes_on(next)
}

/// The reason for which a rollout waits for a person.
fn is_blocked(status: &SeiNodeStatus) -> Option<&str> {
    let blocked = conditions::find(&status.conditions, conditions::ROLLOUT_BLOCKED)?;
    (blocked.status == "True").then_some(&blocked.reason)
}

#[cfg(test)]
mod tests;
