//! A restart that somebody asks for: by annotation `sei.io/restart`, or by `kubectl rollout restart`.
//!
//! The request is recorded with the UID of the pod that it is about. A node that is up replaces that pod by a rollout, in a
//! slot. What was there when the operator first saw the node restarts nobody.

use seinode_api::{
    SeiNodeStatus,
    status::{Phase, RestartStatus},
};
use serde_json::json;

use super::turn::{Retry, Turn};
use crate::{
    children,
    decision::Act,
    drift,
    node::Owner,
    plan::{PlanKind, PlanPhase},
    text::shortened,
};

/// Most characters of a value that are stored; a longer one is told by its hash.
const LONGEST: usize = 100;

/// Rule: records a request. The rollout of a node that waits after a failed one begins at once.
pub(super) fn note(turn: &mut Turn<'_>) -> Option<Act> {
    let pod = turn.seen.pod().map(|pod| pod.uid.clone());
    let annotation = turn.subject.restart.as_deref().map(bounded);
    let sts = turn.seen.stateful_set.as_ref().filter(|sts| sts.owner == Owner::Us);
    // A StatefulSet that has just been handed over brings what its former owner was asked for.
    let is_known = sts
        .is_some_and(|sts| children::recorded_set(turn.next).is_some_and(|recorded| recorded.uid == sts.uid));
    let stateful_set = sts.and_then(|sts| sts.restarted_at.as_deref()).map(bounded);
    let Some(record) = &mut turn.next.restart else {
        let first = annotation.clone().or_else(|| stateful_set.clone());
        let (requested, done) = (first.clone(), first);
        turn.next.restart = Some(RestartStatus { requested, done, pod: None, annotation, stateful_set });
        return None;
    };
    let mut asked = None;
    if annotation.is_some() && annotation != record.annotation {
        record.annotation.clone_from(&annotation);
        asked = annotation;
    }
    if stateful_set.is_some() && stateful_set != record.stateful_set {
        record.stateful_set.clone_from(&stateful_set);
        asked = stateful_set.filter(|_| is_known).or(asked);
    }
    if asked.is_some() {
        record.requested = asked;
        record.pod = pod;
        let failed = turn.plan().is_some_and(|plan| {
            plan.kind == PlanKind::NodeUpdate && matches!(plan.phase, PlanPhase::Failed { .. })
        });
        if failed {
            turn.retry = Retry::Requested;
        }
    }
    None
}

/// Rule: a request whose pod is gone is done: another has taken its place.
pub(super) fn settle_replaced(turn: &mut Turn<'_>) -> Option<Act> {
    let pod = turn.seen.pod()?;
    let is_replaced =
        drift::pending_restart(turn.next).is_some_and(|record| record.pod.as_ref() != Some(&pod.uid));
    if is_replaced {
        done(turn.next);
    }
    None
}

/// True if a node that is up has a pod to replace.
pub(super) fn is_due(status: &SeiNodeStatus) -> bool {
    status.phase == Some(Phase::Running) && drift::pod_to_restart(status).is_some()
}

/// Records that the request is fulfilled.
pub(super) fn done(status: &mut SeiNodeStatus) {
    if let Some(record) = &mut status.restart {
        record.done.clone_from(&record.requested);
        record.pod = None;
    }
}

fn bounded(value: &str) -> String {
    match value.chars().count() > LONGEST {
        true => format!("{}#{}", shortened(value, LONGEST), drift::short(&json!(value))),
        false => value.to_owned(),
    }
}
