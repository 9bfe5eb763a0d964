//! The one place where it is decided what happens next.
//!
//! Pure: the same subject, status and observation give the same decision. It must never name an effect whose
//! plan is not in status already: a new plan is a decision of its own, to be stored first.

use seinode_api::{SeiNodeStatus, names, status::Phase};

use crate::{
    answer::{Health, Question},
    conditions,
    decision::{Act, Decision, Rest},
    effect::Effect,
    failure::Class,
    intent::Intent,
    node::{LegacyFinalizer, Life, NodeRef, Subject, Suspension},
    observation::{Answer, Observation},
    plan::{Chances, Plan, PlanKind, PlanPhase, init},
    task::{self, Step, Task, Until},
    task_type::TaskType,
};

/// Decides what happens next to a node.
#[must_use]
pub fn decide(subject: &Subject, status: &SeiNodeStatus, seen: &Observation) -> Decision {
    let mut next = status.clone();
    let act = act(subject, &mut next, seen);
    next.observed_generation = Some(subject.generation);
    if let Ok(intent) = &subject.intent {
        next.mode = Some(intent.mode.name().to_string());
        next.resolved_peers = seen.peers.iter().cloned().collect();
    }
    conditions::describe(subject, &mut next, seen, &act);
    Decision { status: next, act }
}

fn act(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Act {
    if let Some(setback) = &seen.setback {
        return rest(setback.message.clone(), Until::Retry(setback.class));
    }
    if subject.life == Life::Deleting {
        set_phase(next, Phase::Terminating, seen);
    }
    if subject.suspension == Suspension::On && subject.life == Life::Wanted {
        return suspended(next, seen);
    }
    if subject.finalizer == LegacyFinalizer::Present {
        return Act::Perform(Effect::RemoveLegacyFinalizer);
    }
    if subject.life == Life::Deleting {
        // Children go by garbage collection; under foreground deletion a new child would block it for ever.
        return rest("garbage collection removes the node's children", Until::Event);
    }
    let Ok(intent) = &subject.intent else {
        return rest("the spec breaks rules: see condition SpecValid", Until::Event);
    };
    let asked = subject.retry.is_some() && subject.retry != next.last_retry;
    next.last_retry.clone_from(&subject.retry);
    match next.plan.as_ref().and_then(Plan::read) {
        Some(plan) if plan.target != intent.target => begin(subject, intent, next, seen, 0),
        Some(plan) => match &plan.phase {
            PlanPhase::Active if asked => advance(&subject.node, intent, next, plan.hurry(), seen),
            PlanPhase::Active => advance(&subject.node, intent, next, plan, seen),
            PlanPhase::Failed { .. } if asked => begin(subject, intent, next, seen, 0),
            PlanPhase::Failed { next_attempt: Some(at), .. } if seen.now >= *at => {
                begin(subject, intent, next, seen, plan.failures)
            }
            PlanPhase::Failed { .. } => fail(next, &plan, seen),
        },
        None if next.phase == Some(Phase::Running) => {
            next.plan = None;
            watch_over(seen)
        }
        None => begin(subject, intent, next, seen, 0),
    }
}

/// A person wants nothing to be changed. What can be told without changing anything is still told.
fn suspended(next: &SeiNodeStatus, seen: &Observation) -> Act {
    match next.phase {
        Some(Phase::Running) => watch_over(seen),
        _ => rest(
            format!("annotation {}: \"true\" keeps the operator from acting", names::SUSPEND_ANNOTATION),
            Until::Event,
        ),
    }
}

/// Makes the plan that brings the node up. Nothing is touched before it is stored.
fn begin(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    seen: &Observation,
    failures: u32,
) -> Act {
    match init::tasks(intent) {
        Ok(tasks) => {
            let uid = &subject.node.uid;
            let plan = Plan::new(PlanKind::Init, uid, intent.target, seen.now, failures, &tasks);
            next.plan = Some(plan.write(None));
            set_phase(next, Phase::Initializing, seen);
            Act::Persist
        }
        Err(unsupported) => {
            next.plan = None;
            set_phase(next, Phase::Pending, seen);
            rest(unsupported, Until::Event)
        }
    }
}

/// Takes the plan as far as it goes without acting, and says what comes then.
fn advance(
    node: &NodeRef,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    mut plan: Plan,
    seen: &Observation,
) -> Act {
    loop {
        let Some(task) = plan.current() else { return finish(next, &plan, seen) };
        if let Some(not_before) = task.not_before.filter(|not_before| seen.now < *not_before) {
            let error = task.error.as_deref().unwrap_or("it failed");
            let why = format!("{} is tried again: {error}", task.kind);
            return wait(next, &plan, why, Until::At(not_before));
        }
        match step(node, task, intent, seen) {
            Step::Done => plan.complete_current(),
            Step::Look(question) => {
                next.plan = Some(plan.write(None));
                return Act::Look(question);
            }
            Step::Do(effect) => {
                next.plan = Some(plan.write(None));
                return Act::Perform(effect);
            }
            Step::Wait(waits) => return wait(next, &plan, waits.why, waits.until),
            Step::Failed(why) => {
                plan.fail_current(&why, Chances::Retry, seen.now);
                if plan.phase != PlanPhase::Active {
                    return fail(next, &plan, seen);
                }
            }
        }
    }
}

fn step(node: &NodeRef, task: &Task, intent: &Intent, seen: &Observation) -> Step {
    match task.kind {
        TaskType::EnsureDataPvc => task::children::ensure_data_pvc(seen),
        TaskType::ApplyStatefulset => task::children::apply_statefulset(seen),
        TaskType::ApplyService => task::children::apply_service(seen),
        TaskType::SnapshotRestore
        | TaskType::GenerateIdentity
        | TaskType::GenerateGentx
        | TaskType::UploadGenesisArtifacts
        | TaskType::ConfigureGenesis
        | TaskType::ConfigApply
        | TaskType::DiscoverPeers
        | TaskType::SetGenesisPeers
        | TaskType::ConfigureStateSync
        | TaskType::ConfigValidate
        | TaskType::MarkReady => task::sidecar::step(node, task, intent, seen),
    }
}

/// Every task is done: the node runs, with the image that its pod has (W18: no second plan follows).
fn finish(next: &mut SeiNodeStatus, plan: &Plan, seen: &Observation) -> Act {
    let Some(image) = seen.pod().and_then(|pod| pod.seid_image.clone()) else {
        let why = "the pod was replaced and its successor does not exist yet";
        return wait(next, plan, why.to_owned(), Until::Event);
    };
    next.current_image = Some(image);
    next.plan = None;
    set_phase(next, Phase::Running, seen);
    Act::Rest(Rest { why: None, until: Until::Event })
}

/// The plan failed: another follows at the stated time.
fn fail(next: &mut SeiNodeStatus, plan: &Plan, seen: &Observation) -> Act {
    let PlanPhase::Failed { message, next_attempt } = &plan.phase else {
        return rest("the plan goes on", Until::Event);
    };
    next.plan = Some(plan.write(None));
    set_phase(next, Phase::Failed, seen);
    rest(message.clone(), next_attempt.map_or(Until::Event, Until::At))
}

fn wait(next: &mut SeiNodeStatus, plan: &Plan, why: String, until: Until) -> Act {
    next.plan = Some(plan.write(Some(&why)));
    rest(why, until)
}

/// Nothing to do: only the sidecar's gate is looked at, once in each pass. While it is not open it is looked at
/// again and again, so that the status does not tell yesterday's trouble.
fn watch_over(seen: &Observation) -> Act {
    let reachable = seen.pod().is_some_and(|pod| pod.ip.is_some());
    let until = match &seen.gate {
        Answer::NotAsked if reachable => return Act::Look(Question::Health),
        Answer::NotAsked | Answer::Given(_, Health::Ready) => Until::Event,
        Answer::Given(_, Health::NotReady) | Answer::Silent(_) => Until::Retry(Class::Transient),
    };
    Act::Rest(Rest { why: None, until })
}

fn rest(why: impl Into<String>, until: Until) -> Act {
    Act::Rest(Rest { why: Some(why.into()), until })
}

fn set_phase(next: &mut SeiNodeStatus, phase: Phase, seen: &Observation) {
    if next.phase != Some(phase) {
        next.phase = Some(phase);
        next.phase_transition_time = Some(crate::time::stored(seen.now));
    }
}

#[cfg(test)]
mod tests;
