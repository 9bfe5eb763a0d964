//! Repairs that fail: they starve nothing. The rest of the reconcile goes on without repairs, so the gate is opened first.

use super::Reconcile;
use crate::{
    effect::{Effect, Outcome},
    failure::{Class, Failure},
    plan::Plan,
    query::{Fetched, Query},
    task_type::TaskType,
};

impl Reconcile {
    /// True if an effect puts something back that no task of the plan waits for.
    pub(super) fn is_repair(&self, effect: &Effect) -> bool {
        let plan = self.status.plan.as_ref().and_then(Plan::read).filter(Plan::is_active);
        let is_due = |kind| plan.as_ref().and_then(Plan::current).is_some_and(|task| task.kind == kind);
        match effect {
            Effect::MarkVolume(_)
            | Effect::RemoveLegacyFinalizer
            | Effect::RepairService(_)
            | Effect::RepairStatefulSet(_) => true,
            Effect::ApplyService => !is_due(TaskType::ApplyService),
            Effect::ApplyStatefulSet => !is_due(TaskType::ApplyStatefulset),
            Effect::DeleteJob(_) => plan.is_none(),
            _ => false,
        }
    }

    /// Takes the failure of a repair out of its outcome. Who was overtaken decides anew.
    pub(super) fn repair_failed(&mut self, outcome: &Outcome) -> bool {
        let Outcome::Failed(failure) = outcome else { return false };
        self.note_failed(failure)
    }

    /// The same for a fact that only a repair needs.
    pub(super) fn repair_unread(&mut self, fetched: &Fetched) -> bool {
        let Fetched::Failed(failure) = fetched else { return false };
        self.note_failed(failure)
    }

    fn note_failed(&mut self, failure: &Failure) -> bool {
        let is_repair = std::mem::take(&mut self.repairs) && failure.class != Class::Conflict;
        if is_repair {
            self.seen.failed_repair = Some(failure.clone());
        }
        is_repair
    }

    /// True if only a repair needs a fact.
    pub(super) fn is_for_repair(query: &Query) -> bool {
        matches!(query, Query::Service)
    }
}
