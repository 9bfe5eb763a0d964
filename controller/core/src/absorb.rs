//! Folds what became of an effect, or the answer to a question, into the facts, so that the next decision is made on
//! them.

use seinode_api::SeiNodeStatus;

use crate::{
    answer::Question,
    effect::{Effect, Outcome},
    fact::Fact,
    failure::{Class, Failure},
    node::{LegacyFinalizer, Owner},
    observation::{Answer, Observation, Stay},
    plan::{Chances, Plan, PlanKind, PlanPhase},
    subject::Subject,
    task::Progress,
    task_type::By,
};

/// Folds the answer to a question into the observation.
pub fn absorb_answer(seen: &mut Observation, question: Question, fact: Fact) {
    match (question, fact) {
        (question @ Question::Task(_), Fact::Task(report)) => seen.report = Answer::Given(question, report),
        (question @ Question::Health, Fact::Gate(health)) => seen.gate = Answer::Given(question, health),
        (Question::Task(_), Fact::Silent(silence)) => seen.report = Answer::Silent(silence),
        (Question::Health, Fact::Silent(silence)) => seen.gate = Answer::Silent(silence),
        (Question::Keys, Fact::Keys(check)) => seen.keys = Some(check),
        (Question::Import, Fact::Import(finding)) => seen.import = Some(finding),
        (Question::Rivals(resource), Fact::Rivals(rivals)) => seen.live_rivals = Some((resource, rivals)),
        (Question::Job, Fact::Job(job)) => {
            // Made a moment ago, and the watch has not seen it yet.
            seen.job = seen.job.take().or_else(|| job.clone());
            seen.live_job = Some(job);
        }
        (_, Fact::Failed(failure)) => seen.setback = Some(failure),
        (question, fact) => seen.setback = Some(mismatch(&format!("{question:?} {fact:?}"))),
    }
}

/// Folds what became of an effect into subject, status and observation.
pub fn absorb(
    subject: &mut Subject,
    status: &mut SeiNodeStatus,
    seen: &mut Observation,
    effect: &Effect,
    outcome: Outcome,
) {
    match (effect, outcome) {
        // Whether it is ours is for the next decision: it may have been found, not made.
        (Effect::CreateVolume | Effect::MarkVolume(_), Outcome::Volume(volume)) => seen.volume = Some(volume),
        (Effect::ApplyWorkload, Outcome::Workload(workload)) => {
            let applied = workload.owner == Owner::Us && workload.stay == Stay::Staying;
            seen.workload = Some(workload);
            complete_if(applied, status);
        }
        // Also where a Job was to be made: the StatefulSet has the volume.
        (Effect::Scale(_) | Effect::CreateJob, Outcome::Workload(workload)) => seen.workload = Some(workload),
        (Effect::ApplyService | Effect::ApplyBootstrapService, Outcome::Service(service)) => {
            // One that is being deleted takes an apply, and is gone a moment later.
            let applied = service.owner == Owner::Us && service.stay == Stay::Staying;
            seen.service = Some(service);
            complete_if(applied, status);
        }
        (Effect::CreateJob | Effect::SuspendJob(_), Outcome::Job(job)) => seen.job = Some(job),
        (Effect::DeleteJob(_), Outcome::Deleted) => {
            seen.live_job = None;
            if let Some(job) = &mut seen.job {
                job.stay = Stay::Going;
            }
        }
        (Effect::DeleteService(_), Outcome::Deleted) => {
            if let Some(service) = &mut seen.service {
                service.stay = Stay::Going;
            }
        }
        (Effect::Submit(_), outcome) => submitted(status, seen, outcome),
        (Effect::RemoveLegacyFinalizer, Outcome::FinalizerRemoved) => {
            subject.finalizer = LegacyFinalizer::Absent;
        }
        (_, Outcome::Failed(failure)) => seen.setback = Some(failure),
        (effect, outcome) => seen.setback = Some(mismatch(&format!("{effect:?} {outcome:?}"))),
    }
}

/// Folds the sidecar's answer to a hand-over.
fn submitted(status: &mut SeiNodeStatus, seen: &mut Observation, outcome: Outcome) {
    let now = seen.now;
    match outcome {
        Outcome::Submitted => {
            seen.report = Answer::NotAsked;
            seen.gate = Answer::NotAsked;
            with_plan(status, |plan| {
                if let Some(task) = plan.current_mut() {
                    if let Progress::Running { .. } = task.progress {
                        task.error =
                            Some("the sidecar no longer knew the task and was given it again".into());
                    }
                    task.progress = Progress::Running { submitted_at: now };
                }
            });
        }
        // The next task would be refused alike: its params come from the same spec (W2).
        Outcome::Rejected(words) => with_plan(status, |plan| {
            let background = plan.current().is_some_and(|task| task.kind.by() == By::Background);
            match (background, plan.kind) {
                // The node is up without it. A plan of its own says what is wrong.
                (true, PlanKind::Init) => plan.complete_current(),
                _ => plan.fail_current(&format!("the sidecar refused it: {words}"), Chances::None, now),
            }
        }),
        Outcome::Silent(silence) => seen.report = Answer::Silent(silence),
        Outcome::Failed(failure) => seen.setback = Some(failure),
        other => seen.setback = Some(mismatch(&format!("{other:?}"))),
    }
}

fn complete_if(applied: bool, status: &mut SeiNodeStatus) {
    if applied {
        with_plan(status, Plan::complete_current);
    }
}

/// Changes the stored plan. A plan that has failed meanwhile keeps its phase until the next decision sees it.
fn with_plan(status: &mut SeiNodeStatus, change: impl FnOnce(&mut Plan)) {
    let Some(mut plan) = status.plan.as_ref().and_then(Plan::read) else { return };
    if plan.phase == PlanPhase::Active {
        change(&mut plan);
        status.plan = Some(plan.write(None));
    }
}

fn mismatch(what: &str) -> Failure {
    Failure {
        class: Class::Invariant,
        message: format!(
            "defect of the operator: an effect or a question had the outcome of another: {what}"
        ),
    }
}
