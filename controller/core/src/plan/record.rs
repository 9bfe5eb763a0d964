//! A plan as it is kept in status, and back.
//!
//! Reading is total: what another operator, or another version of this one, wrote and we do not understand
//! is foreign, and a foreign plan is replaced, never guessed at.

use seinode_api::status::{PlanStatus, TaskStatus};

use super::{Plan, PlanKind, PlanPhase};
use crate::{
    ids::{PlanId, Target, TaskId},
    task::{Progress, Task},
    task_type::TaskType,
    time::stored,
};

const ACTIVE: &str = "Active";
const FAILED: &str = "Failed";

impl Plan {
    /// Reads a stored plan; `None` when it is not one of ours.
    #[must_use]
    pub fn read(record: &PlanStatus) -> Option<Self> {
        let id = PlanId::parse(&record.id)?;
        let kind = PlanKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == record.kind.as_deref())?;
        let phase = match record.phase.as_str() {
            ACTIVE => PlanPhase::Active,
            FAILED => PlanPhase::Failed {
                message: record.message.clone().unwrap_or_default(),
                next_attempt: record.next_attempt.as_ref().map(|time| time.0),
            },
            _ => return None,
        };
        let tasks = record.tasks.iter().enumerate().map(|(index, task)| read_task(id, index, task));
        Some(Self {
            id,
            kind,
            phase,
            target: Target::parse(record.target.as_deref()?)?,
            started_at: record.started_at.as_ref()?.0,
            failures: u32::try_from(record.failures.unwrap_or_default()).ok()?,
            supersedes: record.supersedes.as_deref().and_then(PlanId::parse),
            tasks: tasks.collect::<Option<_>>()?,
        })
    }

    /// The plan as it is kept; `waits_for` is what it waits for while it is active.
    #[must_use]
    pub fn write(&self, waits_for: Option<&str>) -> PlanStatus {
        let (phase, message, next_attempt) = match &self.phase {
            PlanPhase::Active => (ACTIVE, waits_for.map(str::to_owned), None),
            PlanPhase::Failed { message, next_attempt } => {
                (FAILED, Some(message.clone()), next_attempt.map(stored))
            }
        };
        let done = self.tasks.iter().take_while(|task| task.progress == Progress::Complete).count();
        PlanStatus {
            id: self.id.to_string(),
            kind: Some(self.kind.as_str().to_owned()),
            phase: phase.to_owned(),
            target: Some(self.target.to_string()),
            started_at: Some(stored(self.started_at)),
            current_task: self
                .current()
                .map(|task| format!("{} ({}/{})", task.kind, done.saturating_add(1), self.tasks.len())),
            message,
            failures: Some(i32::try_from(self.failures).unwrap_or(i32::MAX)).filter(|count| *count > 0),
            next_attempt,
            supersedes: self.supersedes.map(|plan| plan.to_string()),
            tasks: self.tasks.iter().map(write_task).collect(),
        }
    }
}

fn read_task(plan: PlanId, index: usize, record: &TaskStatus) -> Option<Task> {
    let kind = TaskType::parse(&record.type_)?;
    let attempt = u32::try_from(record.retry_count.unwrap_or_default()).ok()?;
    let id = TaskId::derive(plan, kind, index, attempt);
    if id.to_string() != record.id {
        return None;
    }
    let progress = match record.status.as_str() {
        "Pending" => Progress::Pending,
        "Running" => Progress::Running { submitted_at: record.submitted_at.as_ref()?.0 },
        "Complete" => Progress::Complete,
        "Failed" => Progress::Failed,
        _ => return None,
    };
    Some(Task {
        kind,
        id,
        progress,
        attempt,
        not_before: record.not_before.as_ref().map(|time| time.0),
        error: record.error.clone(),
    })
}

fn write_task(task: &Task) -> TaskStatus {
    let (status, submitted_at) = match task.progress {
        Progress::Pending => ("Pending", None),
        Progress::Running { submitted_at } => ("Running", Some(stored(submitted_at))),
        Progress::Complete => ("Complete", None),
        Progress::Failed => ("Failed", None),
    };
    let count = |number: u32| Some(i32::try_from(number).unwrap_or(i32::MAX)).filter(|count| *count > 0);
    TaskStatus {
        type_: task.kind.as_str().to_owned(),
        id: task.id.to_string(),
        status: status.to_owned(),
        submitted_at,
        retry_count: count(task.attempt),
        max_retries: count(task.kind.max_retries()),
        not_before: task.not_before.map(stored),
        error: task.error.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn plan() -> Plan {
        let tasks = [TaskType::EnsureDataPvc, TaskType::DiscoverPeers, TaskType::MarkReady];
        let made_at = Timestamp::from_second(1_000).unwrap();
        let mut plan = Plan::new(PlanKind::Init, "uid", Target::of(b"spec"), made_at, 2, &tasks);
        plan.complete_current();
        plan
    }

    #[track_caller]
    fn round_trip(plan: &Plan) {
        assert_eq!(Plan::read(&plan.write(Some("waiting"))).as_ref(), Some(plan));
    }

    #[test]
    fn a_plan_is_read_back_as_it_was_in_every_state() {
        let mut plan = plan();
        round_trip(&plan);
        plan.current_mut().unwrap().progress =
            Progress::Running { submitted_at: Timestamp::from_second(5).unwrap() };
        round_trip(&plan);
        plan.fail_current("x", super::super::Chances::Retry, Timestamp::UNIX_EPOCH);
        round_trip(&plan);
        plan.fail_current("x", super::super::Chances::None, Timestamp::UNIX_EPOCH);
        round_trip(&plan);
    }

    #[test]
    fn status_says_which_task_is_current() {
        let record = plan().write(Some("the sidecar is silent"));
        assert_eq!(record.current_task.as_deref(), Some("discover-peers (2/3)"));
        assert_eq!(record.message.as_deref(), Some("the sidecar is silent"));
    }

    #[test]
    fn a_plan_of_another_operator_is_foreign() {
        let original = r#"{"id":"3f0c9d0e-6f6b-4c55-8a43-0e1d6ad0b1c7","phase":"Active","targetPhase":"Running",
            "tasks":[{"type":"ensure-data-pvc","id":"859d8a92-8a4f-5ce6-a0b0-ace7c5793bc4","status":"Pending",
                      "params":{"nodeName":"n"}}]}"#;
        assert_eq!(Plan::read(&serde_json::from_str(original).unwrap()), None);
        assert_eq!(Plan::read(&PlanStatus::default()), None);

        let ours = plan().write(None);
        let broken: [fn(&mut PlanStatus); 5] = [
            |record| record.kind = Some("Ascend".into()),
            |record| record.phase = "Complete".into(),
            |record| record.tasks[0].type_ = "do-everything".into(),
            |record| record.tasks[0].status = "Perhaps".into(),
            |record| record.tasks[0].id = ours_but_another_id(),
        ];
        for spoil in broken {
            let mut record = ours.clone();
            spoil(&mut record);
            assert_eq!(Plan::read(&record), None, "{record:?}");
        }
    }

    fn ours_but_another_id() -> String {
        "859d8a92-8a4f-5ce6-a0b0-ace7c5793bc4".into()
    }
}
