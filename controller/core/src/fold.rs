//! Folds fetched facts and outcomes into what is known, so that the next decision is based on them.

use seinode_api::SeiNodeStatus;

use crate::{
    adoption::{Child, Heritage},
    children, configuration,
    edits::Edit,
    effect::Outcome,
    ids::TaskId,
    node::{Deletion, LegacyFinalizer, Owner},
    observation::{Observation, OwnId, REPORT_AGAIN, ServiceView, StatefulSetView},
    plan::{Chances, Plan, PlanKind, PlanPhase},
    query::Fetched,
    repairs,
    sidecar::{Answer, Unreachable},
    subject::Subject,
    task::Progress,
    task_type::{By, TaskType},
    time::after,
};

/// Folds a fetched fact into the observation.
pub fn fold_fetched(seen: &mut Observation, fetched: Fetched) {
    match fetched {
        Fetched::Task(id, answer) => seen.report = Some((id, answer)),
        Fetched::RunningTasks(answer) => seen.running_tasks = Some(answer),
        Fetched::Health(answer) => seen.gate = Some(answer),
        Fetched::NodeId(_, answer) => seen.own_id = answer.map_or(OwnId::Untold, OwnId::Is),
        Fetched::Pod(pod) => seen.live_pod = Some(pod.map(|pod| *pod)),
        Fetched::Keys(check) => seen.keys = Some(check),
        Fetched::Import(finding) => seen.import = Some(finding),
        Fetched::Rivals(resource, rivals) => seen.live_rivals = Some((resource, rivals)),
        Fetched::Job(job) => {
            // Created a moment ago, and the watch has not seen it yet.
            seen.job = seen.job.take().or_else(|| job.clone());
            seen.live_job = Some(job);
        }
        Fetched::StatefulSet(live) => {
            seen.stateful_set.clone_from(&live.stateful_set);
            seen.live_stateful_set = Some(live);
        }
        Fetched::Service(live) => {
            seen.service.clone_from(&live.service);
            seen.live_service = Some(live);
        }
        Fetched::Data(check) => seen.data = Some(check),
        Fetched::BindingMode(mode) => seen.binding_mode = Some(mode),
        Fetched::PodRefusal(report) => {
            seen.pod_refusal = Some(report);
            seen.pod_refusal_due = Some(after(seen.now, REPORT_AGAIN));
        }
        Fetched::LeftBehind(estate) => seen.left_behind = Some(estate),
        Fetched::Failed(failure) => seen.failed_request = Some(failure),
    }
}

/// Folds an outcome into subject, status and observation.
pub fn fold_outcome(
    subject: &mut Subject,
    status: &mut SeiNodeStatus,
    seen: &mut Observation,
    outcome: Outcome,
) {
    match outcome {
        // Whether the volume is ours is for the next decision: it may have been found, not created.
        Outcome::Volume(volume) => {
            handed_over(seen, Child::Volume, &volume.owner);
            seen.volume = Some(volume);
        }
        Outcome::StatefulSetHandedOver(sts) => {
            handed_over(seen, Child::StatefulSet, &sts.owner);
            seen.stateful_set = Some(sts);
        }
        Outcome::ServiceHandedOver(service) => {
            handed_over(seen, Child::Service, &service.owner);
            seen.service = Some(service);
        }
        Outcome::StatefulSetApplied(sts, kept) => stateful_set_applied(subject, status, seen, sts, &kept),
        Outcome::Scaled(sts) => {
            children::scaled(status, seen.stateful_set.as_ref(), &sts);
            seen.stateful_set = Some(sts);
        }
        Outcome::VolumeInUse(sts) => seen.stateful_set = Some(sts),
        Outcome::ServiceApplied(service, kept) => service_applied(subject, status, seen, service, &kept),
        Outcome::BootstrapServiceApplied(service) => {
            if is_ours(&service.owner, service.deletion) {
                complete(status, TaskType::DeployBootstrapService);
            }
            seen.service = Some(service);
        }
        Outcome::Job(job) => seen.job = Some(job),
        Outcome::JobDeleted => {
            seen.live_job = None;
            if let Some(job) = &mut seen.job {
                job.deletion = Deletion::Requested;
            }
        }
        Outcome::ServiceDeleted => {
            if let Some(service) = &mut seen.service {
                service.deletion = Deletion::Requested;
            }
        }
        Outcome::PodDeleted(uid) => {
            for pod in seen.pods.iter_mut().filter(|pod| pod.uid == uid) {
                pod.deletion = Deletion::Requested;
            }
        }
        Outcome::Submitted(task) => submitted(subject, status, seen, task),
        Outcome::TaskDropped(id, dropped) => task_dropped(seen, id, dropped),
        Outcome::Rejected(words) => rejected(status, &words, seen),
        Outcome::Unreachable(id, unreachable) => unanswered(seen, id, unreachable),
        Outcome::FinalizerRemoved(_) => subject.finalizer = LegacyFinalizer::Absent,
        Outcome::Failed(failure) => seen.failed_request = Some(failure),
    }
}

/// A child that is ours now is not handed over again.
fn handed_over(seen: &mut Observation, child: Child, owner: &Owner) {
    let found = seen.left_behind.iter_mut().flat_map(|estate| &mut estate.children);
    let found = found.filter(|found| found.child == child);
    if *owner == Owner::Us {
        found.for_each(|found| found.heritage = Heritage::Ours);
    }
}

/// An object that is being deleted accepts an apply and is gone a moment later.
fn is_ours(owner: &Owner, deletion: Deletion) -> bool {
    *owner == Owner::Us && deletion == Deletion::Absent
}

fn stateful_set_applied(
    subject: &Subject,
    status: &mut SeiNodeStatus,
    seen: &mut Observation,
    sts: StatefulSetView,
    kept: &[Edit],
) {
    if is_ours(&sts.owner, sts.deletion) {
        children::applied_stateful_set(subject, status, &sts);
        let edits = seen.live_stateful_set.take().map(|live| live.edits).unwrap_or_default();
        note(status, &edits, kept, seen);
        complete(status, TaskType::ApplyStatefulset);
    }
    seen.stateful_set = Some(sts);
}

fn service_applied(
    subject: &Subject,
    status: &mut SeiNodeStatus,
    seen: &mut Observation,
    service: ServiceView,
    kept: &[Edit],
) {
    if is_ours(&service.owner, service.deletion) {
        children::applied_service(subject, status, &service);
        let edits = seen.live_service.take().map(|live| live.edits).unwrap_or_default();
        note(status, &edits, kept, seen);
        complete(status, TaskType::ApplyService);
    }
    seen.service = Some(service);
}

/// Only what is not there any more was reverted: what others change again within the same request, such as an admission
/// webhook, was not.
fn note(status: &mut SeiNodeStatus, edits: &[Edit], kept: &[Edit], seen: &Observation) {
    for edit in edits {
        match kept.contains(edit) {
            true => repairs::left(&mut status.repairs, edit, seen.now),
            false => repairs::reverted(&mut status.repairs, edit, seen.now),
        }
    }
}

fn submitted(subject: &Subject, status: &mut SeiNodeStatus, seen: &mut Observation, task: TaskType) {
    configured(subject, status, seen, task);
    seen.report = None;
    // Time has passed since.
    seen.live_pod = None;
    seen.gate = None;
    let now = seen.now;
    with_plan(status, |plan| {
        if let Some(task) = plan.current_mut() {
            if let Progress::Running { .. } = task.progress {
                task.error = Some(crate::task::LOST_BY_THE_SIDECAR.into());
            }
            task.progress = Progress::Running { submitted_at: now };
        }
    });
}

/// The next attempt would be rejected alike: its params come from the same spec (W2).
fn rejected(status: &mut SeiNodeStatus, words: &str, seen: &Observation) {
    let plan = status.plan.as_ref().and_then(Plan::read);
    let discovers = |plan: Plan| plan.current().is_some_and(|task| task.kind == TaskType::DiscoverPeers);
    if plan.is_some_and(discovers) {
        // A later sidecar does not know the task. The list that config-apply has written stands.
        let given = status.configured.get_or_insert_default();
        given.peers_failed = Some(format!("the sidecar refused {}: {words}", TaskType::DiscoverPeers));
        return complete(status, TaskType::DiscoverPeers);
    }
    with_plan(status, |plan| {
        let background = plan.current().is_some_and(|task| task.kind.by() == By::Background);
        match (background, plan.kind) {
            // The node is up without it. A plan of its own reports what is wrong.
            (true, PlanKind::Init) => plan.complete_current(),
            _ => plan.fail_current(&format!("the sidecar refused it: {words}"), Chances::None, seen.now),
        }
    });
}

fn unanswered(seen: &mut Observation, id: TaskId, unreachable: Unreachable) {
    seen.report = Some((id, Err(unreachable)));
}

fn task_dropped(seen: &mut Observation, id: TaskId, dropped: Answer<()>) {
    match (dropped, &mut seen.running_tasks) {
        (Ok(()), Some(Ok(running))) => running.retain(|task| task.id != id),
        (Ok(()), _) => {}
        (Err(why), running) => *running = Some(Err(why)),
    }
}

/// Records what the sidecar was given, so that a later change can be detected.
fn configured(subject: &Subject, status: &mut SeiNodeStatus, seen: &Observation, task: TaskType) {
    let Ok(intent) = &subject.intent else { return };
    if !matches!(task, TaskType::ConfigApply | TaskType::DiscoverPeers) {
        return;
    }
    let given = status.configured.get_or_insert_default();
    configuration::note_peers(given, &seen.peers);
    if task == TaskType::ConfigApply {
        given.config = Some(configuration::hash(intent));
        given.overrides = configuration::names(intent);
        given.peers_failed = None;
    }
}

/// Completes the task if it is the current one: a child may also be applied because somebody changed it.
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
