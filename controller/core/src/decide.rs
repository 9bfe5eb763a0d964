//! The one place where it is decided what happens next.
//!
//! Pure: the same subject, status and observation give the same decision. It must never name an effect whose
//! plan is not in status already: a new plan is a decision of its own, to be stored first (or vouched for: `heal`). The few
//! effects that need no plan follow from the spec alone, and are in `standing`.

mod advance;
mod mend;
mod running;
mod standing;
mod update;

use seinode_api::{SeiNodeStatus, names, status::Phase};

use crate::{
    answer::Question,
    conditions,
    decision::{Act, Decision, Rest},
    effect::{Effect, Replicas},
    exclusive,
    failure::Class,
    import::ImportFinding,
    intent::{Activity, Intent, VolumeSource},
    node::{LegacyFinalizer, Life, Suspension},
    observation::{DataCheck, Observation},
    plan::{
        Plan, PlanKind, PlanPhase,
        init::{self, Bootstrapped, Leftovers},
    },
    subject::Subject,
    task::{self, Step, Until},
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
        exclusive::let_go(&mut next.claims);
        return suspended(subject, next, seen);
    }
    if subject.finalizer == LegacyFinalizer::Present {
        return Act::Perform(Effect::RemoveLegacyFinalizer);
    }
    if let Ok(intent) = &subject.intent
        && let Some(effect) = standing::volume(subject.life, intent, seen)
    {
        return Act::Perform(effect);
    }
    if subject.life == Life::Deleting {
        // Children go by garbage collection; under foreground deletion a new child would block it for ever.
        return rest("garbage collection removes the node's children", Until::Event);
    }
    let Ok(intent) = &subject.intent else {
        exclusive::let_go(&mut next.claims);
        return rest("the spec breaks rules: see condition SpecValid", Until::Event);
    };
    if intent.activity == Activity::Paused {
        exclusive::let_go(&mut next.claims);
        mend::start_again(next);
        return standing::pause(next, seen);
    }
    if let Some(act) = before_another_bootstrap(intent, next, seen) {
        return act;
    }
    let asked = subject.retry.is_some() && subject.retry != next.last_retry;
    next.last_retry.clone_from(&subject.retry);
    if asked {
        mend::on_request(next);
    }
    if let Some(act) = mend::stopped(subject, next, seen) {
        exclusive::let_go(&mut next.claims);
        return act;
    }
    if let Some(act) = recreate_volume(subject, intent, next, seen) {
        return act;
    }
    match next.plan.as_ref().and_then(Plan::read) {
        Some(plan) => follow(subject, intent, next, plan, if asked { Asked::Yes } else { Asked::No }, seen),
        None if next.phase == Some(Phase::Running) => {
            next.plan = None;
            running::watch_over(subject, intent, next, seen, 0)
        }
        None => begin(subject, intent, next, seen, 0),
    }
}

/// Whether a person asked for another attempt, by annotation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
}

/// Goes on with a stored plan, or puts another one in its place.
fn follow(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    plan: Plan,
    asked: Asked,
    seen: &Observation,
) -> Act {
    let again = |next: &mut SeiNodeStatus, failures| match plan.kind {
        PlanKind::Init => begin(subject, intent, next, seen, failures),
        PlanKind::MarkReady | PlanKind::Resubmit => {
            next.plan = None;
            running::watch_over(subject, intent, next, seen, failures)
        }
        PlanKind::NodeUpdate => update::begin(subject, intent, next, seen, failures, None),
    };
    if plan.target != intent.target() {
        if plan.kind == PlanKind::NodeUpdate {
            let unfinished = (plan.phase == PlanPhase::Active).then_some(plan.id);
            return update::begin(subject, intent, next, seen, 0, unfinished);
        }
        return again(next, 0);
    }
    match (&plan.phase, asked) {
        (PlanPhase::Active, Asked::Yes) => advance::advance(subject, intent, next, plan.hurry(), seen),
        (PlanPhase::Active, Asked::No) => advance::advance(subject, intent, next, plan, seen),
        (PlanPhase::Failed { .. }, Asked::Yes) => again(next, 0),
        (PlanPhase::Failed { next_attempt: Some(at), .. }, Asked::No) if seen.now >= *at => {
            again(next, plan.failures)
        }
        (PlanPhase::Failed { .. }, Asked::No) => match plan.kind {
            PlanKind::Init => fail(next, &plan, seen),
            PlanKind::MarkReady | PlanKind::Resubmit | PlanKind::NodeUpdate => {
                running::wait_out(subject, intent, next, &plan, seen)
            }
        },
    }
}

/// A person wants nothing to be changed. What can be told without changing anything is still told.
fn suspended(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Act {
    match (&subject.intent, next.phase) {
        (Ok(intent), Some(Phase::Running)) => running::look(subject, intent, next, seen)
            .unwrap_or(Act::Rest(Rest { why: None, until: running::next_look(subject, intent, next, seen) })),
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
    let left_by = next.plan.as_ref().and_then(Plan::read);
    // The plan before this one may have been made to take away what the one before it had made.
    let of_the_job = [TaskType::DeployBootstrapJob, TaskType::TeardownBootstrap];
    let had_a_job = |plan: &Plan| plan.tasks.iter().any(|task| of_the_job.contains(&task.kind));
    let leftovers = Leftovers {
        bootstrap: seen.job.is_some()
            || seen.pods.iter().any(|pod| pod.job_uid.is_some())
            || left_by.as_ref().is_some_and(had_a_job),
        workload: seen.workload.is_some() || next.children.is_some(),
    };
    // What is on the volume cannot be told until the sidecar was given it.
    next.configured = Some(seinode_api::status::ConfiguredStatus::default());
    let tasks = init::tasks(intent, bootstrapped(intent, next, seen), leftovers);
    let plan = Plan::new(PlanKind::Init, &subject.node.uid, intent.target(), seen.now, failures, &tasks);
    next.plan = Some(plan.write(None));
    // A node of which nothing has been made waits for others first.
    let phase = match next.phase {
        None | Some(Phase::Pending) => Phase::Pending,
        Some(_) => Phase::Initializing,
    };
    set_phase(next, phase, seen);
    Act::Persist
}

/// A volume that was bootstrapped is told by its UID, and an imported one is not watched: it is looked at before a plan
/// can be made.
fn before_another_bootstrap(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Option<Act> {
    let goes_on = |plan: &Plan| plan.phase == PlanPhase::Active && plan.target == intent.target();
    let begins = next.phase != Some(Phase::Running)
        && !next.plan.as_ref().and_then(Plan::read).is_some_and(|plan| goes_on(&plan));
    let imported = matches!(intent.volume, VolumeSource::Import(_));
    if !(begins && imported && next.bootstrap.is_some() && intent.bootstrap().is_some()) {
        return None;
    }
    match &seen.import {
        None => Some(Act::Look(Question::Import)),
        Some(ImportFinding::Ready { .. }) => None,
        Some(ImportFinding::NotReady(why)) => Some(rest(why, Until::Retry(Class::Transient))),
        Some(ImportFinding::Invalid(why)) => Some(rest(why, Until::Retry(Class::User))),
        Some(ImportFinding::Unread(failure)) => Some(rest(&failure.message, Until::Retry(failure.class))),
    }
}

/// Whether the volume that the node uses has been through the bootstrap that the spec asks for (W7).
fn bootstrapped(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Bootstrapped {
    let (Some(done), Some(wanted)) = (&next.bootstrap, intent.bootstrap()) else { return Bootstrapped::No };
    let same_volume = seen.volume_uid(&intent.volume) == Some(done.volume_uid.as_str());
    match same_volume && done.target_height == Some(wanted.target_height) {
        true => Bootstrapped::Yes,
        false => Bootstrapped::No,
    }
}

/// A data PVC that was lost is made anew only where a person says that its data may be given up: by its UID.
fn recreate_volume(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    seen: &Observation,
) -> Option<Act> {
    let lost = next.data_volume.as_ref().map(|volume| &volume.uid)?;
    let is_asked_for = subject.recreate.as_ref() == Some(lost) && intent.volume == VolumeSource::Own;
    if !is_asked_for || seen.volume.is_some() || next.phase != Some(Phase::Running) {
        return None;
    }
    match &seen.data {
        None => Some(Act::Look(Question::Data)),
        // What still runs on the volume that is gone goes first: it would never see the new one.
        Some(DataCheck::Missing) if seen.workload.as_ref().is_some_and(|set| set.replicas > 0) => {
            Some(Act::Perform(Effect::Scale(Replicas::Zero)))
        }
        Some(DataCheck::Missing) if !seen.pods.is_empty() => {
            Some(rest("the pod goes before a new data PVC is made", Until::Event))
        }
        Some(DataCheck::Missing) => {
            next.data_volume = None;
            next.background.clear();
            set_phase(next, Phase::Initializing, seen);
            Some(begin(subject, intent, next, seen, 0))
        }
        Some(DataCheck::Unread(failure)) => Some(rest(&failure.message, Until::Retry(failure.class))),
        Some(DataCheck::Safe | DataCheck::Going(_) | DataCheck::Unbound) => None,
    }
}

/// An effect that may give the node a pod, once its keys are known to be its own still.
fn secured(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation, effect: Effect) -> Act {
    let claims = exclusive::read(&next.claims);
    match task::keys::before_a_pod(subject, &effect, &claims, seen) {
        None => Act::Perform(effect),
        Some(Step::Look(question)) => Act::Look(question),
        Some(Step::Claim(resource, hold)) => {
            next.claims = exclusive::with(&claims, &resource, hold);
            Act::Persist
        }
        Some(Step::Yield(waits)) => {
            exclusive::let_go(&mut next.claims);
            rest(waits.why, waits.until)
        }
        Some(Step::Wait(waits)) => rest(waits.why, waits.until),
        Some(
            Step::Done | Step::UnderWay | Step::Do(_) | Step::Failed(_) | Step::Hopeless(_) | Step::Reopen(_),
        ) => rest("the keys have to be looked at first", Until::Retry(Class::Transient)),
    }
}

/// The plan failed: another follows at the stated time. A node that runs goes on running meanwhile.
fn fail(next: &mut SeiNodeStatus, plan: &Plan, seen: &Observation) -> Act {
    let PlanPhase::Failed { message, next_attempt } = &plan.phase else {
        return rest("the plan goes on", Until::Event);
    };
    next.plan = Some(plan.write(None));
    if plan.kind == PlanKind::Init {
        set_phase(next, Phase::Failed, seen);
    }
    rest(message.clone(), next_attempt.map_or(Until::Event, Until::At))
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
