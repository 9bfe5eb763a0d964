//! Events that people should hear, derived from the status before and the status after a write.
//!
//! Comparing two stored statuses says each thing once: nothing is announced that was not written, and a
//! restarted operator does not repeat what an earlier one announced (W8, W9, W37).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seinode_api::{
    SeiNodeStatus, conditions as types,
    status::{Phase, PlanStatus, RepairStatus},
};

use crate::{
    children,
    plan::{Plan, PlanKind, PlanPhase},
    repairs,
};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Severity: good to know, or somebody should look.
    pub severity: Severity,
    /// Machine-readable reason: a contract for those who filter.
    pub reason: &'static str,
    /// Action of the operator at the time.
    pub action: &'static str,
    /// Description of what happened, for people.
    pub note: String,
}

/// Severity of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Normal,
    /// Look at it.
    Warning,
}

/// Events for the change between two statuses that were stored one after the other.
#[must_use]
pub fn between(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<Event> {
    let mut all = plans(before.plan.as_ref(), after);
    all.extend(phase(before.phase, after.phase));
    all.extend(failing(before, after));
    all.extend(refusals(before, after));
    all.extend(readiness(before, after));
    all.extend(blocked(before, after));
    all.extend(hands(before, after));
    all.extend(adoption(before, after));
    all
}

fn phase(before: Option<Phase>, after: Option<Phase>) -> Option<Event> {
    let after = after.filter(|_| before != after)?;
    let note = match before {
        Some(before) => format!("Phase changed from {before:?} to {after:?}"),
        None => format!("Phase is {after:?}"),
    };
    Some(Event { severity: Severity::Normal, reason: "PhaseTransition", action: "Reconcile", note })
}

/// A failure is announced once for each plan that fails, not once a pass (W37).
fn failing(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Option<Event> {
    let entered = after.phase == Some(Phase::Failed) && before.phase != Some(Phase::Failed);
    let message = after.plan.as_ref().and_then(|plan| plan.message.as_deref());
    entered.then(|| Event {
        severity: Severity::Warning,
        reason: "NodeFailed",
        action: "Initialize",
        note: format!("The node is failing and will be tried again: {}", message.unwrap_or("see its plan")),
    })
}

/// True if the sidecar carries on with what a plan gave it. Otherwise the plan went with its spec.
fn is_handed_over(plan: &Plan, after: &SeiNodeStatus) -> bool {
    after.background.iter().any(|known| plan.tasks.iter().any(|task| task.id.to_string() == known.id))
}

fn plans(before: Option<&PlanStatus>, after: &SeiNodeStatus) -> Vec<Event> {
    let (old, new) = (before.and_then(Plan::read), after.plan.as_ref().and_then(Plan::read));
    let normal = |reason, note| Event { severity: Severity::Normal, reason, action: "Plan", note };
    let mut all = Vec::new();
    match (&old, &new) {
        (Some(old), None)
            if old.phase == PlanPhase::Active
                && after.phase == Some(Phase::Running)
                && old.kind != PlanKind::MarkReady
                && (old.kind != PlanKind::Resubmit || is_handed_over(old, after)) =>
        {
            all.push(normal("PlanComplete", format!("{} plan {} is complete", old.kind.as_str(), old.id)));
        }
        (Some(old), Some(new)) if old.id != new.id && old.target != new.target => {
            let note = format!("The spec changed: {} plan {} is superseded", old.kind.as_str(), old.id);
            all.push(normal("PlanSuperseded", note));
        }
        _ => {}
    }
    if let Some(new) = new {
        let begins = old.as_ref().map(|old| old.id) != Some(new.id);
        if begins && new.kind != PlanKind::MarkReady {
            let (kind, id, steps) = (new.kind.as_str(), new.id, new.tasks.len());
            let again = old.as_ref().filter(|old| {
                old.phase != PlanPhase::Active && old.target == new.target && old.kind == new.kind
            });
            all.push(match again {
                Some(failed) => {
                    let note =
                        format!("{kind} plan {id} has {steps} tasks and follows {}, which failed", failed.id);
                    normal("PlanRetry", note)
                }
                None => normal("PlanStarted", format!("{kind} plan {id} has {steps} tasks")),
            });
        }
        let failed_before = old.is_some_and(|old| old.id == new.id && old.phase != PlanPhase::Active);
        if let PlanPhase::Failed { message, next_attempt } = &new.phase
            && !failed_before
        {
            let next = match next_attempt {
                Some(at) => format!("next attempt at {at}"),
                None => "a person has to ask for the next attempt".to_owned(),
            };
            let note = format!("Plan {}: {message}; {next}", new.id);
            all.push(Event { severity: Severity::Warning, reason: "PlanFailed", action: "Plan", note });
        }
    }
    all
}

/// A gate that shut on a node that runs, and that it is open again. Its plan of one task is not announced beside it.
fn readiness(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<Event> {
    let old = before.sidecar.clone().unwrap_or_default();
    let Some(new) = &after.sidecar else { return Vec::new() };
    let events =
        |severity, reason, note: &str| Event { severity, reason, action: "Heal", note: note.to_owned() };
    let mut all = Vec::new();
    if new.last_lost.is_some() && new.last_lost != old.last_lost {
        let note = "The sidecar was restarted and holds seid back; mark-ready is sent again";
        all.push(events(Severity::Warning, "SidecarReadinessLost", note));
    }
    if new.last_healed.is_some() && new.last_healed != old.last_healed {
        let note = "The sidecar answers 200 again: its gate is open";
        all.push(events(Severity::Normal, "SidecarReadinessRestored", note));
    }
    all
}

/// All that a SeiNode that is gone has left is this one's.
fn adoption(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Option<Event> {
    let adopted = after.adopted.as_ref().filter(|record| record.completed_at.is_some())?;
    (before.adopted.as_ref() != Some(adopted)).then(|| Event {
        severity: Severity::Normal,
        reason: "ChildrenAdopted",
        action: "Adopt",
        note: format!("What SeiNode {} has left was handed over to this one", adopted.uid),
    })
}

/// A rollout that is blocked is announced once for each reason.
fn blocked(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Option<Event> {
    let condition = |status: &SeiNodeStatus| {
        types::find(&status.conditions, types::ROLLOUT_BLOCKED).filter(|it| it.status == "True").cloned()
    };
    let (old, new) = (condition(before), condition(after)?);
    (old.is_none_or(|old| old.reason != new.reason)).then(|| Event {
        severity: Severity::Warning,
        reason: "RolloutBlocked",
        action: "Rollout",
        note: format!("{}: {}", new.reason, new.message),
    })
}

/// Events for changes that people made to the children by hand, and for what became of them.
fn hands(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<Event> {
    let warning = |reason, note| Event { severity: Severity::Warning, reason, action: "Repair", note };
    let mut all = Vec::new();
    let times = |status: &SeiNodeStatus, it: &RepairStatus| {
        let same = |old: &&RepairStatus| (&old.object, &old.field) == (&it.object, &it.field);
        status.repairs.iter().find(same).map(|old| (old.times.len(), old.times.last().cloned()))
    };
    for repair in &after.repairs {
        // Times are whole seconds: another repair within the same one is told by their number.
        let is_known = |(count, last): (usize, Option<Time>)| {
            repair.times.len() <= count && repair.times.last() == last.as_ref()
        };
        if times(before, repair).is_some_and(is_known) {
            continue;
        }
        let RepairStatus { object, field, manager, times: _ } = repair;
        all.push(match repairs::contested(&after.repairs).any(|it| it == repair) {
            false => warning(
                "HandEditRepaired",
                format!("{manager} changed {field} of the {object}; it was put back"),
            ),
            true => {
                let note =
                    format!("{manager} changed {field} of the {object} again; it is left as it is for now");
                warning("FieldContested", note)
            }
        });
    }
    if let (None, Some(stop)) = (&before.scaled_by_hand, &after.scaled_by_hand) {
        let note = format!("{} scaled the StatefulSet to 0, which is honoured", stop.manager);
        all.push(warning("ScaledByHand", note));
    }
    for kind in children::restored(before, after).filter(|_| before.phase == Some(Phase::Running)) {
        all.push(warning("ChildRestored", format!("The {kind} was deleted and has been put back")));
    }
    all
}

/// A refusal is announced when a condition that says so turns False for another reason than before.
fn refusals(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Vec<Event> {
    let refusals = [
        (types::SPEC_VALID, "Invalid", "SpecInvalid"),
        (types::DATA_VOLUME_READY, "Foreign", "DataVolumeForeign"),
        (types::DATA_VOLUME_READY, "Terminating", "DataVolumeTerminating"),
        (types::DATA_VOLUME_READY, "Lost", "DataVolumeLost"),
        (types::ADOPTED, "OwnUID", "AdoptionRefused"),
        (types::ADOPTED, "AlreadyRunning", "AdoptionRefused"),
        (types::ADOPTED, "OwnerExists", "AdoptionRefused"),
        (types::ADOPTED, "InUse", "AdoptionRefused"),
        (types::ADOPTED, "BeingDeleted", "AdoptionRefused"),
        (types::ADOPTED, "NothingFound", "AdoptionRefused"),
        (types::IMPORT_PVC_READY, "PVCInvalid", "ImportPVCInvalid"),
        (types::IMPORT_PVC_READY, "InUse", "ImportPVCInUse"),
        (types::SIGNING_KEY_READY, "SigningKeyInvalid", "SigningKeyInvalid"),
        (types::SIGNING_KEY_READY, "SigningKeyChanged", "SigningKeyChanged"),
        (types::SIGNING_KEY_READY, "SigningKeyUnknown", "SigningKeyUnknown"),
        (types::SIGNING_KEY_READY, "InUse", "SigningKeyInUse"),
        (types::NODE_KEY_READY, "NodeKeyInvalid", "NodeKeyInvalid"),
    ];
    let says = |status: &SeiNodeStatus, type_, reason| {
        types::find(&status.conditions, type_)
            .filter(|condition| condition.status == "False" && condition.reason == reason)
            .map(|condition| condition.message.clone())
    };
    refusals
        .into_iter()
        .filter_map(|(type_, reason, event)| {
            let message = says(after, type_, reason).filter(|_| says(before, type_, reason).is_none())?;
            Some(Event { severity: Severity::Warning, reason: event, action: "Refuse", note: message })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_node_is_announced_when_it_fails_and_not_again() {
        let runs = SeiNodeStatus { phase: Some(Phase::Initializing), ..SeiNodeStatus::default() };
        let fails = SeiNodeStatus { phase: Some(Phase::Failed), ..SeiNodeStatus::default() };
        let announced = |before, after| {
            let notices = between(before, after);
            notices.iter().filter(|events| events.reason == "NodeFailed").count()
        };
        assert_eq!(announced(&runs, &fails), 1);
        assert_eq!(announced(&fails, &fails), 0, "W37");
        assert_eq!(announced(&fails, &runs), 0);
    }

    #[test]
    fn a_plan_that_went_with_its_spec_is_not_complete() {
        use crate::{ids::Target, task_type::TaskType};
        use seinode_api::status::BackgroundStatus;
        let (made_at, tasks) = (jiff::Timestamp::UNIX_EPOCH, [TaskType::SnapshotUpload]);
        let plan = Plan::new(PlanKind::Resubmit, "uid", Target::of(b"spec"), made_at, 0, &tasks);
        let runs = SeiNodeStatus { phase: Some(Phase::Running), ..SeiNodeStatus::default() };
        let before = SeiNodeStatus { plan: Some(plan.write(None)), ..runs.clone() };
        let is_complete = |after: &SeiNodeStatus| {
            between(&before, after).iter().any(|event| event.reason == "PlanComplete")
        };
        assert!(!is_complete(&runs));
        let known = BackgroundStatus { id: plan.tasks[0].id.to_string(), ..BackgroundStatus::default() };
        assert!(is_complete(&SeiNodeStatus { background: vec![known], ..runs }));
    }
}
