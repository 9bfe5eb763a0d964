//! Watches over a node that runs: its gate, its keys, the tasks that its sidecar carries on with.

use jiff::{SignedDuration, Timestamp};
use seinode_api::{
    SeiNodeStatus,
    status::{BackgroundStatus, DataVolumeStatus},
};

use super::{fail, mend, rest, secured, standing, update};
use crate::{
    answer::{Health, Question, TaskReport},
    decision::{Act, Rest},
    effect::{Effect, Replicas},
    exclusive::{self, Hold, Resource},
    ids::{self, TaskId},
    intent::{Intent, VolumeSource},
    keys::Finding,
    node::Owner,
    observation::{Container, Observation, Reply, Slot, Workload},
    plan::{Plan, PlanKind, init},
    repairs,
    subject::Subject,
    task::Until,
    task_type::TaskType,
};

/// The Secrets of a node that signs are read again after this long, and up to a tenth more (the only idle call).
const KEYS_SECONDS: i64 = 600;
/// A background task that ran this long before it was lost is handed over again at once.
const STEADY: SignedDuration = SignedDuration::from_mins(10);

/// Looks at everything, and mends what can be mended.
pub(super) fn watch_over(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    seen: &Observation,
    failures: u32,
) -> Act {
    if let Some(effect) = standing::no_job(seen) {
        return Act::Perform(effect);
    }
    if let Some(act) = resume(subject, next, seen) {
        return act;
    }
    note_what_runs(intent, next, seen);
    if !update::drift(intent, next, seen).is_empty() && !matches!(seen.slot, Some(Slot::Taken(_))) {
        return update::begin(subject, intent, next, seen, 0, None);
    }
    if let Some(act) = mend::children(subject, next, seen) {
        return act;
    }
    if let Some(act) = look(subject, intent, next, seen) {
        return act;
    }
    if let Reply::Is(Health::NotReady) = seen.gate.to(&Question::Health) {
        if let Some(calm) = seen.calm_at.filter(|calm| seen.now < *calm) {
            let why =
                "the sidecar was restarted again and again; its gate is opened a few times a minute at most";
            return rest(why, Until::At(calm));
        }
        return begin(PlanKind::MarkReady, &[TaskType::MarkReady], subject, intent, next, seen, failures);
    }
    let until = next_look(subject, intent, next, seen);
    match background(intent, next, seen) {
        Background::Settled => {
            let waits = matches!(seen.slot, Some(Slot::Taken(_)));
            let why = waits.then(|| "the rollout waits for a slot: see NodeUpdateInProgress".to_owned());
            Act::Rest(Rest { why, until })
        }
        Background::Ask(id) => Act::Look(Question::Task(id)),
        Background::Later(at) => {
            rest("a background task of the sidecar was lost and is handed over again later", Until::At(at))
        }
        Background::Lost(task) => begin(PlanKind::Resubmit, &[task], subject, intent, next, seen, failures),
    }
}

/// A failed plan waits for its time; the node is watched over meanwhile. A gate that is open needs no plan to open it.
pub(super) fn wait_out(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    plan: &Plan,
    seen: &Observation,
) -> Act {
    if let Some(act) = resume(subject, next, seen) {
        return act;
    }
    if let Some(act) = mend::children(subject, next, seen) {
        return act;
    }
    if let Some(act) = look(subject, intent, next, seen) {
        return act;
    }
    match seen.gate.to(&Question::Health) {
        Reply::Is(Health::Ready) if plan.kind == PlanKind::MarkReady => {
            next.plan = None;
            watch_over(subject, intent, next, seen, 0)
        }
        // Of a failed update only a pod that it has not replaced: the gate of its successor stays shut.
        Reply::Is(Health::NotReady)
            if plan.kind == PlanKind::Resubmit
                || (plan.kind == PlanKind::NodeUpdate
                    && seen.proven_pod(next.sidecar.as_ref()).is_some()) =>
        {
            begin(PlanKind::MarkReady, &[TaskType::MarkReady], subject, intent, next, seen, 0)
        }
        _ => fail(next, plan, seen),
    }
}

/// What is known of a node that runs, whoever brought it up.
fn note_what_runs(intent: &Intent, next: &mut SeiNodeStatus, seen: &Observation) {
    if let Some(volume) = seen.volume.as_ref().filter(|volume| volume.owner == Owner::Us)
        && next.data_volume.is_none()
    {
        next.data_volume = Some(DataVolumeStatus { uid: volume.uid.clone() });
    }
    if let Some(pod) = seen.pod().filter(|pod| pod.seid == Container::Up)
        && pod.seid_image.as_ref() == Some(&intent.image)
    {
        next.current_image = Some(intent.image.clone());
    }
}

/// A node that was paused gets its pod back, once its keys are known to be its own still.
fn resume(subject: &Subject, next: &mut SeiNodeStatus, seen: &Observation) -> Option<Act> {
    let scaled = |set: &&Workload| set.owner == Owner::Us && set.replicas == 0;
    seen.workload.as_ref().filter(scaled)?;
    Some(secured(subject, next, seen, Effect::Scale(Replicas::One)))
}

/// What has to be looked at in this pass, without changing anything.
pub(super) fn look(
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    seen: &Observation,
) -> Option<Act> {
    let pod = seen.pod();
    if pod.is_some_and(|pod| pod.ip.is_some()) && matches!(seen.gate.to(&Question::Health), Reply::Ask) {
        return Some(Act::Look(Question::Health));
    }
    if intent.key_secrets().is_some() && keys_are_due(subject, seen) {
        return Some(Act::Look(Question::Keys));
    }
    hold_what_is_used(intent, next, seen);
    None
}

/// When to look again. That the sidecar answers otherwise is found out beside the passes, and wakes the node.
pub(super) fn next_look(
    subject: &Subject,
    intent: &Intent,
    next: &SeiNodeStatus,
    seen: &Observation,
) -> Until {
    let keys = seen.keys.as_ref().filter(|_| intent.key_secrets().is_some());
    let keys = keys.map(|check| due(subject, check.at));
    keys.into_iter().chain(repairs::next(&next.repairs)).min().map_or(Until::Event, Until::At)
}

fn keys_are_due(subject: &Subject, seen: &Observation) -> bool {
    let Some(check) = &seen.keys else { return true };
    // A pod that changed may have been started anew, from a Secret that was changed meanwhile.
    seen.now >= due(subject, check.at) || check.pod.as_ref() != seen.pod().map(|pod| &pod.version)
}

fn due(subject: &Subject, last: Timestamp) -> Timestamp {
    let spread = ids::spread(&subject.node.uid, KEYS_SECONDS.unsigned_abs() / 10);
    last + SignedDuration::from_secs(KEYS_SECONDS + i64::try_from(spread).unwrap_or_default())
}

/// A pod that runs holds what it uses, whoever started it: a node of the earlier operator has claimed nothing. A key
/// that was changed in its Secret after the pod began is not the one that the pod signs with.
fn hold_what_is_used(intent: &Intent, next: &mut SeiNodeStatus, seen: &Observation) {
    let Some(pod) = seen.pod() else { return };
    let claims = exclusive::read(&next.claims);
    let holds = |like: fn(&Resource) -> bool| {
        claims.iter().any(|claim| claim.hold == Hold::Held && like(&claim.resource))
    };
    if let VolumeSource::Import(name) = &intent.volume
        && !holds(|it| matches!(it, Resource::Volume(_)))
    {
        next.claims = exclusive::with(&claims, &Resource::Volume(name.clone()), Hold::Held);
    }
    if let Some(Finding::Valid(key)) = seen.keys.as_ref().map(|check| &check.signing)
        && pod.signing_secret.is_some()
        && !holds(|it| matches!(it, Resource::SigningKey(_)))
    {
        let claims = exclusive::read(&next.claims);
        next.claims = exclusive::with(&claims, &Resource::SigningKey(*key), Hold::Held);
    }
}

/// What the background task of a node wants.
enum Background {
    Settled,
    Ask(TaskId),
    Later(Timestamp),
    Lost(TaskType),
}

/// A task that the sidecar no longer runs is handed over again (W24, W34); ever less often when it is lost at once.
fn background(intent: &Intent, next: &mut SeiNodeStatus, seen: &Observation) -> Background {
    let wanted = init::background(&intent.mode);
    next.background.retain(|task| wanted.is_some_and(|kind| kind.as_str() == task.type_));
    let (Some(kind), Some(task)) = (wanted, next.background.first_mut()) else { return Background::Settled };
    let Some(id) = TaskId::parse(&task.id) else { return Background::Lost(kind) };
    match seen.report.to(&Question::Task(id)) {
        Reply::Ask if seen.pod().is_some_and(|pod| pod.ip.is_some()) => Background::Ask(id),
        Reply::Is(TaskReport::Unknown | TaskReport::Failed(_)) => {
            let at = handed_over_again(task, seen.now);
            if seen.now >= at { Background::Lost(kind) } else { Background::Later(at) }
        }
        Reply::Ask | Reply::Silent(_) | Reply::Is(TaskReport::Running | TaskReport::Completed) => {
            Background::Settled
        }
    }
}

fn handed_over_again(task: &mut BackgroundStatus, now: Timestamp) -> Timestamp {
    let submitted_at = task.submitted_at.as_ref().map_or(now, |time| time.0);
    if now.duration_since(submitted_at) >= STEADY {
        task.failures = None;
    }
    let failures = u32::try_from(task.failures.unwrap_or_default()).unwrap_or(u32::MAX);
    submitted_at + SignedDuration::from_secs(crate::plan::pause_seconds(failures + 1))
}

fn begin(
    kind: PlanKind,
    tasks: &[TaskType],
    subject: &Subject,
    intent: &Intent,
    next: &mut SeiNodeStatus,
    seen: &Observation,
    failures: u32,
) -> Act {
    let plan = Plan::new(kind, &subject.node.uid, intent.target(), seen.now, failures, tasks);
    next.plan = Some(plan.write(None));
    Act::Persist
}
