//! SlotHeld: a node that others wait for says so itself, and what they wait for.

use seinode_api::{SeiNodeStatus, conditions as types};

use crate::{
    conditions::{Truth, Verdict},
    observation::{Observation, Standing},
    plan::{Plan, PlanKind, PlanPhase},
};

/// Told from the first slot on.
pub(super) fn held(next: &SeiNodeStatus, seen: &Observation) -> Option<Verdict> {
    let type_ = types::SLOT_HELD;
    let Some(slot) = &next.slot else {
        types::find(&next.conditions, type_)?;
        let message = "the node serves, or nobody waits for it".to_owned();
        return Some(Verdict { type_, status: Truth::False, reason: "GivenBack", message });
    };
    let since = slot.since.as_ref().map(|since| format!(" since {}", since.0)).unwrap_or_default();
    let plan = next.plan.as_ref().and_then(Plan::read).filter(|plan| plan.kind == PlanKind::NodeUpdate);
    let trouble = seen.pod().and_then(|pod| pod.trouble(seen.now)).map(|trouble| trouble.message.clone());
    let (reason, why) = match plan.map(|plan| plan.phase) {
        Some(PlanPhase::Failed { message, .. }) => ("UpdateFailed", message),
        Some(PlanPhase::Active) => ("RollingOut", trouble.unwrap_or_else(|| "its update goes on".to_owned())),
        None if Standing::of(seen.pod()).is_surely_down() => {
            ("NotServing", trouble.unwrap_or_else(|| "it has no pod".to_owned()))
        }
        None => ("NotServing", "its pod is not Ready yet".to_owned()),
    };
    let message = format!(
        "the node holds a rollout slot{since} and keeps it until it serves, gets another spec, or is paused: {why}"
    );
    Some(Verdict { type_, status: Truth::True, reason, message })
}
