//! The conditions that sum the others up: Ready, Reconciling, Stalled (kstatus), so that `kubectl wait` and GitOps tools
//! understand a node.

use jiff::Timestamp;
use seinode_api::{
    SeiNodeStatus, conditions as types, names,
    status::{Phase, PlanStatus},
};

use super::{
    GATE_SHUT, adoption, serving,
    why_not::{Outlook, WhyNot},
};
use crate::{
    conditions::{Truth, Verdict},
    decision::Rest,
    failure::Class,
    intent::{Activity, VolumeSource},
    node::{Deletion, Suspension},
    observation::{Observation, Slot},
    plan::{Plan, PlanKind, PlanPhase},
    sidecar::Health,
    subject::Subject,
    task::Until,
};

/// Ready, Reconciling, Stalled.
pub(super) fn verdicts(
    subject: &Subject,
    next: &SeiNodeStatus,
    seen: &Observation,
    waits: Option<&Rest>,
) -> [Verdict; 3] {
    let why_not = why_not_ready(subject, next, seen, waits);
    [ready(&why_not), reconciling(subject, next, &why_not), stalled(&why_not)]
}

/// Trouble of the node; where there is none, the repair that failed.
fn why_not_ready(
    subject: &Subject,
    next: &SeiNodeStatus,
    seen: &Observation,
    waits: Option<&Rest>,
) -> Option<WhyNot> {
    let repair = || {
        let failure = seen.failed_repair.as_ref()?;
        Some(WhyNot { reason: "Waiting", message: failure.message.clone(), outlook: Outlook::Moving })
    };
    what_is_wrong(subject, next, seen, waits).or_else(repair)
}

/// Ready ⇔ spec valid, phase Running, no plan, currentImage = spec.image = the pod's image, gate open, pod Ready.
fn what_is_wrong(
    subject: &Subject,
    next: &SeiNodeStatus,
    seen: &Observation,
    waits: Option<&Rest>,
) -> Option<WhyNot> {
    let not = |reason, message: String, outlook| Some(WhyNot { reason, message, outlook });
    let waiting_for = waits.and_then(|rest| rest.why.clone()).unwrap_or_default();
    if subject.deletion == Deletion::Requested {
        return not("Terminating", waiting_for, Outlook::Moving);
    }
    let intent = match &subject.intent {
        Ok(intent) => intent,
        Err(_) => return not("SpecInvalid", "the spec breaks rules: see SpecValid".into(), Outlook::Stuck),
    };
    if intent.activity == Activity::Paused && subject.suspension == Suspension::Off {
        let message = match waiting_for.as_str() {
            "" => "spec.paused keeps the node from running".to_owned(),
            why => format!("spec.paused keeps the node from running: {why}"),
        };
        return not("Paused", message, Outlook::Resting);
    }
    if next.scaled_by_hand.is_some() {
        return not("Paused", "the StatefulSet was scaled to 0 by hand: see Paused".into(), Outlook::Resting);
    }
    if let Some(why) = serving::hangs(seen).or_else(|| serving::refused(seen)) {
        return Some(why);
    }
    if let Some(why) = adoption::refused(subject, next, seen) {
        return Some(why);
    }
    if let Some(plan) = &next.plan {
        let read = Plan::read(plan);
        let reason = working(read.as_ref().map(|plan| plan.kind), next.phase);
        return match read.map(|plan| plan.phase) {
            Some(PlanPhase::Failed { message, next_attempt: Some(at) }) => {
                not("PlanFailed", format!("{message}; next attempt at {}", seconds(at)), Outlook::Moving)
            }
            Some(PlanPhase::Failed { message, next_attempt: None }) => {
                not("PlanFailed", format!("{message}; {}", asks_for_a_person()), Outlook::Stuck)
            }
            Some(PlanPhase::Active) | None => {
                let outlook = match waits.map(|rest| rest.until) {
                    _ if subject.suspension == Suspension::On => Outlook::Stuck,
                    Some(Until::Retry(Class::User | Class::Denied | Class::Invariant)) => Outlook::Stuck,
                    _ => Outlook::Moving,
                };
                not(reason, progress(plan, &waiting_for), outlook)
            }
        };
    }
    if next.phase != Some(Phase::Running) && subject.suspension == Suspension::On {
        return not("Suspended", waiting_for, Outlook::Stuck);
    }
    if next.phase != Some(Phase::Running) {
        return not("Pending", waiting_for, Outlook::Moving);
    }
    if seen.failed_request.is_some() {
        return not("Waiting", waiting_for, Outlook::Moving);
    }
    if let Some(Slot::Taken(_)) = &seen.slot {
        return not("WaitingForSlot", waiting_for, Outlook::Moving);
    }
    if intent.volume == VolumeSource::Own && next.data_volume.is_some() && seen.volume.is_none() {
        return not("DataVolumeLost", "the data PVC is gone: see DataVolumeReady".into(), Outlook::Stuck);
    }
    let Some(pod) = seen.pod() else {
        let missing = || not("PodMissing", "the node's pod does not exist".into(), Outlook::Moving);
        return serving::going(seen).or_else(missing);
    };
    if pod.seid_image.as_ref() != Some(&intent.image) || next.current_image.as_ref() != Some(&intent.image) {
        let runs = pod.seid_image.as_deref().unwrap_or("no image");
        let message = format!("spec.image is {}, the pod runs {runs}", intent.image);
        return not("ImageOutdated", message, Outlook::Stuck);
    }
    match &seen.gate {
        Some(Ok(Health::Ready)) => serving::why_not(pod, seen.now),
        Some(Ok(Health::NotReady)) => not("SidecarNotReady", GATE_SHUT.into(), Outlook::Stuck),
        Some(Err(silence)) => serving::trouble(pod, seen.now)
            .or_else(|| not("SidecarUnreachable", silence.to_string(), Outlook::Moving)),
        None => serving::trouble(pod, seen.now)
            .or_else(|| not("SidecarUnreachable", "the pod has no address yet".into(), Outlook::Moving)),
    }
}

/// Reason that a node is not Ready while a plan goes on.
fn working(kind: Option<PlanKind>, phase: Option<Phase>) -> &'static str {
    match (kind, phase) {
        (Some(PlanKind::MarkReady), _) => "SidecarNotReady",
        (Some(PlanKind::Resubmit), _) => "BackgroundTaskLost",
        (Some(PlanKind::NodeUpdate), _) => "Updating",
        (Some(PlanKind::Init) | None, None | Some(Phase::Pending)) => "Pending",
        (Some(PlanKind::Init) | None, Some(_)) => "Initializing",
    }
}

fn ready(why_not: &Option<WhyNot>) -> Verdict {
    let (status, reason, message) = match why_not {
        None => (Truth::True, "Running", "the node is what its spec asks for".to_owned()),
        Some(why) => (Truth::False, why.reason, why.message.clone()),
    };
    Verdict { type_: types::READY, status, reason, message }
}

fn reconciling(subject: &Subject, next: &SeiNodeStatus, why_not: &Option<WhyNot>) -> Verdict {
    let works = next.plan.is_some() || subject.deletion == Deletion::Requested;
    let (status, reason, message) = match why_not {
        Some(why) if why.reason == serving::CATCHING_UP => (Truth::True, why.reason, why.message.clone()),
        Some(why) if works && why.outlook == Outlook::Moving => {
            (Truth::True, why.reason, why.message.clone())
        }
        _ => (Truth::False, "Settled", "no work is under way".to_owned()),
    };
    Verdict { type_: types::RECONCILING, status, reason, message }
}

fn stalled(why_not: &Option<WhyNot>) -> Verdict {
    let (status, reason, message) = match why_not {
        Some(why) if why.outlook == Outlook::Stuck => (Truth::True, why.reason, why.message.clone()),
        _ => (Truth::False, "NotStalled", "nothing waits for a person".to_owned()),
    };
    Verdict { type_: types::STALLED, status, reason, message }
}

fn progress(plan: &PlanStatus, waiting_for: &str) -> String {
    let task = plan.current_task.as_deref().unwrap_or("the plan's end");
    match waiting_for {
        "" => task.to_owned(),
        why => format!("{task}: {why}"),
    }
}

fn asks_for_a_person() -> String {
    let retry = names::RETRY_ANNOTATION;
    format!(
        "it is not safe to run again by itself: clean the node's home, then set annotation {retry} to a new value"
    )
}

fn seconds(at: Timestamp) -> Timestamp {
    crate::time::stored(at).0
}
