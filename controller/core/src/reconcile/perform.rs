//! Effects on their way to the driver.

use super::{Env, Reconcile, Request, Then};
use crate::{
    effect::{Effect, Replicas},
    node::{Deletion, Owner},
    plan::{Plan, PlanKind},
    retention::Retention,
    task_type::TaskType,
};

impl Reconcile {
    /// Before anything is created that can start a pod, or is tied to the SeiNode, that is read live: same UID, same
    /// generation, not being deleted. Its watch may be behind. A pod of a node that is gone would have a volume or a key
    /// that a successor has a right to, and what is tied to one that is gone is garbage.
    pub(super) fn perform(&mut self, env: &mut Env<'_>, effect: Effect) -> Request {
        self.repairs = self.is_repair(&effect);
        let is_risky = match &effect {
            // One that is there has its pod already.
            Effect::ApplyStatefulSet | Effect::RepairStatefulSet(_) => {
                self.seen.stateful_set.as_ref().is_none_or(|sts| sts.replicas == 0 || sts.owner != Owner::Us)
            }
            Effect::ApplyService | Effect::RepairService(_) => {
                self.seen.service.as_ref().is_none_or(|service| service.owner != Owner::Us)
            }
            Effect::Scale(Replicas::One) | Effect::CreateJob => true,
            Effect::MarkVolume(Retention::GoesWithTheNode) => self.subject.deletion == Deletion::Absent,
            _ => false,
        };
        if is_risky {
            self.then = Then::Create(effect);
            return Request::Confirm;
        }
        self.send(env, effect)
    }

    pub(super) fn send(&mut self, env: &mut Env<'_>, effect: Effect) -> Request {
        if let Effect::Submit(submission) = &effect {
            let opens = self.status.plan.as_ref().and_then(Plan::read);
            let opens = opens.is_some_and(|plan| plan.kind == PlanKind::MarkReady);
            let memory = env.memory.node(&self.subject.node);
            // What the sidecar answered before may not hold any more.
            if let Some(sidecar) = &mut memory.sidecar {
                sidecar.answer = None;
            }
            if opens && submission.task == TaskType::MarkReady {
                memory.flaps.note(env.now.monotonic);
            }
        }
        Request::Perform(effect)
    }
}
