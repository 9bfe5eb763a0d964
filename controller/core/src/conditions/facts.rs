//! Content of each condition, from the present facts.

mod adoption;
mod keys;
mod peers;
mod serving;
mod slot;
mod summary;
mod update;
mod volume;
mod why_not;

use seinode_api::{SeiNodeStatus, conditions as types, names, status::Phase};

pub(crate) use self::serving::POD_REFUSED;

use super::{Told, Truth, Verdict};
use crate::{
    decision::Rest,
    exclusive::{Bid, Contest},
    intent::{Activity, Intent},
    node::Deletion,
    observation::{Observation, Run},
    sidecar::Health,
    subject::Subject,
    text,
};

/// The types that are written here: an old condition of one of them that no longer applies is dropped.
pub(super) const TYPES: [&str; 19] = [
    types::READY,
    types::RECONCILING,
    types::STALLED,
    types::AVAILABLE,
    types::SPEC_VALID,
    types::PAUSED,
    types::DATA_VOLUME_READY,
    types::VOLUME_RETAINED,
    types::IMPORT_PVC_READY,
    types::ADOPTED,
    types::SIGNING_KEY_READY,
    types::NODE_KEY_READY,
    types::PEERS_RESOLVED,
    types::SIDECAR_READY,
    types::NODE_UPDATE_IN_PROGRESS,
    types::ROLLOUT_BLOCKED,
    types::SLOT_HELD,
    types::TEMPLATE_OUTDATED,
    types::CONTESTED,
];

/// Every condition that can be told, in the order of `TYPES`.
pub(super) fn told(
    subject: &Subject,
    next: &SeiNodeStatus,
    seen: &Observation,
    waits: Option<&Rest>,
) -> Vec<Told> {
    let mut all: Vec<_> = summary::verdicts(subject, next, seen, waits).into_iter().map(Told::Is).collect();
    all.push(Told::Is(available(seen)));
    all.push(Told::Is(spec_valid(subject)));
    if let Some(intent) = subject.readable() {
        all.push(Told::Is(paused(intent, next, seen)));
        all.extend(volume::data(subject, intent, next, seen));
        all.extend(volume::retained(subject, intent, seen));
        all.extend(volume::import(subject, intent, next, seen));
        all.extend(adoption::adopted(subject, next, seen));
        all.extend(keys::signing(subject, intent, next, seen));
        all.extend(keys::node(intent, seen));
        all.extend(peers::resolved(intent, next, seen).map(Told::Is));
    }
    all.push(sidecar(subject, next, seen));
    if let Some(intent) = subject.readable() {
        all.extend(update::in_progress(intent, next, seen));
        if next.phase == Some(Phase::Running) {
            all.push(Told::Is(update::blocked(next, seen)));
            all.extend(slot::held(next, seen).map(Told::Is));
            all.extend(update::outdated(intent, next, seen));
            all.push(Told::Is(update::contested(next)));
        }
    }
    match &subject.intent {
        Ok(_) => all,
        Err(_) => beside_what_is_broken(subject, all),
    }
}

/// An invalid spec disarms nothing: what depends on its invalid part stays as it was told last, and nothing is lost.
fn beside_what_is_broken(subject: &Subject, mut all: Vec<Told>) -> Vec<Told> {
    let volume = subject.is_broken("spec.dataVolume");
    let keys = subject.is_broken("spec.validator");
    let depends = |type_: &str| match type_ {
        types::DATA_VOLUME_READY | types::VOLUME_RETAINED | types::IMPORT_PVC_READY => volume,
        types::SIGNING_KEY_READY | types::NODE_KEY_READY => keys,
        types::PEERS_RESOLVED => subject.is_broken("spec.peers"),
        // They speak of the spec as a whole.
        types::NODE_UPDATE_IN_PROGRESS | types::TEMPLATE_OUTDATED => true,
        _ => subject.salvaged.is_none(),
    };
    let told = |told: &Told| match told {
        Told::Is(verdict) => verdict.type_,
        Told::AsBefore(type_) => type_,
    };
    let computed: Vec<&str> = all.iter().map(told).collect();
    let missing: Vec<_> =
        TYPES.into_iter().filter(|type_| depends(type_) && !computed.contains(type_)).collect();
    for one in &mut all {
        let type_ = told(one);
        let own = [types::READY, types::RECONCILING, types::STALLED, types::SPEC_VALID, types::AVAILABLE];
        if depends(type_) && !own.contains(&type_) && type_ != types::SIDECAR_READY {
            *one = Told::AsBefore(type_);
        }
    }
    all.extend(missing.into_iter().map(Told::AsBefore));
    all
}

/// Contest for what the node wants: from the live answer if it was asked for, else as far as the watches know.
fn contested(bid: &Bid<'_>, seen: &Observation) -> Contest {
    match &seen.live_rivals {
        Some((asked, rivals)) if asked == bid.resource => bid.against(rivals),
        _ => bid.against(&seen.rivals),
    }
}

const GATE_SHUT: &str = "the sidecar answered 503: its gate is shut and holds seid back";

fn available(seen: &Observation) -> Verdict {
    let (status, reason, message) = match seen.pod() {
        Some(pod) if pod.ready => (Truth::True, "PodReady", format!("pod {} is Ready", pod.name)),
        Some(pod) => {
            let why = pod.trouble(seen.now).map_or("its containers are not ready", |it| it.message.as_str());
            (Truth::False, "PodNotReady", format!("pod {} is not Ready: {why}", pod.name))
        }
        None => (Truth::False, "PodMissing", "the node's pod does not exist".to_owned()),
    };
    Verdict { type_: types::AVAILABLE, status, reason, message }
}

fn spec_valid(subject: &Subject) -> Verdict {
    let (status, reason, message) = match &subject.intent {
        Ok(_) => (Truth::True, "Valid", "the spec holds every rule".to_owned()),
        Err(found) => (Truth::False, "Invalid", text::joined(found, " | ", text::MESSAGE - 100)),
    };
    Verdict { type_: types::SPEC_VALID, status, reason, message }
}

fn paused(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Verdict {
    if let (Activity::Runs, Some(stop)) = (intent.activity, &next.scaled_by_hand) {
        let message = format!(
            "{} scaled the StatefulSet to 0, which is honoured; to go on, set annotation {} to a new value, or set \
             spec.paused to true and then to false",
            stop.manager,
            names::RETRY_ANNOTATION
        );
        let (status, reason) = (Truth::True, "ScaledByHand");
        return Verdict { type_: types::PAUSED, status, reason, message };
    }
    let (status, reason, message) =
        match (intent.activity, seen.pods.iter().find(|pod| pod.run == Run::Lives)) {
            (Activity::Runs, _) => (Truth::False, "NotPaused", "the node is to run".to_owned()),
            (Activity::Paused, None) => {
                let message =
                    "spec.paused: the node has no pod, and its plan waits; set it to false to go on";
                (Truth::True, "Paused", message.to_owned())
            }
            (Activity::Paused, Some(pod)) => {
                let is_asked = seen.stateful_set.as_ref().is_none_or(|set| set.replicas == 0);
                let words = if is_asked { "is going" } else { "still runs: see Ready" };
                (Truth::True, "Stopping", format!("spec.paused: pod {} {words}", pod.name))
            }
        };
    Verdict { type_: types::PAUSED, status, reason, message }
}

fn starts_anew(next: &SeiNodeStatus, seen: &Observation) -> bool {
    let before = types::find(&next.conditions, types::SIDECAR_READY).map(|it| it.reason.as_str());
    let asked = seen.pod().is_none_or(|pod| pod.ip.is_none()) || seen.gate.is_some();
    next.phase == Some(Phase::Running) && asked && matches!(before, Some("Paused" | "Starting"))
}

fn sidecar(subject: &Subject, next: &SeiNodeStatus, seen: &Observation) -> Told {
    let activity = subject.intent.as_ref().ok().map(|intent| intent.activity);
    let (status, reason, message) = match &seen.gate {
        _ if activity == Some(Activity::Paused) && subject.deletion == Deletion::Absent => {
            (Truth::Unknown, "Paused", "spec.paused: nobody is asked".into())
        }
        Some(Ok(Health::Ready)) => {
            (Truth::True, "Ready", "the sidecar answered 200: its gate is open".into())
        }
        Some(Ok(Health::NotReady)) => (Truth::False, "NotReady", GATE_SHUT.into()),
        // After a pause, until it answers for the first time.
        Some(Err(_)) | None if starts_anew(next, seen) => {
            (Truth::Unknown, "Starting", "the node goes on after a pause; its pod is starting".into())
        }
        Some(Err(silence)) => (Truth::Unknown, "Unreachable", silence.to_string()),
        // Nobody asked in this pass.
        None if next.phase == Some(Phase::Running) && seen.pod().is_some_and(|pod| pod.ip.is_some()) => {
            return Told::AsBefore(types::SIDECAR_READY);
        }
        None if next.phase == Some(Phase::Running) => {
            (Truth::Unknown, "Unreachable", "the node has no pod with an address".into())
        }
        None => {
            let message = "the gate is opened by mark-ready, at the end of the init plan";
            (Truth::Unknown, "Initializing", message.into())
        }
    };
    Told::Is(Verdict { type_: types::SIDECAR_READY, status, reason, message })
}
