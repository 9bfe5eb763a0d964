//! Conditions of rollouts: whether one is under way, what keeps it, and whether the node is as it would be rendered
//! today.

use seinode_api::{SeiNodeStatus, conditions as types};

use crate::{
    conditions::{Told, Truth, Verdict},
    configuration, drift,
    intent::Intent,
    node::Owner,
    observation::{DataCheck, Observation, Slot},
    plan::{Plan, PlanKind, PlanPhase},
    repairs,
    task_type::TaskType,
    text,
};

/// NodeUpdateInProgress: told from the first rollout on.
pub(super) fn in_progress(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Option<Told> {
    let type_ = types::NODE_UPDATE_IN_PROGRESS;
    let is = |status, reason, message| Some(Told::Is(Verdict { type_, status, reason, message }));
    let before = types::find(&next.conditions, type_);
    let restart = drift::pending_restart(next);
    let plan = next.plan.as_ref().and_then(Plan::read).filter(|plan| plan.kind == PlanKind::NodeUpdate);
    match plan {
        Some(Plan { phase: PlanPhase::Failed { message, .. }, id, .. }) => {
            is(Truth::False, "UpdateFailed", format!("plan {id} failed: {message}"))
        }
        Some(Plan { id, supersedes: Some(earlier), .. }) => {
            let message =
                format!("plan {id} rolls out {}, in place of {earlier}: the spec changed", intent.image);
            is(Truth::True, "UpdateSuperseded", message)
        }
        Some(Plan { id, .. })
            if intent.spec_hashes().drift(&next.baseline).is_empty() && restart.is_some() =>
        {
            let value = restart.and_then(|record| record.requested.as_deref()).unwrap_or_default();
            let message = format!("plan {id} replaces the pod: a restart was requested, by {value}");
            is(Truth::True, "RestartRequested", message)
        }
        Some(Plan { id, .. }) => {
            is(Truth::True, "UpdateStarted", format!("plan {id} rolls out {}", intent.image))
        }
        None => match (&seen.slot, before) {
            (Some(Slot::Taken(why)), _) => is(Truth::False, "WaitingForSlot", why.clone()),
            (_, Some(before)) if before.status == "True" || before.reason == "WaitingForSlot" => is(
                Truth::False,
                "UpdateComplete",
                format!("the node runs {} as its spec asks for", intent.image),
            ),
            (_, Some(_)) => Some(Told::AsBefore(type_)),
            (_, None) => None,
        },
    }
}

/// RolloutBlocked: what a rollout waits for that does not come by itself.
pub(super) fn blocked(next: &SeiNodeStatus, seen: &Observation) -> Verdict {
    let type_ = types::ROLLOUT_BLOCKED;
    match why_blocked(next, seen) {
        Some((reason, message)) => Verdict { type_, status: Truth::True, reason, message },
        None => {
            let message = "no rollout waits for a person".to_owned();
            Verdict { type_, status: Truth::False, reason: "NotBlocked", message }
        }
    }
}

/// Reason and words, if a rollout waits for something that does not come by itself.
pub(in crate::conditions) fn why_blocked(
    next: &SeiNodeStatus,
    seen: &Observation,
) -> Option<(&'static str, String)> {
    let plan = next.plan.as_ref().and_then(Plan::read).filter(|plan| plan.kind == PlanKind::NodeUpdate)?;
    let task = plan.current()?.kind;
    if let PlanPhase::Failed { message, .. } = &plan.phase {
        // A crash of the new `seid`: it is tried again, and a new spec is what helps.
        let trouble = seen.pod().and_then(|pod| pod.trouble(seen.now)).map(|trouble| trouble.reason);
        return (task == TaskType::ObserveSeid)
            .then(|| (trouble.unwrap_or("CrashLoopBackOff"), message.clone()));
    }
    if let Some((pod, since, end)) = seen.hanging_pod() {
        let message = format!(
            "pod {} is being deleted since {since} and should have been gone at {end}; look at its finalizers and at its \
             machine. It is never deleted by force",
            pod.name
        );
        return Some(("DeletionHangs", message));
    }
    if let Some(words) = seen.refused() {
        return Some((super::serving::POD_REFUSED, format!("the new pod cannot be made: {words}")));
    }
    if task == TaskType::ReplacePod && !matches!(seen.data, None | Some(DataCheck::Safe)) {
        return Some(("DataVolumeNotReady", "the pod is not replaced: see DataVolumeReady".to_owned()));
    }
    // The trouble of a pod that is to be replaced is none of the rollout's.
    let revision = seen.stateful_set.as_ref().and_then(|set| set.update_revision.as_ref());
    let pod =
        seen.pod().filter(|pod| plan.has_done(TaskType::ReplacePod) && pod.revision.as_ref() == revision)?;
    pod.trouble(seen.now).map(|trouble| (trouble.reason, trouble.message.clone()))
}

/// TemplateOutdated: the node is not as it would be rendered today. That restarts nobody; the next rollout carries it.
pub(super) fn outdated(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Option<Told> {
    let plan = next.plan.as_ref().and_then(Plan::read);
    if plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate && plan.phase == PlanPhase::Active) {
        return Some(Told::AsBefore(types::TEMPLATE_OUTDATED));
    }
    compared(intent, next, seen).map(Told::Is)
}

fn compared(intent: &Intent, next: &SeiNodeStatus, seen: &Observation) -> Option<Verdict> {
    let set = seen.stateful_set.as_ref().filter(|set| set.owner == Owner::Us)?;
    let rendering = seen.rendering.as_ref()?;
    let later = "; the next rollout brings it up to date";
    let is = |status, reason, message: &str| Verdict {
        type_: types::TEMPLATE_OUTDATED,
        status,
        reason,
        message: message.to_owned(),
    };
    let given = next.configured.as_ref();
    let other = |given: Option<&String>, now: String| given.is_some_and(|given| *given != now);
    let has_peers = intent.label_sources().next().is_some();
    let configuration = other(given.and_then(|it| it.config.as_ref()), configuration::hash(intent));
    let peers =
        has_peers && other(given.and_then(|it| it.peers.as_ref()), configuration::peers_hash(&seen.peers));
    let pod = seen.pod().and_then(|pod| pod.revision.as_ref());
    let is_current = set.observed_generation >= set.generation;
    Some(match &set.template_hash {
        None => {
            is(Truth::True, "Adopted", &format!("the StatefulSet is as the earlier operator made it{later}"))
        }
        Some(hash) if *hash != rendering.template => {
            let message = format!("the StatefulSet would be rendered otherwise today{later}");
            is(Truth::True, "RenderingChanged", &message)
        }
        Some(_) if configuration => {
            is(Truth::True, "ConfigurationChanged", &format!("the configuration changed{later}"))
        }
        Some(_) if peers => {
            is(Truth::True, "ConfigurationChanged", &format!("{}{later}", peers_changed(next, seen)))
        }
        Some(_) if is_current && pod.is_some() && pod != set.update_revision.as_ref() => {
            is(Truth::True, "PodOutdated", &format!("the pod is of an earlier revision{later}"))
        }
        Some(_) => is(Truth::False, "UpToDate", "the node is as it would be rendered today"),
    })
}

/// How the peers differ from those that the node was configured with.
fn peers_changed(next: &SeiNodeStatus, seen: &Observation) -> String {
    let given = next.configured.as_ref().map(|given| given.peer_addresses.as_slice()).unwrap_or_default();
    match seen.peers.renewed(given).as_slice() {
        [] => "the peers changed".to_owned(),
        renewed => format!(
            "the peers changed: {} came back with another node id",
            text::joined(renewed, ", ", text::MESSAGE / 2)
        ),
    }
}

/// Contested: a field that somebody changes again and again.
pub(super) fn contested(next: &SeiNodeStatus) -> Verdict {
    let fields: Vec<_> = repairs::contested(&next.repairs)
        .map(|it| format!("{} {} by {}", it.object, it.field, it.manager))
        .collect();
    let (status, reason, message) = match fields.is_empty() {
        true => (Truth::False, "NotContested", "nobody works against the operator".to_owned()),
        false => {
            let message = format!(
                "changed again and again and left as it is: {}; stop that writer, then set annotation \
                 {} to a new value",
                text::joined(&fields, ", ", text::MESSAGE / 2),
                seinode_api::names::RETRY_ANNOTATION
            );
            (Truth::True, "FieldContested", message)
        }
    };
    Verdict { type_: types::CONTESTED, status, reason, message }
}
