//! Folds what became of an effect, or the answer to a question, into the facts, so that the next decision is made on
//! them.

use seinode_api::SeiNodeStatus;

use crate::{
    answer::Question,
    children, configuration,
    effect::{Effect, Outcome},
    fact::Fact,
    failure::{Class, Failure},
    node::{LegacyFinalizer, Owner},
    observation::{Answer, Observation, Stay},
    plan::{Chances, Plan, PlanKind, PlanPhase},
    repairs,
    subject::Subject,
    task::Progress,
    task_type::{By, TaskType},
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
        (Question::Workload, Fact::Workload(live)) => {
            seen.workload.clone_from(&live.workload);
            seen.live_workload = Some(live);
        }
        (Question::Service, Fact::Service(live)) => {
            seen.service.clone_from(&live.service);
            seen.live_service = Some(live);
        }
        (Question::Data, Fact::Data(check)) => seen.data = Some(check),
        (Question::Slot, Fact::Slot(slot)) => seen.slot = Some(slot),
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
            if workload.owner == Owner::Us && workload.stay == Stay::Staying {
                children::applied_workload(subject, status, &workload);
                let live = seen.live_workload.take();
                repairs::note(
                    &mut status.repairs,
                    &live.map(|live| live.edits).unwrap_or_default(),
                    seen.now,
                );
                complete(status, TaskType::ApplyStatefulset);
            }
            seen.workload = Some(workload);
        }
        (Effect::Scale(_), Outcome::Workload(workload)) => {
            children::scaled(status, seen.workload.as_ref(), &workload);
            seen.workload = Some(workload);
        }
        // Where a Job was to be made: the StatefulSet has the volume.
        (Effect::CreateJob, Outcome::Workload(workload)) => seen.workload = Some(workload),
        (Effect::ApplyService | Effect::ApplyBootstrapService, Outcome::Service(service)) => {
            // One that is being deleted takes an apply, and is gone a moment later.
            if service.owner == Owner::Us && service.stay == Stay::Staying {
                match effect {
                    Effect::ApplyService => {
                        children::applied_service(subject, status, &service);
                        let edits = seen.live_service.take().map(|live| live.edits).unwrap_or_default();
                        repairs::note(&mut status.repairs, &edits, seen.now);
                        complete(status, TaskType::ApplyService);
                    }
                    _ => complete(status, TaskType::DeployBootstrapService),
                }
            }
            seen.service = Some(service);
        }
        (Effect::DeletePod { uid, .. }, Outcome::Deleted) => {
            for pod in seen.pods.iter_mut().filter(|pod| pod.uid == *uid) {
                pod.stay = Stay::Going;
            }
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
        (Effect::Submit(submission), outcome) => {
            if outcome == Outcome::Submitted {
                configured(subject, status, seen, submission.task);
            }
            submitted(status, seen, outcome);
        }
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

/// Remembers what the sidecar was given, so that a later change can be told.
fn configured(subject: &Subject, status: &mut SeiNodeStatus, seen: &Observation, task: TaskType) {
    let Ok(intent) = &subject.intent else { return };
    match task {
        TaskType::ConfigApply => {
            status.configured.get_or_insert_default().config = Some(configuration::hash(intent));
        }
        TaskType::DiscoverPeers => {
            status.configured.get_or_insert_default().peers = Some(configuration::peers_hash(&seen.peers));
        }
        _ => {}
    }
}

/// The task is done, if it is the current one: a child may also be applied because somebody changed it.
fn complete(status: &mut SeiNodeStatus, kind: TaskType) {
    with_plan(status, |plan| {
        if plan.current().is_some_and(|task| task.kind == kind) {
            plan.complete_current();
        }
    });
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
