//! A heal that is over in one pass: its plan need not be stored before it, and what it says may be told a little later.
//!
//! When a whole fleet restarts, a status write before each mark-ready is what the last node waits for. A plan of this one
//! task may go without: mark-ready done twice opens a gate that is open, under whichever id. What the write would have
//! proved is asked live instead: that the SeiNode is still as it was read. Whatever does not end in the same pass is
//! stored as every other plan is.

use seinode_api::{SeiNodeStatus, conditions};

use crate::plan::{Plan, PlanKind, PlanPhase};

/// The conditions that follow the readiness of a sidecar.
const OF_READINESS: [&str; 5] = [
    conditions::READY,
    conditions::RECONCILING,
    conditions::STALLED,
    conditions::AVAILABLE,
    conditions::SIDECAR_READY,
];

/// True if the status has nothing new but that the sidecar, and with it the node, is ready or is not.
#[must_use]
pub fn only_readiness(stored: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    stored.plan.is_none() && next.plan.is_none() && stored != next && besides(stored) == besides(next)
}

/// True if the status has nothing new but a plan that opens the gate; the end of an earlier one may not be stored yet.
#[must_use]
pub fn only_begins(stored: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    opens(next) && id(stored) != id(next) && only_gate(stored, next)
}

/// True if the status has nothing new but that the plan that opens the gate has done it.
#[must_use]
pub fn only_ends(stored: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    next.plan.is_none() && opens(stored) && only_gate(stored, next)
}

/// True if the status has nothing new but readiness, or the begin, course or end of plans that open the gate.
#[must_use]
pub fn only_gate(stored: &SeiNodeStatus, next: &SeiNodeStatus) -> bool {
    let gate = |status: &SeiNodeStatus| status.plan.is_none() || opens(status);
    gate(stored) && gate(next) && stored != next && besides(stored) == besides(next)
}

fn id(status: &SeiNodeStatus) -> Option<&str> {
    status.plan.as_ref().map(|plan| plan.id.as_str())
}

fn opens(status: &SeiNodeStatus) -> bool {
    let plan = status.plan.as_ref().and_then(Plan::read);
    plan.is_some_and(|plan| plan.kind == PlanKind::MarkReady && plan.phase == PlanPhase::Active)
}

/// The status without readiness and the plan.
fn besides(status: &SeiNodeStatus) -> SeiNodeStatus {
    let mut status = status.clone();
    status.plan = None;
    status.sidecar = None;
    status.conditions.retain(|it| !OF_READINESS.contains(&it.type_.as_str()));
    status
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use seinode_api::status::SidecarStatus;

    use super::*;
    use crate::{ids::Target, task_type::TaskType};

    fn with(kind: PlanKind, tasks: &[TaskType]) -> SeiNodeStatus {
        let target = Target::of(b"{}");
        let plan = Plan::new(kind, "uid", target, Timestamp::UNIX_EPOCH, 0, tasks);
        SeiNodeStatus { plan: Some(plan.write(None)), ..SeiNodeStatus::default() }
    }

    #[test]
    fn only_a_plan_that_opens_the_gate_need_not_be_stored_first() {
        let (rests, opens) = (SeiNodeStatus::default(), with(PlanKind::MarkReady, &[TaskType::MarkReady]));
        assert!(only_begins(&rests, &opens) && only_ends(&opens, &rests));
        let mut told = opens.clone();
        told.sidecar = Some(SidecarStatus { opened_pod: Some("p".into()), ..SidecarStatus::default() });
        assert!(only_begins(&rests, &told), "what is said of the gate goes with it");
        assert!(!only_begins(&opens, &opens), "it is stored already");
        let updates = with(PlanKind::NodeUpdate, &[TaskType::MarkReady]);
        assert!(!only_begins(&rests, &updates) && !only_ends(&updates, &rests));
        assert!(only_gate(&opens, &told) && only_gate(&told, &rests) && !only_gate(&opens, &opens));
        assert!(!only_gate(&opens, &updates), "a rollout is more");
        let more = SeiNodeStatus { current_image: Some("v2".into()), ..opens };
        assert!(!only_begins(&rests, &more) && !only_gate(&rests, &more), "something else is news");
    }
}
