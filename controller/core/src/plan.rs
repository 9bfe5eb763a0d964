//! Plans: work that takes more than one step, remembered in status so that a restart goes on where it was.

pub(crate) mod init;
mod record;
pub(crate) mod update;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    ids::{PlanId, Target, TaskId},
    rate::{self, Backoff},
    task::{Place, Progress, Task},
    task_type::{By, Rerun, TaskType},
};

/// A plan and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its identity.
    pub id: PlanId,
    /// Kind of work.
    pub kind: PlanKind,
    /// Phase of the plan: active or failed.
    pub phase: PlanPhase,
    /// The spec that it was made for. Another spec supersedes it (architecture: newest spec wins at once).
    pub target: Target,
    /// Time at which the plan was made.
    pub started_at: Timestamp,
    /// Number of plans for this target that have failed in a row, this one included.
    pub failures: u32,
    /// The unfinished plan that it took the place of, because the spec changed.
    pub supersedes: Option<PlanId>,
    /// Its steps.
    pub tasks: Vec<Task>,
}

/// Kind of work of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Bring a new node up.
    Init,
    /// Open the gate of a sidecar that was restarted.
    MarkReady,
    /// Hand tasks over again that the sidecar has lost.
    Resubmit,
    /// Bring a node that runs to what its spec asks for now.
    NodeUpdate,
}

/// Phase of a stored plan: it goes on, or has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanPhase {
    /// It does.
    Active,
    /// It failed; another follows (W7: no dead end).
    Failed {
        /// Why, in the words of what failed.
        message: String,
        /// Time at which another plan is made; `None` when a person has to ask for it.
        next_attempt: Option<Timestamp>,
    },
}

impl PlanKind {
    pub(crate) const ALL: [Self; 4] = [Self::Init, Self::MarkReady, Self::Resubmit, Self::NodeUpdate];

    /// The kind's name in status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::MarkReady => "MarkReady",
            Self::Resubmit => "Resubmit",
            Self::NodeUpdate => "NodeUpdate",
        }
    }
}

impl Plan {
    /// Makes a plan of these tasks for a node, at a moment.
    #[must_use]
    pub fn new(
        kind: PlanKind,
        node_uid: &str,
        target: Target,
        made_at: Timestamp,
        failures: u32,
        tasks: &[TaskType],
    ) -> Self {
        let id = PlanId::derive(node_uid, kind.as_str(), target, made_at);
        let tasks = tasks.iter().enumerate().map(|(index, kind)| Task {
            kind: *kind,
            id: TaskId::derive(id, *kind, index, 0),
            progress: Progress::Pending,
            attempt: 0,
            not_before: None,
            error: None,
        });
        Self {
            id,
            kind,
            phase: PlanPhase::Active,
            target,
            started_at: made_at,
            failures,
            supersedes: None,
            tasks: tasks.collect(),
        }
    }

    /// The task that is next or under way.
    #[must_use]
    pub fn current(&self) -> Option<&Task> {
        self.tasks.iter().find(|task| task.progress != Progress::Complete)
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.progress != Progress::Complete)
    }

    /// The same plan without the pause before the next attempt at its current task.
    pub(crate) fn hurry(mut self) -> Self {
        if let Some(task) = self.current_mut() {
            task.not_before = None;
        }
        self
    }

    /// The pod that the current task's sidecar is in.
    pub(crate) fn place(&self) -> Place {
        let left = self.tasks.iter().filter(|task| task.progress != Progress::Complete);
        match left.into_iter().any(|task| task.kind == TaskType::AwaitBootstrapComplete) {
            true => Place::BootstrapJob,
            false => Place::Node,
        }
    }

    /// Has the gate opened before the current task, for a pod that the plan has not replaced yet (W31). Ids of tasks that
    /// were not begun follow their places.
    pub(crate) fn open_first(&mut self, why: &str) {
        let Some(current) = self.tasks.iter().position(|task| task.progress != Progress::Complete) else {
            return;
        };
        if self.tasks.iter().take(current).any(|task| task.kind == TaskType::MarkReady) {
            return self.reopen(why);
        }
        let id = self.id;
        let new = |kind, index| Task {
            kind,
            id: TaskId::derive(id, kind, index, 0),
            progress: Progress::Pending,
            attempt: 0,
            not_before: None,
            error: None,
        };
        self.tasks.insert(current, new(TaskType::MarkReady, current));
        for (index, task) in self.tasks.iter_mut().enumerate().skip(current).skip(1) {
            *task = new(task.kind, index);
        }
    }

    /// Has the gate opened again before the current task: mark-ready is tried once more, under a new id.
    pub(crate) fn reopen(&mut self, why: &str) {
        let Some(current) = self.tasks.iter().position(|task| task.progress != Progress::Complete) else {
            return;
        };
        let id = self.id;
        let opened = self.tasks.iter_mut().enumerate().take(current);
        if let Some((index, task)) = opened.rev().find(|(_, task)| task.kind == TaskType::MarkReady) {
            task.attempt = task.attempt.saturating_add(1);
            task.id = TaskId::derive(id, task.kind, index, task.attempt);
            task.progress = Progress::Pending;
            task.error = Some(why.to_owned());
        }
    }

    /// Goes back to a task that is done and to all after it, if the plan has it. What the sidecar is given again gets new
    /// ids: it would not run a completed one a second time.
    pub(crate) fn back_to(&mut self, kind: TaskType) -> Rewind {
        let id = self.id;
        let current = self.tasks.iter().position(|task| task.progress != Progress::Complete);
        let Some(first) = self.tasks.iter().position(|task| task.kind == kind) else {
            return Rewind::NotMine;
        };
        if current.is_some_and(|current| current <= first) {
            return Rewind::NotMine;
        }
        for (index, task) in self.tasks.iter_mut().enumerate().skip(first) {
            if task.kind.by() != By::Operator && task.progress != Progress::Pending {
                task.attempt = task.attempt.saturating_add(1);
                task.id = TaskId::derive(id, task.kind, index, task.attempt);
            }
            task.progress = Progress::Pending;
            task.not_before = None;
            task.error = None;
        }
        Rewind::Done
    }

    pub(crate) fn is_active(&self) -> bool {
        self.phase == PlanPhase::Active
    }

    /// True if a task of the plan is done.
    pub(crate) fn has_done(&self, kind: TaskType) -> bool {
        self.tasks.iter().any(|task| task.kind == kind && task.progress == Progress::Complete)
    }

    /// True if a task of the plan was begun, or may have been.
    pub(crate) fn has_reached(&self, kind: TaskType) -> bool {
        self.has_done(kind) || self.current().is_some_and(|task| task.kind == kind)
    }

    /// Marks the current task as handed over: the sidecar was found at work on it.
    pub(crate) fn found_current(&mut self, now: Timestamp) {
        if let Some(task) = self.current_mut() {
            task.progress = Progress::Running { submitted_at: now };
        }
    }

    /// Notes what keeps the current task from its turn.
    pub(crate) fn note_current(&mut self, why: &str) {
        if let Some(task) = self.current_mut() {
            task.error = Some(why.to_owned());
        }
    }

    /// Marks the current task done.
    pub(crate) fn complete_current(&mut self) {
        if let Some(task) = self.current_mut() {
            task.progress = Progress::Complete;
            task.error = None;
            task.not_before = None;
        }
    }

    /// Lets the current task be tried again later, under a new id, or fails the plan.
    pub(crate) fn fail_current(&mut self, why: &str, chances: Chances, now: Timestamp) {
        let (id, failures) = (self.id, self.failures);
        let current = self.tasks.iter_mut().enumerate().find(|(_, task)| task.progress != Progress::Complete);
        let Some((index, task)) = current else { return };
        task.error = Some(why.to_owned());
        if chances == Chances::Retry && task.attempt < task.kind.max_retries() {
            task.attempt = task.attempt.saturating_add(1);
            task.id = TaskId::derive(id, task.kind, index, task.attempt);
            task.progress = Progress::Pending;
            task.not_before = Some(crate::time::after(now, crate::task::retry_delay(task.attempt)));
            return;
        }
        task.progress = Progress::Failed;
        let message = format!("task {} failed: {why}", task.kind);
        let next_attempt = match task.kind.rerun() {
            Rerun::ByTheOperator => {
                Some(crate::time::after(now, pause(self.kind, failures.saturating_add(1), id)))
            }
            Rerun::ByAPerson => None,
        };
        self.failures = failures.saturating_add(1);
        self.phase = PlanPhase::Failed { message, next_attempt };
    }
}

/// Return of a plan to an earlier task: it went back, or could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewind {
    /// It did.
    Done,
    /// It does not have the task, or has not done it yet.
    NotMine,
}

/// Chances of another attempt at a task: it may turn out otherwise, or would fail alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chances {
    /// It may.
    Retry,
    /// It would fail alike.
    None,
}

/// Pause after the `failures`th plan in a row has failed. A node whose update failed runs something that nobody wants any
/// more: the first time it is tried again at once.
fn pause(kind: PlanKind, failures: u32, plan: PlanId) -> SignedDuration {
    match (kind, failures) {
        (PlanKind::NodeUpdate, ..=1) => SignedDuration::ZERO,
        (PlanKind::NodeUpdate, _) => backoff(failures.saturating_sub(1), plan),
        (PlanKind::Init | PlanKind::MarkReady | PlanKind::Resubmit, _) => backoff(failures, plan),
    }
}

/// Pause after the `failures`th plan in a row has failed, and up to a tenth more, spread by plan so that nodes that
/// failed together do not come back together.
fn backoff(failures: u32, plan: PlanId) -> SignedDuration {
    let pause = rate::jitter(after_failures(failures), 10, &plan.to_string());
    SignedDuration::from_secs(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX))
}

/// Pause after the `failures`th failure in a row: 10 s doubling to 5 min.
pub(crate) fn after_failures(failures: u32) -> Duration {
    const PAUSES: Backoff = Backoff::new(Duration::from_secs(10), 2, Duration::from_mins(5));
    PAUSES.pause(failures.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let tasks = [TaskType::ConfigApply, TaskType::SetGenesisPeers];
        Plan::new(PlanKind::Init, "uid", Target::of(b"spec"), Timestamp::UNIX_EPOCH, 0, &tasks)
    }

    #[test]
    fn a_task_without_budget_fails_its_plan_with_the_reason_and_the_next_attempt() {
        let mut plan = plan();
        plan.fail_current("no such key", Chances::Retry, Timestamp::UNIX_EPOCH);
        let PlanPhase::Failed { message, next_attempt } = &plan.phase else { panic!("{plan:?}") };
        assert_eq!(message, "task config-apply failed: no such key");
        assert!((10..=11).contains(&next_attempt.unwrap().as_second()));
        assert_eq!(plan.failures, 1);
    }

    #[test]
    fn a_task_with_budget_is_tried_again_later_under_a_new_id() {
        let mut plan = plan();
        plan.complete_current();
        let before = plan.current().unwrap().clone();
        plan.fail_current("no peer reachable", Chances::Retry, Timestamp::UNIX_EPOCH);
        let task = plan.current().unwrap();
        assert_eq!(plan.phase, PlanPhase::Active);
        assert_ne!(task.id, before.id);
        assert_eq!(task.id, TaskId::derive(plan.id, TaskType::SetGenesisPeers, 1, 1));
        assert_eq!(task.not_before.unwrap().as_second(), 1);
        assert_eq!(task.error.as_deref(), Some("no peer reachable"));
    }

    #[test]
    fn a_budget_ends_and_a_hopeless_failure_does_not_use_it() {
        let mut worn = plan();
        worn.complete_current();
        for _ in 0..20 {
            worn.fail_current("x", Chances::Retry, Timestamp::UNIX_EPOCH);
            assert_eq!(worn.phase, PlanPhase::Active);
        }
        worn.fail_current("x", Chances::Retry, Timestamp::UNIX_EPOCH);
        assert!(matches!(worn.phase, PlanPhase::Failed { .. }));

        let mut hopeless = plan();
        hopeless.complete_current();
        hopeless.fail_current("x", Chances::None, Timestamp::UNIX_EPOCH);
        assert!(matches!(hopeless.phase, PlanPhase::Failed { .. }));
    }

    #[test]
    fn what_is_not_safe_to_run_again_waits_for_a_person() {
        let tasks = [TaskType::GenerateGentx];
        let mut plan =
            Plan::new(PlanKind::Init, "uid", Target::of(b"spec"), Timestamp::UNIX_EPOCH, 0, &tasks);
        plan.fail_current("half done", Chances::Retry, Timestamp::UNIX_EPOCH);
        assert!(matches!(plan.phase, PlanPhase::Failed { next_attempt: None, .. }), "{plan:?}");
    }

    #[test]
    fn failed_plans_are_spaced_from_ten_seconds_to_five_minutes() {
        let id = plan().id;
        let base = [10, 20, 40, 80, 160, 300, 300];
        for (failures, least) in (1..).zip(base) {
            let pause = backoff(failures, id).as_secs();
            assert!((least..=least + least / 10).contains(&pause), "{failures}: {pause}");
        }
        assert!(backoff(u32::MAX, id).as_secs() >= 300);
    }
}
