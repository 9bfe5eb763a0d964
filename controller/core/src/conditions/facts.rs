//! What each condition says of the present facts.

use jiff::Timestamp;
use seinode_api::{
    SeiNodeStatus, conditions as types, names,
    status::{Phase, PlanStatus},
};

use super::{Truth, Verdict};
use crate::{
    answer::{Health, Question},
    decision::Rest,
    failure::Class,
    intent::{Intent, VolumeSource},
    node::{Life, Owner, Subject, Suspension},
    observation::{Observation, Reply},
    plan::{Plan, PlanPhase},
    task::{
        Until,
        children::{Claim, claim},
    },
};

/// The types that are written here: an old condition of one of them that no longer applies is dropped.
pub(super) const TYPES: [&str; 8] = [
    types::READY,
    types::RECONCILING,
    types::STALLED,
    types::AVAILABLE,
    types::SPEC_VALID,
    types::DATA_VOLUME_READY,
    types::PEERS_RESOLVED,
    types::SIDECAR_READY,
];

/// Every condition that can be told, in the order of `TYPES`.
pub(super) fn verdicts(
    subject: &Subject,
    next: &SeiNodeStatus,
    seen: &Observation,
    waits: Option<&Rest>,
) -> Vec<Verdict> {
    let why_not = why_not_ready(subject, next, seen, waits);
    let mut all = vec![ready(&why_not), reconciling(subject, next, &why_not), stalled(&why_not)];
    all.push(available(seen));
    all.push(spec_valid(subject));
    if let Ok(intent) = &subject.intent {
        all.extend(data_volume(subject, intent, seen));
        all.extend(peers(intent, seen));
    }
    all.push(sidecar(next, seen));
    all
}

/// Why a node is not Ready, and whether anything but a person can change that.
struct WhyNot {
    reason: &'static str,
    message: String,
    outlook: Outlook,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// The operator goes on by itself.
    Moving,
    /// A person has to do something.
    Stuck,
}

/// Ready ⇔ spec valid, phase Running, no plan, currentImage = spec.image = the pod's image, gate open.
fn why_not_ready(
    subject: &Subject,
    next: &SeiNodeStatus,
    seen: &Observation,
    waits: Option<&Rest>,
) -> Option<WhyNot> {
    let not = |reason, message: String, outlook| Some(WhyNot { reason, message, outlook });
    let waiting_for = waits.and_then(|rest| rest.why.clone()).unwrap_or_default();
    if subject.life == Life::Deleting {
        return not("Terminating", waiting_for, Outlook::Moving);
    }
    let intent = match &subject.intent {
        Ok(intent) => intent,
        Err(_) => return not("SpecInvalid", "the spec breaks rules: see SpecValid".into(), Outlook::Stuck),
    };
    if let Some(plan) = &next.plan {
        return match Plan::read(plan).map(|plan| plan.phase) {
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
                not("Initializing", progress(plan, &waiting_for), outlook)
            }
        };
    }
    if next.phase != Some(Phase::Running) && subject.suspension == Suspension::On {
        return not("Suspended", waiting_for, Outlook::Stuck);
    }
    if next.phase != Some(Phase::Running) {
        return not("NotSupported", waiting_for, Outlook::Stuck);
    }
    if seen.setback.is_some() {
        return not("Waiting", waiting_for, Outlook::Moving);
    }
    let Some(pod) = seen.pod() else {
        return not("PodMissing", "the node's pod does not exist".into(), Outlook::Moving);
    };
    if pod.seid_image.as_ref() != Some(&intent.image) || next.current_image.as_ref() != Some(&intent.image) {
        let runs = pod.seid_image.as_deref().unwrap_or("no image");
        let message = format!("spec.image is {}, the pod runs {runs}", intent.image);
        return not("ImageOutdated", message, Outlook::Stuck);
    }
    match seen.gate.to(Question::Health) {
        Reply::Is(Health::Ready) => None,
        Reply::Is(Health::NotReady) => not("SidecarNotReady", GATE_SHUT.into(), Outlook::Stuck),
        Reply::Silent(silence) => not("SidecarUnreachable", silence.to_string(), Outlook::Moving),
        Reply::Ask => not("SidecarUnreachable", "the pod has no address yet".into(), Outlook::Moving),
    }
}

const GATE_SHUT: &str = "the sidecar answered 503: its gate is shut and holds seid back";

fn ready(why_not: &Option<WhyNot>) -> Verdict {
    let (status, reason, message) = match why_not {
        None => (Truth::True, "Running", "the node is what its spec asks for".to_owned()),
        Some(why) => (Truth::False, why.reason, why.message.clone()),
    };
    Verdict { type_: types::READY, status, reason, message }
}

fn reconciling(subject: &Subject, next: &SeiNodeStatus, why_not: &Option<WhyNot>) -> Verdict {
    let works = next.plan.is_some() || subject.life == Life::Deleting;
    let (status, reason, message) = match why_not {
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

fn available(seen: &Observation) -> Verdict {
    let (status, reason, message) = match seen.pod() {
        Some(pod) if pod.ready => (Truth::True, "PodReady", format!("pod {} is Ready", pod.name)),
        Some(pod) => {
            let why = pod.trouble.as_deref().unwrap_or("its containers are not ready");
            (Truth::False, "PodNotReady", format!("pod {} is not Ready: {why}", pod.name))
        }
        None => (Truth::False, "PodMissing", "the node's pod does not exist".to_owned()),
    };
    Verdict { type_: types::AVAILABLE, status, reason, message }
}

fn spec_valid(subject: &Subject) -> Verdict {
    let (status, reason, message) = match &subject.intent {
        Ok(_) => (Truth::True, "Valid", "the spec holds every rule".to_owned()),
        Err(found) => {
            let all: Vec<_> = found.iter().map(ToString::to_string).collect();
            (Truth::False, "Invalid", all.join(" | "))
        }
    };
    Verdict { type_: types::SPEC_VALID, status, reason, message }
}

fn data_volume(subject: &Subject, intent: &Intent, seen: &Observation) -> Option<Verdict> {
    if intent.volume != VolumeSource::Own {
        return None;
    }
    let name = names::data_volume(&subject.node.name);
    let (status, reason, message) = match &seen.volume {
        None => (Truth::False, "Missing", format!("PVC {name} does not exist")),
        Some(volume) => match claim(&volume.owner, volume.stay) {
            Claim::Ours => (Truth::True, "Owned", format!("PVC {name} exists and is this node's")),
            Claim::Leaving => {
                let message = format!("PVC {name} is being removed; a new one is made when it is gone");
                (Truth::False, "Terminating", message)
            }
            Claim::Foreign => (Truth::False, "Foreign", foreign(&name, &volume.owner)),
        },
    };
    Some(Verdict { type_: types::DATA_VOLUME_READY, status, reason, message })
}

/// A volume that is not ours is never touched (W6): the words say how to take it over instead.
fn foreign(name: &str, owner: &Owner) -> String {
    let whose = match owner {
        Owner::Other(other) => format!("belongs to {other}"),
        Owner::Nobody | Owner::Us | Owner::Predecessor => "was not made for this SeiNode".to_owned(),
    };
    format!(
        "PVC {name} exists and {whose}; it is not touched. To start empty, delete the PVC yourself (its data \
         goes with it) or give the SeiNode another name. To go on with its data needs \
         spec.dataVolume.import.pvcName: {name}, which this version does not bring up yet"
    )
}

fn peers(intent: &Intent, seen: &Observation) -> Option<Verdict> {
    intent.label_sources().next()?;
    let (status, reason, message) = match seen.peers.is_empty() {
        false => (Truth::True, "Resolved", "the label sources of spec.peers select SeiNodes"),
        true => {
            let message =
                "no SeiNode matches the label sources of spec.peers; create one, or mend the selector";
            (Truth::False, "NoMatch", message)
        }
    };
    Some(Verdict { type_: types::PEERS_RESOLVED, status, reason, message: message.to_owned() })
}

fn sidecar(next: &SeiNodeStatus, seen: &Observation) -> Verdict {
    let (status, reason, message) = match seen.gate.to(Question::Health) {
        Reply::Is(Health::Ready) => {
            (Truth::True, "Ready", "the sidecar answered 200: its gate is open".into())
        }
        Reply::Is(Health::NotReady) => (Truth::False, "NotReady", GATE_SHUT.into()),
        Reply::Silent(silence) => (Truth::Unknown, "Unreachable", silence.to_string()),
        Reply::Ask if next.phase == Some(Phase::Running) => {
            (Truth::Unknown, "Unreachable", "the node has no pod with an address".into())
        }
        Reply::Ask => {
            let message = "the gate is opened by mark-ready, the last task of the init plan";
            (Truth::Unknown, "Initializing", message.into())
        }
    };
    Verdict { type_: types::SIDECAR_READY, status, reason, message }
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
