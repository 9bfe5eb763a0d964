//! A pod that cannot run as it is follows what was corrected around it: platform settings, and a data PVC that was deleted.
//!
//! Nobody has to touch its spec for that. A pod that runs is never replaced for it.

use super::{init, turn::Turn};
use crate::{
    decision::Act,
    intent::VolumeSource,
    observation::{DataCheck, Observation, Pod},
    plan::{Plan, PlanKind, Rewind},
    query::Query,
    task::bootstrap,
    task_type::TaskType,
};

/// Makes again what a plan has made for a pod that does not come to run.
pub(super) fn follow(turn: &mut Turn<'_>, plan: &mut Plan) -> Option<Act> {
    lost_volume(turn, plan).or_else(|| outdated_job(turn, plan)).or_else(|| outdated_set(turn, plan))
}

/// A data PVC that was deleted before any pod used it is made again.
fn lost_volume(turn: &mut Turn<'_>, plan: &Plan) -> Option<Act> {
    let seen = turn.seen;
    let is_lost = plan.kind == PlanKind::Init
        && plan.has_done(TaskType::EnsureDataPvc)
        && turn.intent.volume == VolumeSource::Own
        && seen.volume.is_none()
        && seen.pods.iter().all(Pod::never_ran);
    match &seen.data {
        _ if !is_lost => None,
        // The watch may not have seen yet what we have just made.
        None => Some(Act::Fetch(Query::Data)),
        Some(DataCheck::Missing) => Some(again(turn, plan)),
        Some(DataCheck::Safe | DataCheck::Going(_) | DataCheck::Unbound | DataCheck::Unread(_)) => None,
    }
}

/// A bootstrap Job that was made with other platform settings is made again.
fn outdated_job(turn: &mut Turn<'_>, plan: &mut Plan) -> Option<Act> {
    let job = turn.seen.job.as_ref()?;
    if !bootstrap::is_outdated(job, turn.seen) || plan.back_to(TaskType::DeployBootstrapJob) != Rewind::Done {
        return None;
    }
    turn.next.plan = Some(plan.write(None));
    Some(Act::Store)
}

/// A StatefulSet that was rendered with other platform settings is applied again.
fn outdated_set(turn: &mut Turn<'_>, plan: &mut Plan) -> Option<Act> {
    if !plan.has_done(TaskType::ApplyStatefulset) || !is_outdated(turn.seen) {
        return None;
    }
    if plan.kind == PlanKind::Init && !plan.tasks.iter().any(|task| task.kind == TaskType::ReplacePod) {
        return Some(again(turn, plan));
    }
    plan.back_to(TaskType::ApplyStatefulset);
    turn.next.plan = Some(plan.write(None));
    Some(Act::Store)
}

/// True if the pod does not come to run, and would be made otherwise today.
pub(super) fn is_outdated(seen: &Observation) -> bool {
    let (Some(sts), Some(rendering)) = (&seen.stateful_set, &seen.rendering) else { return false };
    let differs = sts.template_hash.as_ref().is_some_and(|hash| *hash != rendering.template);
    differs && seen.job.is_none() && seen.is_held_back()
}

/// Another init plan, which replaces what the one before it has made.
fn again(turn: &mut Turn<'_>, plan: &Plan) -> Act {
    turn.failures = plan.failures;
    init::begin(turn)
}
