//! One writer in a data directory at a time: what the sidecar still does for an earlier plan is waited for before the first
//! task of a new one is submitted.
//!
//! The sidecar runs each task beside the others, cancels none, and takes up again at its start what was under way when it
//! ended. So it is asked, whatever status says. A task that runs past its deadline loses its row, so that no later process
//! takes it up, and then its pod, so that no process goes on with it. Which pod that is, is stored first: between the two
//! nothing shows that the task is still at work.

use jiff::{SignedDuration, Timestamp};

use crate::{
    effect::Effect,
    intent::{Intent, VolumeSource},
    observation::{Observation, Pod},
    plan::{Plan, PlanKind},
    query::Query,
    sidecar::RunningTask,
    task::{
        Place, Progress, Step, Task, Until, Wait, children, rollout,
        sidecar::{next_look, unreachable},
    },
    task_type::{By, TaskType, Writes},
    time::after,
};

/// Deadline of a task whose type this operator does not know.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);

/// The step before a task of this plan is submitted; `None` when nothing of an earlier plan is at work. Asked until the plan
/// has begun to write itself: from then on the sidecar has tasks of this plan only.
pub(super) fn before(intent: &Intent, plan: &Plan, task: &Task, seen: &Observation) -> Option<Step> {
    let brings_up = matches!(plan.kind, PlanKind::Init | PlanKind::NodeUpdate);
    let writes = |task: &Task| task.kind.writes() == Writes::Data && task.progress != Progress::Pending;
    if !brings_up || plan.tasks.iter().any(writes) {
        return None;
    }
    if plan.kind == PlanKind::Init
        && matches!(intent.volume, VolumeSource::Import(_))
        && let Some(step) = children::imported(seen)
    {
        return Some(step);
    }
    let pod = seen.host()?;
    let running = match &seen.running_tasks {
        None => return Some(Step::Fetch(Query::RunningTasks)),
        Some(Err(why)) => return Some(unreachable(why, pod, seen.now)),
        Some(Ok(running)) => running,
    };
    let writer = running.iter().find(|it| it.id != task.id && writes_data(it));
    let is_stuck = task.error.as_deref() == Some(&stuck(pod));
    match (writer, is_stuck) {
        (None, false) => None,
        (None, true) => Some(replaced(plan.place(), pod, seen)),
        (Some(writer), true) => Some(Step::Do(Effect::DropTask(writer.id))),
        (Some(writer), false) => Some(awaited(writer, pod, seen.now)),
    }
}

/// Waits for a writer, at most until its deadline.
fn awaited(writer: &RunningTask, pod: &Pod, now: Timestamp) -> Step {
    let deadline = after(writer.submitted_at, deadline(&writer.kind));
    if now >= deadline {
        return Step::Note(stuck(pod));
    }
    let why = format!("the sidecar is still at work on {} of an earlier plan", shown(&writer.kind));
    let look = next_look(writer.submitted_at, now);
    Step::Wait(Wait { why, until: Until::At(deadline.min(look)) })
}

/// The note that a pod has a writer past its deadline. It names the pod: that of a successor reads otherwise.
fn stuck(pod: &Pod) -> String {
    format!("a task of an earlier plan ran past its deadline: pod {} is replaced", pod.uid)
}

/// The end of a pod whose sidecar has a task without a row.
fn replaced(place: Place, pod: &Pod, seen: &Observation) -> Step {
    match (place, &pod.job_uid) {
        (Place::BootstrapJob, Some(job)) => Step::Do(Effect::DeleteJob(job.clone())),
        _ => rollout::safe(seen).unwrap_or_else(|| rollout::delete(pod)),
    }
}

fn writes_data(task: &RunningTask) -> bool {
    TaskType::parse(&task.kind)
        .is_none_or(|kind| kind.writes() == Writes::Data && kind.by() != By::Background)
}

fn deadline(kind: &str) -> SignedDuration {
    TaskType::parse(kind).map_or(DEADLINE, TaskType::deadline)
}

/// The name of a type, if this operator knows it: it comes from outside.
fn shown(kind: &str) -> &str {
    TaskType::parse(kind).map_or("a task", TaskType::as_str)
}
