//! What is news in a status: what a later pass builds on is written at once, what only tells of a wait may come later.

use seinode_api::{SeiNodeStatus, conditions};
use seinode_core::{
    decision::Rest,
    failure::Class,
    plan::{Plan, PlanPhase},
    task::Until,
};

/// Whether the status has nothing new but how far a plan has come and what it waits for.
pub(super) fn only_waits(stored: &SeiNodeStatus, next: &SeiNodeStatus, rest: &Rest) -> bool {
    // An attempt is stored before it is made, and what went wrong with the last one at once.
    let goes_on = |status: &SeiNodeStatus| {
        let plan = status.plan.as_ref().and_then(Plan::read);
        let plan = plan.filter(|plan| plan.phase == PlanPhase::Active)?;
        let attempts = plan.tasks.into_iter().map(|task| (task.id, task.error));
        Some((plan.id, attempts.collect::<Vec<_>>()))
    };
    let patient = !matches!(rest.until, Until::Retry(Class::User | Class::Denied | Class::Invariant));
    stored != next
        && patient
        && stored.phase == next.phase
        && is_blocked(stored) == is_blocked(next)
        // Others wait for what is let go.
        && stored.claims == next.claims
        && stored.observed_generation == next.observed_generation
        && goes_on(stored).is_some()
        && goes_on(stored) == goes_on(next)
}

/// What a rollout waits for a person for.
fn is_blocked(status: &SeiNodeStatus) -> Option<&str> {
    let blocked = conditions::find(&status.conditions, conditions::ROLLOUT_BLOCKED)?;
    (blocked.status == "True").then_some(&blocked.reason)
}

/// Whether the API server kept all that a later pass builds on. What its CRD does not know it prunes, and a plan or a
/// claim that is not kept would be made anew with every pass.
pub(super) fn remembers(kept: &SeiNodeStatus, written: &SeiNodeStatus) -> bool {
    let memory = |status: &SeiNodeStatus| {
        let work = (status.plan.clone(), status.claims.clone(), status.bootstrap.clone());
        let known = (status.background.clone(), status.baseline.clone(), status.children.clone());
        (work, known, status.configured.clone(), status.scaled_by_hand.clone(), status.repairs.clone())
    };
    memory(kept) == memory(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seinode_api::status::{PlanStatus, TaskStatus};
    use seinode_core::{
        ids::{PlanId, TaskId},
        task_type::TaskType,
    };

    fn working(message: &str, error: Option<&str>) -> SeiNodeStatus {
        let id = PlanId::parse("11111111-2222-4333-8444-555555555555").unwrap();
        let task = TaskStatus {
            type_: "config-apply".into(),
            id: TaskId::derive(id, TaskType::ConfigApply, 0, 0).to_string(),
            status: "Pending".into(),
            error: error.map(str::to_owned),
            ..TaskStatus::default()
        };
        let plan = PlanStatus {
            id: id.to_string(),
            kind: Some("Init".into()),
            phase: "Active".into(),
            target: Some(id.to_string()),
            started_at: serde_json::from_value("2026-01-01T00:00:00Z".into()).unwrap(),
            message: Some(message.to_owned()),
            tasks: vec![task],
            ..PlanStatus::default()
        };
        SeiNodeStatus { plan: Some(plan), ..SeiNodeStatus::default() }
    }

    fn waits(stored: &SeiNodeStatus, next: &SeiNodeStatus, until: Until) -> bool {
        only_waits(stored, next, &Rest { why: None, until })
    }

    #[test]
    fn another_wait_of_the_same_plan_may_come_later_and_everything_else_at_once() {
        let stored = working("a", None);
        assert!(waits(&stored, &working("b", None), Until::Event));
        assert!(!waits(&stored, &stored, Until::Event), "nothing is new");
        assert!(!waits(&stored, &working("b", None), Until::Retry(Class::User)), "a person has to act");
        assert!(!waits(&stored, &working("b", Some("it failed")), Until::Event), "an attempt failed");
        assert!(!waits(&SeiNodeStatus::default(), &working("b", None), Until::Event), "a new plan");
        assert!(!waits(&stored, &SeiNodeStatus::default(), Until::Event), "its end");
    }
}
