//! Times at which a sidecar lost its readiness and had it back: told from the condition before and after (W8).
//!
//! A restart that we ourselves caused is no loss: a pod that our plan made, or that goes on after a pause.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use seinode_api::{SeiNodeStatus, status::SidecarStatus};

use super::{Truth, Verdict};
use crate::{
    observation::Observation,
    plan::{Plan, PlanKind, PlanPhase},
    task_type::TaskType,
};

/// Reasons of SidecarReady that come before the first readiness of a pod that we made.
pub(super) const EXPECTED: [&str; 3] = ["Initializing", "Paused", "Starting"];

/// Remembers a loss or its end.
pub(super) fn note(next: &mut SeiNodeStatus, before: Option<&Condition>, now: &Verdict, seen: &Observation) {
    let at = seen.now;
    if let (Truth::True, Some(pod)) = (now.status, seen.pod()) {
        let sidecar = next.sidecar.get_or_insert_default();
        let was_open = before.is_some_and(|before| before.status == "True");
        if !was_open || sidecar.opened_pod.as_ref() != Some(&pod.uid) {
            sidecar.opened_at = Some(microseconds(at));
        }
        sidecar.opened_pod = Some(pod.uid.clone());
    }
    let was_lost = before.is_some_and(|before| before.status == "False");
    let expected = before.is_some_and(|before| EXPECTED.contains(&before.reason.as_str()));
    match now.status {
        Truth::False if !was_lost && !expected && !replaced_its_pod(next) => {
            next.sidecar.get_or_insert_default().last_lost = Some(microseconds(at));
        }
        Truth::True if is_outstanding(next.sidecar.as_ref()) => {
            next.sidecar.get_or_insert_default().last_healed = Some(microseconds(at));
        }
        Truth::True | Truth::False | Truth::Unknown => {}
    }
}

/// Rounds a time so that what is read back from status is what was written.
fn microseconds(at: Timestamp) -> MicroTime {
    MicroTime(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
}

/// True if a loss has not been healed yet.
fn is_outstanding(sidecar: Option<&SidecarStatus>) -> bool {
    let Some(sidecar) = sidecar else { return false };
    match (&sidecar.last_lost, &sidecar.last_healed) {
        (Some(lost), Some(healed)) => healed.0 < lost.0,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// True if a rollout under way, or one that failed, has made the pod.
fn replaced_its_pod(next: &SeiNodeStatus) -> bool {
    let plan = next.plan.as_ref().and_then(Plan::read);
    plan.is_some_and(|plan| match (plan.kind, &plan.phase) {
        (PlanKind::Init, _) => true,
        (PlanKind::NodeUpdate, PlanPhase::Active | PlanPhase::Failed { .. }) => {
            plan.has_done(TaskType::ReplacePod)
                || plan.current().is_some_and(|task| task.kind == TaskType::ReplacePod)
        }
        (PlanKind::MarkReady | PlanKind::Resubmit, _) => false,
    })
}
