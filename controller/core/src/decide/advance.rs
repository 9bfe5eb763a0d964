//! Advances a stored plan as far as it goes without acting, and returns the act that comes then.

use seinode_api::{
    SeiNodeStatus,
    status::{BackgroundStatus, BootstrapStatus, Phase},
};

use super::{platform, repair, restart, slot, state_sync, turn::Turn, writers};
use crate::{
    children, configuration,
    decision::Act,
    drift,
    effect::Effect,
    exclusive::{self, Claim},
    intent::Intent,
    observation::Observation,
    plan::{Chances, Plan, PlanKind},
    query::Query,
    sidecar::Health,
    task::{self, Progress, Step, Task, Until, Wait, rollout, serving::Crash},
    task_type::{By, TaskType},
    time::stored,
};

/// Advances the plan. `None` when it has ended: the node runs.
pub(super) fn advance(turn: &mut Turn<'_>, mut plan: Plan) -> Option<Act> {
    if let Some(act) = keep_up(turn, &mut plan) {
        return Some(act);
    }
    loop {
        if !plan.is_active() {
            return Some(turn.report_failure(&plan));
        }
        let Some(task) = plan.current() else { return finish(turn, &plan) };
        if plan.kind == PlanKind::Init && !task.kind.is_precondition() {
            turn.set_phase(Phase::Initializing);
        }
        if let Some(not_before) = task.not_before.filter(|not_before| turn.seen.now < *not_before) {
            let error = task.error.as_deref().unwrap_or("it failed");
            let why = format!("{} is tried again: {error}", task.kind);
            return Some(turn.wait(&plan, Wait { why, until: Until::At(not_before) }));
        }
        if let Some(act) = slot::before_replacing(turn, &plan) {
            return Some(act);
        }
        let step = step(turn, &plan, task);
        if let Some(act) = take(turn, &mut plan, step) {
            return Some(act);
        }
    }
}

/// Takes one step of the current task; `None` when the plan can go on at once.
fn take(turn: &mut Turn<'_>, plan: &mut Plan, step: Step) -> Option<Act> {
    let kind = plan.current().map(|task| task.kind);
    match step {
        Step::Done if kind == Some(TaskType::AwaitBootstrapComplete) => {
            turn.next.bootstrap = Some(bootstrapped(turn.intent, turn.seen));
            state_sync::done(turn.next);
            plan.complete_current();
            // Stored before the Job is removed: afterwards nobody could tell that it was a success (W7).
            return Some(store(turn, plan));
        }
        Step::Done => {
            if let (Some(TaskType::ApplyService), Some(service)) = (kind, &turn.seen.service) {
                children::applied_service(turn.subject, turn.next, service);
            }
            if kind == Some(TaskType::ObserveImage) {
                turn.next.current_image = turn.seen.pod().and_then(|pod| pod.seid_image.clone());
            }
            plan.complete_current();
        }
        Step::Fetch(query) => {
            turn.next.plan = Some(plan.write(None));
            return Some(Act::Fetch(query));
        }
        Step::Do(effect) => {
            turn.next.plan = Some(plan.write(None));
            return Some(Act::Perform(effect));
        }
        Step::Claim(resource, hold) => {
            let claims = exclusive::read(&turn.next.claims);
            turn.next.claims = exclusive::with(&claims, &resource, hold);
            return Some(store(turn, plan));
        }
        Step::Wait(waits) => return Some(turn.wait(plan, waits)),
        Step::Yield(waits) => {
            turn.release_wanted();
            return Some(turn.wait(plan, waits));
        }
        Step::UnderWay => plan.found_current(turn.seen.now),
        Step::Note(why) => {
            plan.note_current(&why);
            return Some(store(turn, plan));
        }
        Step::Reopen(why) => {
            plan.reopen(&why);
            // An attempt is stored before it is submitted.
            return Some(store(turn, plan));
        }
        Step::Failed(why) if peers_can_wait(plan) => {
            turn.next.configured.get_or_insert_default().peers_failed = Some(why);
            plan.complete_current();
        }
        Step::Failed(why) => plan.fail_current(&why, Chances::Retry, turn.seen.now),
        Step::Hopeless(why) => plan.fail_current(&why, Chances::None, turn.seen.now),
    }
    None
}

/// True if the plan goes on without the peers that the current task failed to find: the list that config-apply has written
/// stands, and no node that was up loses its gate over peers.
fn peers_can_wait(plan: &Plan) -> bool {
    plan.current().is_some_and(|task| match task.kind {
        TaskType::DiscoverPeers => task.attempt >= task.kind.max_retries(),
        TaskType::SetGenesisPeers => {
            plan.kind == PlanKind::NodeUpdate && task.attempt >= TaskType::DiscoverPeers.max_retries()
        }
        _ => false,
    })
}

fn store(turn: &mut Turn<'_>, plan: &Plan) -> Act {
    turn.next.plan = Some(plan.write(None));
    Act::Store
}

/// Keeps what the plan has made as the plan made it; a pod that was made from an earlier revision meanwhile goes too.
fn keep_up(turn: &mut Turn<'_>, plan: &mut Plan) -> Option<Act> {
    if let Some(act) = open_before_replacing(turn, plan).or_else(|| platform::follow(turn, plan)) {
        return Some(act);
    }
    let has_made = |kind| !plan.tasks.iter().any(|task| task.kind == kind) || plan.has_done(kind);
    if !has_made(TaskType::ApplyStatefulset) || !has_made(TaskType::ApplyService) {
        return None;
    }
    if let Some(act) = repair::children(turn) {
        return Some(act);
    }
    if plan.has_done(TaskType::ApplyStatefulset) && rollout::is_of_another_spec(turn.intent, turn.seen) {
        plan.back_to(TaskType::ApplyStatefulset);
        // The new ids of the tasks that the sidecar is given again are stored first.
        return Some(store(turn, plan));
    }
    if plan.has_done(TaskType::ReplacePod) && turn.outdated_pod().is_some() {
        plan.back_to(TaskType::ReplacePod);
    }
    None
}

/// Opens the gate of a pod that an update has not replaced yet: while the update waits, that pod is to work (W31). A pod
/// of the present revision gets mark-ready as the last task only.
fn open_before_replacing(turn: &mut Turn<'_>, plan: &mut Plan) -> Option<Act> {
    let waits = plan.kind == PlanKind::NodeUpdate && !plan.has_done(TaskType::ReplacePod);
    let is_shut = turn.seen.gate == Some(Ok(Health::NotReady));
    let opens = plan.current().is_some_and(|task| task.kind == TaskType::MarkReady);
    // Once the new revision is applied, only a pod that is known to be of another one is sure to be replaced.
    let stays = plan.has_done(TaskType::ApplyStatefulset) && turn.outdated_pod().is_none();
    // A pod whose gate was never open may be one that a failed update has configured wrongly.
    let proven = turn.seen.proven_pod(turn.next.sidecar.as_ref());
    let proven = proven.is_some_and(|pod| task::keys::may_be_opened(pod, turn.intent));
    if !(waits && is_shut && proven) || opens || stays {
        return None;
    }
    plan.open_first("the sidecar was restarted before its pod was replaced");
    Some(store(turn, plan))
}

/// The next step of a task. What stands in the way of its effect comes first: a writer of an earlier plan, then the node's
/// keys, then, right before anything is submitted, the pod as it is now.
fn step(turn: &Turn<'_>, plan: &Plan, task: &Task) -> Step {
    let claims = exclusive::read(&turn.next.claims);
    let step = match step_of(turn, plan, task, &claims) {
        Step::Do(Effect::Submit(submission)) => {
            let peers = match plan.kind {
                PlanKind::Init => task::peers::before(&submission, turn.intent, turn.seen),
                // A node that was up waits for nobody.
                PlanKind::MarkReady | PlanKind::Resubmit | PlanKind::NodeUpdate => None,
            };
            let first = writers::before(turn.intent, plan, task, turn.seen).or(peers);
            first.unwrap_or_else(|| state_sync::kept(turn, submission))
        }
        step => step,
    };
    let Step::Do(effect) = step else { return step };
    let submits = matches!(effect, Effect::Submit(_));
    let keys = task::keys::before(turn.subject, &effect, &claims, turn.seen);
    // A gate that stays shut is reported as it is.
    if submits && matches!(keys, Some(Step::Wait(_))) && turn.seen.gate.is_none() {
        return Step::Fetch(Query::Health);
    }
    keys.or_else(|| task::sidecar::moved(turn.seen).filter(|_| submits)).unwrap_or(Step::Do(effect))
}

fn step_of(turn: &Turn<'_>, plan: &Plan, task: &Task, claims: &[Claim]) -> Step {
    let Turn { subject, intent, next, seen, failures: _, retry: _ } = turn;
    let applied = children::recorded_set(next);
    match task.kind {
        // Inserted for a pod that was to be replaced: not for any other.
        TaskType::MarkReady
            if plan.tasks.iter().rfind(|it| it.kind == TaskType::MarkReady) != Some(task)
                && plan.kind == PlanKind::NodeUpdate
                && seen.proven_pod(next.sidecar.as_ref()).is_none() =>
        {
            Step::Done
        }
        TaskType::ReplacePod => rollout::replace_pod(applied, drift::pod_to_restart(next), seen),
        TaskType::ObserveImage => rollout::observe_image(intent, applied, seen),
        TaskType::ObserveSeid => {
            let crash = if plan.kind == PlanKind::NodeUpdate { Crash::Fails } else { Crash::Holds };
            task::serving::observe_seid(crash, intent, next.sidecar.as_ref(), seen)
        }
        TaskType::EnsureDataPvc => task::children::ensure_data_pvc(subject, &intent.volume, claims, seen),
        TaskType::ValidateSigningKey => task::keys::signing(subject, claims, seen),
        TaskType::ValidateNodeKey => task::keys::node(seen),
        TaskType::DeployBootstrapService => task::bootstrap::deploy_service(seen),
        TaskType::DeployBootstrapJob => task::bootstrap::deploy_job(intent, seen),
        TaskType::AwaitBootstrapComplete => task::bootstrap::await_complete(intent, seen),
        TaskType::TeardownBootstrap => task::bootstrap::teardown(seen),
        TaskType::ApplyStatefulset => task::children::apply_statefulset(&intent.volume, seen),
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

/// The record that the bootstrap of this volume is done: it stays when its Job is long gone (W7).
fn bootstrapped(intent: &Intent, seen: &Observation) -> BootstrapStatus {
    BootstrapStatus {
        completed_at: Some(stored(seen.now)),
        target_height: intent.bootstrap().map(|bootstrap| bootstrap.target_height),
        volume_uid: seen.volume_uid(&intent.volume).unwrap_or_default().to_owned(),
    }
}

/// Every task is done: the node runs, with the image that its pod has (W18: no second plan follows).
fn finish(turn: &mut Turn<'_>, plan: &Plan) -> Option<Act> {
    let Some(image) = turn.seen.pod().and_then(|pod| pod.seid_image.clone()) else {
        let why = "the pod was replaced and its successor does not exist yet".to_owned();
        return Some(turn.wait(plan, Wait { why, until: Until::Event }));
    };
    match plan.kind {
        PlanKind::Init => {
            turn.next.current_image = Some(image);
            turn.next.background.clear();
            settle(turn, plan);
            state_sync::begun(turn, plan);
        }
        PlanKind::NodeUpdate => settle(turn, plan),
        PlanKind::MarkReady | PlanKind::Resubmit => {}
    }
    for task in plan.tasks.iter().filter(|task| task.kind.by() == By::Background) {
        remember(turn.next, task, plan, turn.seen);
    }
    turn.next.plan = None;
    turn.set_phase(Phase::Running);
    None
}

/// The node is as its spec asks for: what differs later is drift.
fn settle(turn: &mut Turn<'_>, plan: &Plan) {
    if plan.kind == PlanKind::NodeUpdate {
        restart::done(turn.next);
    }
    turn.next.baseline = turn.intent.spec_hashes().record();
    if plan.has_done(TaskType::ConfigApply) {
        let given = turn.next.configured.get_or_insert_default();
        given.config.get_or_insert_with(|| configuration::hash(turn.intent));
        if given.peers.is_none() {
            configuration::peers_unknown(given);
        }
    }
}

/// Records the task that the sidecar carries on with, so that its loss can be found (W24).
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
        failures: (plan.kind == PlanKind::Resubmit).then_some(failures.saturating_add(1)),
    });
}
