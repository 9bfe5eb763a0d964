//! Folds what became of an effect or a question into the facts, so that the next decision is made on them.

use seinode_api::SeiNodeStatus;

use crate::{
    answer::Question,
    effect::{Effect, Outcome},
    failure::{Class, Failure},
    node::{LegacyFinalizer, Owner, Subject},
    observation::{Answer, Observation},
    plan::{Chances, Plan, PlanPhase},
    task::Progress,
};

/// Folds the answer to a question into the observation.
pub fn absorb_answer(seen: &mut Observation, question: Question, outcome: Outcome) {
    match outcome {
        Outcome::Reported(report) => seen.report = Answer::Given(question, report),
        Outcome::Gate(health) => seen.gate = Answer::Given(question, health),
        Outcome::Silent(silence) => match question {
            Question::Task(_) => seen.report = Answer::Silent(silence),
            Question::Health => seen.gate = Answer::Silent(silence),
        },
        Outcome::Failed(failure) => seen.setback = Some(failure),
        other => seen.setback = Some(mismatch(&other)),
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
        (Effect::CreateVolume, Outcome::Volume(volume)) => seen.volume = Some(volume),
        (Effect::ApplyWorkload, Outcome::Workload(workload)) => {
            let applied = workload.owner == Owner::Us;
            seen.workload = Some(workload);
            complete_if(applied, status);
        }
        (Effect::ApplyService, Outcome::Service(service)) => {
            let applied = service.owner == Owner::Us;
            seen.service = Some(service);
            complete_if(applied, status);
        }
        (Effect::Submit(_), Outcome::Submitted) => {
            seen.report = Answer::NotAsked;
            seen.gate = Answer::NotAsked;
            let submitted_at = seen.now;
            with_plan(status, |plan| {
                if let Some(task) = plan.current_mut() {
                    if let Progress::Running { .. } = task.progress {
                        task.error =
                            Some("the sidecar no longer knew the task and was given it again".into());
                    }
                    task.progress = Progress::Running { submitted_at };
                }
            });
        }
        // The next task would be refused alike: its params come from the same spec (W2).
        (Effect::Submit(_), Outcome::Rejected(words)) => {
            let now = seen.now;
            with_plan(status, |plan| {
                let why = format!("the sidecar refused it: {words}");
                plan.fail_current(&why, Chances::None, now);
            });
        }
        (Effect::Submit(_), Outcome::Silent(silence)) => seen.report = Answer::Silent(silence),
        (Effect::RemoveLegacyFinalizer, Outcome::FinalizerRemoved) => {
            subject.finalizer = LegacyFinalizer::Absent;
        }
        (_, Outcome::Failed(failure)) => seen.setback = Some(failure),
        (_, other) => seen.setback = Some(mismatch(&other)),
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

fn mismatch(outcome: &Outcome) -> Failure {
    Failure {
        class: Class::Invariant,
        message: format!("defect of the operator: an effect had the outcome of another, {outcome:?}"),
    }
}
