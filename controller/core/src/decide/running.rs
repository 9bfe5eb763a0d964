//! Watches a node that runs: its gate, its keys, its children, and the tasks that its sidecar carries on with.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use seinode_api::status::{BackgroundStatus, DataVolumeStatus};

use super::{
    repair, restart, standing, state_sync,
    turn::{Rule, Turn, first_of, rest},
    update,
};
use crate::{
    decision::{Act, Rest},
    effect::{Effect, Replicas},
    exclusive::{self, Hold, Resource},
    ids::TaskId,
    intent::VolumeSource,
    keys::Finding,
    node::Owner,
    observation::{Container, KeySource, Pod, Run, Slot, StatefulSetView},
    plan::{Plan, PlanKind, init},
    query::Query,
    rate, repairs,
    sidecar::{Health, TaskReport},
    task::{
        Until,
        keys::{self, PodKey},
    },
    task_type::TaskType,
};

/// The Secrets of a node that signs are read again after this long, and up to a tenth more (the only idle call).
const KEYS_INTERVAL: Duration = Duration::from_mins(10);
/// A background task that ran this long before it was lost is submitted again at once.
const STEADY: SignedDuration = SignedDuration::from_mins(10);

/// The rules of a node that runs and has no plan, in order of precedence. The gate comes before repairs: a repair that
/// cannot be made must not keep `seid` down.
const RULES: &[Rule] = &[
    standing::no_job,
    resume,
    record_what_runs,
    restart::settle_replaced,
    update::roll_out,
    look,
    open_gate,
    repair::children,
    resubmit,
    idle,
];

/// Rule: a node that is up is watched.
pub(super) fn watch(turn: &mut Turn<'_>) -> Option<Act> {
    if !turn.runs() {
        return None;
    }
    first_of(RULES, turn)
}

/// The rules of a node that runs and whose plan has failed, until its next attempt.
pub(super) fn wait_out(turn: &mut Turn<'_>, plan: &Plan) -> Option<Act> {
    if let Some(act) = first_of(&[resume, look], turn) {
        return Some(act);
    }
    match &turn.seen.gate {
        // A gate that is open needs no plan to open it.
        Some(Ok(Health::Ready)) if plan.kind == PlanKind::MarkReady => {
            turn.next.plan = None;
            turn.failures = 0;
            return watch(turn);
        }
        // Of a failed update only a pod that it has not replaced: the gate of its successor stays shut.
        Some(Ok(Health::NotReady))
            if plan.kind == PlanKind::Resubmit
                || (plan.kind == PlanKind::NodeUpdate
                    && turn.seen.proven_pod(turn.next.sidecar.as_ref()).is_some()) =>
        {
            turn.failures = 0;
            return Some(begin(turn, PlanKind::MarkReady, TaskType::MarkReady));
        }
        _ => {}
    }
    repair::children(turn).or_else(|| Some(turn.report_failure(plan)))
}

/// Reports what a suspended node still can, without changing anything.
pub(super) fn look_only(turn: &mut Turn<'_>) -> Act {
    look(turn).unwrap_or_else(|| Act::Rest(Rest { why: None, until: next_look(turn) }))
}

/// Rule: records what runs, whoever brought it up.
fn record_what_runs(turn: &mut Turn<'_>) -> Option<Act> {
    let volume = turn.seen.volume.as_ref().filter(|volume| volume.owner == Owner::Us);
    if let Some(volume) = volume {
        let recorded = turn.next.data_volume.get_or_insert_with(|| DataVolumeStatus {
            uid: volume.uid.clone(),
            ..DataVolumeStatus::default()
        });
        if recorded.uid == volume.uid && volume.capacity.is_some() {
            recorded.capacity.clone_from(&volume.capacity);
        }
    }
    if let Some(pod) = turn.seen.pod().filter(|pod| pod.seid == Container::Up)
        && pod.seid_image.as_ref() == Some(&turn.intent.image)
    {
        turn.next.current_image = Some(turn.intent.image.clone());
    }
    None
}

/// Rule: a node that was paused gets its pod back, once its keys are known to be its own still.
fn resume(turn: &mut Turn<'_>) -> Option<Act> {
    let scaled = |sts: &&StatefulSetView| sts.owner == Owner::Us && sts.replicas == 0;
    turn.seen.stateful_set.as_ref().filter(scaled)?;
    Some(turn.secured(Effect::Scale(Replicas::One)))
}

/// Fetches what has to be known of a node whose spec is invalid. Its keys are as they were found last.
pub(super) fn look_around(turn: &mut Turn<'_>) -> Option<Act> {
    let asks = turn.seen.pod().is_some_and(|pod| pod.ip.is_some()) && turn.seen.gate.is_none();
    if asks {
        return Some(Act::Fetch(Query::Health));
    }
    hold_what_is_used(turn);
    None
}

/// Rule: fetches what has to be known in this reconcile, without changing anything.
fn look(turn: &mut Turn<'_>) -> Option<Act> {
    if turn.seen.pod().is_some_and(|pod| pod.ip.is_some()) && turn.seen.gate.is_none() {
        return Some(Act::Fetch(Query::Health));
    }
    if turn.intent.key_secrets().is_some() && keys_are_due(turn) {
        return Some(Act::Fetch(Query::Keys));
    }
    hold_what_is_used(turn);
    state_sync::end(turn);
    None
}

/// Rule: a gate that is shut is opened. Only a sidecar that flaps waits, two seconds at most.
pub(super) fn open_gate(turn: &mut Turn<'_>) -> Option<Act> {
    let may_be_opened = turn.seen.pod().is_some_and(|pod| keys::may_be_opened(pod, turn.intent));
    if turn.seen.gate != Some(Ok(Health::NotReady)) || !may_be_opened {
        return None;
    }
    if let Some(at) = turn.seen.mark_ready_at.filter(|at| turn.seen.now < *at) {
        let why = "the sidecar restarts again and again; its gate is opened again in a moment";
        return Some(rest(why, Until::At(at)));
    }
    Some(begin(turn, PlanKind::MarkReady, TaskType::MarkReady))
}

/// Rule: a background task that the sidecar has lost is submitted again (W24, W34).
fn resubmit(turn: &mut Turn<'_>) -> Option<Act> {
    match background(turn) {
        Background::Settled => None,
        Background::Fetch(id) => Some(Act::Fetch(Query::Task(id))),
        Background::Later(at) => {
            let why = "a background task of the sidecar was lost and is submitted again later";
            Some(rest(why, Until::At(at)))
        }
        Background::Lost(task) => Some(begin(turn, PlanKind::Resubmit, task)),
    }
}

/// Rule: nothing is to be done.
fn idle(turn: &mut Turn<'_>) -> Option<Act> {
    let waits = matches!(turn.seen.slot, Some(Slot::Taken(_)));
    let why = waits.then(|| update::WAITS_FOR_A_SLOT.to_owned());
    Some(Act::Rest(Rest { why, until: next_look(turn) }))
}

/// Time of the next reconcile. A change of the sidecar's answer is found by the prober, and wakes the node.
fn next_look(turn: &Turn<'_>) -> Until {
    let keys = turn.seen.keys.as_ref().filter(|_| turn.intent.key_secrets().is_some());
    let keys = keys.map(|check| keys_due(turn, check.at));
    let repairs = repairs::next(&turn.next.repairs).filter(|at| *at > turn.seen.now);
    keys.into_iter().chain(repairs).min().map_or(Until::Event, Until::At)
}

fn keys_are_due(turn: &Turn<'_>) -> bool {
    let Some(check) = &turn.seen.keys else { return true };
    // A pod that changed may have been started anew, from a Secret that was changed meanwhile.
    turn.seen.now >= keys_due(turn, check.at) || check.pod.as_ref() != turn.seen.pod().map(|pod| &pod.version)
}

fn keys_due(turn: &Turn<'_>, last: Timestamp) -> Timestamp {
    last.saturating_add(rate::jitter(KEYS_INTERVAL, 10, &turn.subject.node.uid)).unwrap_or(Timestamp::MAX)
}

/// Rule: a node that runs holds what it uses, also while a plan waits.
pub(super) fn hold_used(turn: &mut Turn<'_>) -> Option<Act> {
    if turn.runs() {
        hold_what_is_used(turn);
    }
    None
}

/// A pod that runs holds what it uses, whoever started it: a node of the earlier operator has claimed nothing. What it uses no
/// more is let go.
fn hold_what_is_used(turn: &mut Turn<'_>) {
    let Some(pod) = turn.seen.pod() else { return };
    let claims = exclusive::read(&turn.next.claims);
    if let VolumeSource::Import(name) = &turn.intent.volume
        && !claims.iter().any(|it| it.hold == Hold::Held && matches!(it.resource, Resource::Volume(_)))
    {
        turn.next.claims = exclusive::with(&claims, &Resource::Volume(name.clone()), Hold::Held);
    }
    if let Some(check) = &turn.seen.keys
        && let Finding::Valid(key) = &check.signing
        && keys::has_the_secret(pod, turn.intent)
    {
        let has = keys::key_of(pod, turn.intent, key, check);
        hold_key(turn, pod, &Resource::SigningKey(key.fingerprint), has);
    }
}

/// A pod that mounts the Secret itself may sign with what is in there now as soon as its container is started again, before
/// anybody looks: of two keys that it may have, the node holds both. A pod with a copy signs with nothing that its node did
/// not hold when its gate was opened. When the pod is known to have the Secret's key, no other is used any more.
fn hold_key(turn: &mut Turn<'_>, pod: &Pod, key: &Resource, has: PodKey) {
    let claims = exclusive::read(&turn.next.claims);
    let may_sign = match pod.key_source {
        KeySource::Secret => matches!(has, PodKey::Secrets | PodKey::Unknown),
        KeySource::Copy(_) => {
            turn.seen.gate == Some(Ok(Health::Ready)) && exclusive::held_keys(&claims).next().is_none()
        }
        KeySource::None => false,
    };
    if may_sign && exclusive::hold(&claims, key) != Some(Hold::Held) {
        turn.next.claims = exclusive::with(&claims, key, Hold::Held);
    }
    let is_alone = turn.seen.pods.iter().all(|other| other.uid == pod.uid || other.run == Run::Ended);
    if has == PodKey::Secrets && is_alone {
        exclusive::only(&mut turn.next.claims, key);
    }
}

/// Rule: a signer that the earlier operator has brought up holds its key from the first look, with or without a pod: one that
/// was stopped by hand may be started by hand.
pub(super) fn hold_adopted_key(turn: &mut Turn<'_>) -> Option<Act> {
    // Our own record is made when a node is watched for the first time.
    let is_adopted = turn.runs() && turn.next.baseline.is_empty() && turn.intent.key_secrets().is_some();
    let claims = exclusive::read(&turn.next.claims);
    let has_key = claims.iter().any(|claim| matches!(claim.resource, Resource::SigningKey(_)));
    if !is_adopted || has_key {
        return None;
    }
    match turn.seen.keys.as_ref().map(|check| &check.signing) {
        None => return Some(Act::Fetch(Query::Keys)),
        Some(Finding::Valid(key)) => {
            let key = Resource::SigningKey(key.fingerprint);
            turn.next.claims = exclusive::with(&claims, &key, Hold::Held);
        }
        Some(Finding::Missing(_) | Finding::Going(_) | Finding::Invalid(_) | Finding::Unread(_)) => {}
    }
    None
}

/// State of the background task of a node.
enum Background {
    Settled,
    Fetch(TaskId),
    Later(Timestamp),
    Lost(TaskType),
}

fn background(turn: &mut Turn<'_>) -> Background {
    let wanted = init::background(&turn.intent.mode);
    let background = &mut turn.next.background;
    background.retain(|task| wanted.is_some_and(|kind| kind.as_str() == task.type_));
    let (Some(kind), Some(task)) = (wanted, background.first_mut()) else { return Background::Settled };
    let Some(id) = TaskId::parse(&task.id) else { return Background::Lost(kind) };
    match turn.seen.report(id) {
        None if turn.seen.pod().is_some_and(|pod| pod.ip.is_some()) => Background::Fetch(id),
        Some(Ok(TaskReport::Unknown | TaskReport::Failed(_))) => {
            let at = resubmitted_at(task, turn.seen.now);
            if turn.seen.now >= at { Background::Lost(kind) } else { Background::Later(at) }
        }
        None | Some(Err(_) | Ok(TaskReport::Running | TaskReport::Completed)) => Background::Settled,
    }
}

/// Time at which a lost background task is submitted again: ever later when it is lost at once.
fn resubmitted_at(task: &mut BackgroundStatus, now: Timestamp) -> Timestamp {
    let submitted_at = task.submitted_at.as_ref().map_or(now, |time| time.0);
    if now.duration_since(submitted_at) >= STEADY {
        task.failures = None;
    }
    let failures = u32::try_from(task.failures.unwrap_or_default()).unwrap_or(u32::MAX);
    let pause = crate::plan::after_failures(failures.saturating_add(1));
    submitted_at.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

fn begin(turn: &mut Turn<'_>, kind: PlanKind, task: TaskType) -> Act {
    let uid = &turn.subject.node.uid;
    let plan = Plan::new(kind, uid, turn.intent.target(), turn.seen.now, turn.failures, &[task]);
    turn.next.plan = Some(plan.write(None));
    Act::Store
}
