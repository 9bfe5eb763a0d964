//! Takes a stored plan as far as it goes without acting, and says what comes then.

use seinode_api::{
    SeiNodeStatus,
    status::{BackgroundStatus, BootstrapStatus, Phase},
};

use super::{fail, mend, rest, running, set_phase};
use crate::{
    answer::{Health, Question},
    children, configuration,
    decision::Act,
    exclusive::{self, Claim, Resource},
    intent::Intent,
    keys::Finding,
    observation::{Observation, Reply},
    plan::{Chances, Plan, PlanKind, PlanPhase},
    subject::Subject,
    task::{self, Progress, Step, Task, Until, rollout},
    task_type::{By, TaskType},
    time::stored,
};

/// Takes the plan as far as it goes.
pub(super) fn advance(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    mut plan: Plan,
    seen: &Observation,
) -> Act {
    if let Some(act) = tend(subject, intent, next, &mut plan, seen) {
        return act;
    }
    loop {
        if plan.phase != PlanPhase::Active {
            return fail(next, &plan, seen);
        }
        let Some(task) = plan.current() else { return finish(subject, intent, next, &plan, seen) };
        if plan.kind == PlanKind::Init && !task.kind.is_precondition() {
            set_phase(next, Phase::Initializing, seen);
        }
        if let Some(not_before) = task.not_before.filter(|not_before| seen.now < *not_before) {
            let error = task.error.as_deref().unwrap_or("it failed");
            let why = format!("{} is tried again: {error}", task.kind);
            return wait(next, &plan, why, Until::At(not_before));
        }
        let claims = exclusive::read(&next.claims);
        let step = match step(subject, intent, next, &plan, task, &claims, seen) {
            Step::Do(effect) => {
                task::keys::before_a_pod(subject, &effect, &claims, seen).unwrap_or(Step::Do(effect))
            }
            step => step,
        };
        match step {
            Step::Done if task.kind == TaskType::AwaitBootstrapComplete => {
                next.bootstrap = Some(bootstrapped(intent, seen));
                plan.complete_current();
                // Stored before the Job is taken away: afterwards nobody could tell that it was a success (W7).
                next.plan = Some(plan.write(None));
                return Act::Persist;
            }
            Step::Done => {
                if let (TaskType::ApplyService, Some(service)) = (task.kind, &seen.service) {
                    children::applied_service(subject, next, service);
                }
                if task.kind == TaskType::ObserveImage {
                    next.current_image = seen.pod().and_then(|pod| pod.seid_image.clone());
                }
                plan.complete_current();
            }
            Step::Look(question) => {
                next.plan = Some(plan.write(None));
                return Act::Look(question);
            }
            Step::Do(effect) => {
                next.plan = Some(plan.write(None));
                return Act::Perform(effect);
            }
            Step::Claim(resource, hold) => {
                next.claims = exclusive::with(&claims, &resource, hold);
                next.plan = Some(plan.write(None));
                return Act::Persist;
            }
            Step::Wait(waits) => return wait(next, &plan, waits.why, waits.until),
            Step::Yield(waits) => {
                exclusive::let_go(&mut next.claims);
                return wait(next, &plan, waits.why, waits.until);
            }
            Step::UnderWay => plan.found_current(seen.now),
            Step::Reopen(why) => {
                plan.reopen(&why);
                // An attempt is stored before it is handed over.
                next.plan = Some(plan.write(None));
                return Act::Persist;
            }
            Step::Failed(why) => plan.fail_current(&why, Chances::Retry, seen.now),
            Step::Hopeless(why) => plan.fail_current(&why, Chances::None, seen.now),
        }
    }
}

/// What a plan has made is kept as it made it, and a pod that was made of an earlier revision meanwhile goes too.
fn tend(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    plan: &mut Plan,
    seen: &Observation,
) -> Option<Act> {
    if let Some(act) = open_before_replacing(next, plan, seen) {
        return Some(act);
    }
    let has_made = |kind| !plan.tasks.iter().any(|task| task.kind == kind) || plan.has_done(kind);
    if !has_made(TaskType::ApplyStatefulset) || !has_made(TaskType::ApplyService) {
        return None;
    }
    if let Some(act) = mend::children(subject, next, seen) {
        return Some(act);
    }
    if plan.has_done(TaskType::ApplyStatefulset) && rollout::is_of_another_spec(intent, seen) {
        plan.back_to(TaskType::ApplyStatefulset);
        // The new ids of what the sidecar is given again are stored first.
        next.plan = Some(plan.write(None));
        return Some(Act::Persist);
    }
    let applied = children::recorded_set(next);
    if plan.has_done(TaskType::ReplacePod) && rollout::outdated(applied, seen).is_some() {
        plan.back_to(TaskType::ReplacePod);
    }
    None
}

/// While an update waits, the pod that it has not replaced yet is to work: its gate is opened inside the plan (W31). A pod
/// of the present revision gets mark-ready as the last task only.
fn open_before_replacing(next: &mut SeiNodeStatus, plan: &mut Plan, seen: &Observation) -> Option<Act> {
    let waits = plan.kind == PlanKind::NodeUpdate && !plan.has_done(TaskType::ReplacePod);
    let is_shut = matches!(seen.gate.to(&Question::Health), Reply::Is(Health::NotReady));
    let opens = plan.current().is_some_and(|task| task.kind == TaskType::MarkReady);
    let applied = children::recorded_set(next);
    // Once the new revision is asked for, only a pod that is known to be of another one is sure to be replaced.
    let stays = plan.has_done(TaskType::ApplyStatefulset) && rollout::outdated(applied, seen).is_none();
    // A pod whose gate was never open may be one that a failed update has configured wrongly.
    if !(waits && is_shut) || opens || stays || seen.proven_pod(next.sidecar.as_ref()).is_none() {
        return None;
    }
    plan.open_first("the sidecar was restarted before its pod was replaced");
    next.plan = Some(plan.write(None));
    Some(Act::Persist)
}

fn step(
    subject: &Subject,
    intent: &Intent,
    next: &SeiNodeStatus,
    plan: &Plan,
    task: &Task,
    claims: &[Claim],
    seen: &Observation,
) -> Step {
    let applied = children::recorded_set(next);
    match task.kind {
        // Put in for a pod that was to be replaced: another one than that is not its business.
        TaskType::MarkReady
            if plan.tasks.last() != Some(task)
                && plan.kind == PlanKind::NodeUpdate
                && seen.proven_pod(next.sidecar.as_ref()).is_none() =>
        {
            Step::Done
        }
        TaskType::ReplacePod => rollout::replace_pod(applied, seen),
        TaskType::ObserveImage => rollout::observe_image(intent, applied, seen),
        TaskType::EnsureDataPvc => task::children::ensure_data_pvc(subject, &intent.volume, claims, seen),
        TaskType::ValidateSigningKey => task::keys::signing(subject, claims, seen),
        TaskType::ValidateNodeKey => task::keys::node(seen),
        TaskType::DeployBootstrapService => task::bootstrap::deploy_service(seen),
        TaskType::DeployBootstrapJob => task::bootstrap::deploy_job(intent, seen),
        TaskType::AwaitBootstrapComplete => task::bootstrap::await_complete(intent, seen),
        TaskType::TeardownBootstrap => task::bootstrap::teardown(seen),
        TaskType::ApplyStatefulset => task::children::apply_statefulset(seen),
        TaskType::ApplyService => task::children::apply_service(subject, seen),
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
        | TaskType::SnapshotUpload
        | TaskType::MarkReady
        | TaskType::ResultExport => task::sidecar::step(&subject.node, task, plan.place(), intent, seen),
    }
}

/// The bootstrap of this volume is done, and stays done when its Job is long gone (W7).
fn bootstrapped(intent: &Intent, seen: &Observation) -> BootstrapStatus {
    BootstrapStatus {
        completed_at: Some(stored(seen.now)),
        target_height: intent.bootstrap().map(|bootstrap| bootstrap.target_height),
        volume_uid: seen.volume_uid(&intent.volume).unwrap_or_default().to_owned(),
    }
}

/// Every task is done: the node runs, with the image that its pod has (W18: no second plan follows).
fn finish(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    plan: &Plan,
    seen: &Observation,
) -> Act {
    let Some(image) = seen.pod().and_then(|pod| pod.seid_image.clone()) else {
        let why = "the pod was replaced and its successor does not exist yet";
        return wait(next, plan, why.to_owned(), Until::Event);
    };
    match plan.kind {
        PlanKind::Init => {
            next.current_image = Some(image);
            next.background.clear();
            settle(intent, next, plan, seen);
        }
        PlanKind::NodeUpdate => settle(intent, next, plan, seen),
        PlanKind::MarkReady | PlanKind::Resubmit => {}
    }
    for task in plan.tasks.iter().filter(|task| task.kind.by() == By::Background) {
        remember(next, task, plan, seen);
    }
    next.plan = None;
    set_phase(next, Phase::Running, seen);
    running::watch_over(subject, intent, next, seen, 0)
}

/// The node is as its spec asks for: what differs later is news.
fn settle(intent: &Intent, next: &mut SeiNodeStatus, plan: &Plan, seen: &Observation) {
    next.baseline = intent.wishes().record();
    if plan.has_done(TaskType::ConfigApply) {
        let given = next.configured.get_or_insert_default();
        given.config.get_or_insert_with(|| configuration::hash(intent));
        given.peers.get_or_insert_with(|| configuration::peers_hash(&seen.peers));
    }
    if let Some(Finding::Valid(key)) = seen.keys.as_ref().map(|check| &check.signing) {
        exclusive::only(&mut next.claims, &Resource::SigningKey(*key));
    }
}

/// Remembers what the sidecar carries on with, so that it can be asked whether it still does (W24).
fn remember(next: &mut SeiNodeStatus, task: &Task, plan: &Plan, seen: &Observation) {
    let failures = next.background.iter().find(|old| old.type_ == task.kind.as_str());
    let failures = failures.and_then(|old| old.failures).unwrap_or_default();
    next.background.retain(|old| old.type_ != task.kind.as_str());
    next.background.push(BackgroundStatus {
        type_: task.kind.as_str().to_owned(),
        id: task.id.to_string(),
        submitted_at: Some(match task.progress {
            Progress::Running { submitted_at } => stored(submitted_at),
            Progress::Pending | Progress::Complete | Progress::Failed => stored(seen.now),
        }),
        failures: (plan.kind == PlanKind::Resubmit).then_some(failures + 1),
    });
}

fn wait(next: &mut SeiNodeStatus, plan: &Plan, why: String, until: Until) -> Act {
    next.plan = Some(plan.write(Some(&why)));
    rest(why, until)
}
