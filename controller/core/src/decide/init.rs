//! Begins the plan that brings a node up.

use seinode_api::status::Phase;

use super::{
    state_sync,
    turn::{Turn, rest},
};
use crate::{
    adoption,
    decision::Act,
    failure::Class,
    import::ImportFinding,
    intent::VolumeSource,
    node::Owner,
    plan::{
        Plan, PlanKind, PlanPhase,
        init::{self, Bootstrapped, Leftovers},
    },
    query::Query,
    task::Until,
    task_type::TaskType,
};

/// Rule: a node that is not up and has no plan gets one.
pub(super) fn begin_rule(turn: &mut Turn<'_>) -> Option<Act> {
    Some(begin(turn))
}

/// Makes the plan. Nothing is touched before it is stored.
pub(super) fn begin(turn: &mut Turn<'_>) -> Act {
    let (intent, seen) = (turn.intent, turn.seen);
    let predecessor = turn.plan();
    // The plan before this one may have been made to remove what the one before it had made.
    let of_the_job = [TaskType::DeployBootstrapJob, TaskType::TeardownBootstrap];
    let had_a_job = |plan: &Plan| plan.tasks.iter().any(|task| of_the_job.contains(&task.kind));
    let leftovers = Leftovers {
        bootstrap: seen.job.is_some()
            || seen.pods.iter().any(|pod| pod.job_uid.is_some())
            || predecessor.as_ref().is_some_and(had_a_job),
        stateful_set: (seen.stateful_set.is_some() || turn.next.children.is_some()) && !is_midway(turn),
    };
    // The contents of the volume are unknown until the sidecar was given its configuration.
    turn.next.configured = Some(state_sync::carried(turn, predecessor.as_ref()));
    let tasks = init::tasks(intent, bootstrapped(turn), leftovers);
    let uid = &turn.subject.node.uid;
    let plan = Plan::new(PlanKind::Init, uid, intent.target(), seen.now, turn.failures, &tasks);
    turn.next.plan = Some(plan.write(None));
    // A node of which nothing has been made waits for others first.
    turn.set_phase(match turn.next.phase {
        None | Some(Phase::Pending) => Phase::Pending,
        Some(_) => Phase::Initializing,
    });
    Act::Store
}

/// True if the earlier operator is bringing the node up: its pod may be at work for hours, and goes on. What the sidecar is
/// still doing is waited for before it is given anything.
fn is_midway(turn: &Turn<'_>) -> bool {
    let is_foreign = turn.next.plan.is_some() && turn.plan().is_none() && turn.next.children.is_none();
    let sts = turn.seen.stateful_set.as_ref();
    let is_original = sts.is_some_and(|sts| sts.owner == Owner::Us && sts.template_hash.is_none());
    let pod = turn.seen.pod().filter(|pod| pod.seid_image.as_ref() == Some(&turn.intent.image));
    is_foreign && is_original && pod.is_some()
}

/// Rule: before a plan is made for an imported volume that may have been bootstrapped, fetches its UID: it is not watched.
pub(super) fn fetch_imported_volume(turn: &mut Turn<'_>) -> Option<Act> {
    let goes_on = |plan: &Plan| plan.phase == PlanPhase::Active && plan.target == turn.intent.target();
    let begins = !turn.runs() && !turn.plan().is_some_and(|plan| goes_on(&plan));
    let imported = matches!(turn.intent.volume, VolumeSource::Import(_));
    if !(begins && imported && turn.next.bootstrap.is_some() && turn.intent.bootstrap().is_some()) {
        return None;
    }
    match &turn.seen.import {
        None => Some(Act::Fetch(Query::Import)),
        Some(ImportFinding::Ready { .. } | ImportFinding::Waits { .. }) => None,
        Some(ImportFinding::NotReady(why)) => Some(rest(why, Until::Retry(Class::Transient))),
        Some(ImportFinding::Invalid(why)) => Some(rest(why, Until::Retry(Class::User))),
        Some(ImportFinding::Unread(failure)) => Some(rest(&failure.message, Until::Retry(failure.class))),
    }
}

/// Bootstrap of the volume that the node uses: it has been through the one that the spec asks for, or has not (W7).
fn bootstrapped(turn: &Turn<'_>) -> Bootstrapped {
    if adoption::keeps_data(turn.next, turn.seen.volume_uid(&turn.intent.volume)) {
        return Bootstrapped::Adopted;
    }
    let (Some(done), Some(wanted)) = (&turn.next.bootstrap, turn.intent.bootstrap()) else {
        return Bootstrapped::No;
    };
    let same_volume = turn.seen.volume_uid(&turn.intent.volume) == Some(done.volume_uid.as_str());
    match same_volume && done.target_height == Some(wanted.target_height) {
        true => Bootstrapped::Yes,
        false => Bootstrapped::No,
    }
}
