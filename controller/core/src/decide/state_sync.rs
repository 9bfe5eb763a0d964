//! Settings of state sync, which the sidecar writes once for a volume and never again (W39).
//!
//! `config-apply` writes the whole configuration anew, and they would be gone: a node would sync from genesis, silently. Until
//! state sync is done the sidecar is told to change the configuration that there is.

use std::collections::BTreeSet;

use seinode_api::{
    SeiNodeStatus,
    status::{ConfiguredStatus, StateSyncStatus},
};
use serde_json::Value;

use super::turn::Turn;
use crate::{
    configuration,
    effect::{Effect, Submission},
    failure::Class,
    intent::{Intent, VolumeSource},
    observation::Observation,
    plan::{Plan, PlanKind},
    sidecar::Health,
    task::{Step, Until, Wait},
    task_type::TaskType,
};

/// The record of the configuration at the beginning of another plan: what the sidecar is given is open again, what it keeps is
/// not.
pub(super) fn carried(turn: &Turn<'_>, predecessor: Option<&Plan>) -> ConfiguredStatus {
    let before = turn.next.configured.clone().unwrap_or_default();
    let Some(volume) = volume(turn.intent, turn.seen) else { return ConfiguredStatus::default() };
    let reached = |plan: &Plan| plan.kind == PlanKind::Init && plan.has_reached(TaskType::ConfigureStateSync);
    let is_known = before.state_sync.as_ref().is_some_and(|known| known.volume == volume);
    let state_sync = (is_known || predecessor.is_some_and(reached)).then_some(StateSyncStatus { volume });
    ConfiguredStatus { overrides: before.overrides, state_sync, ..ConfiguredStatus::default() }
}

/// Records at the end of an init plan that state sync is only beginning.
pub(super) fn begun(turn: &mut Turn<'_>, plan: &Plan) {
    if plan.has_done(TaskType::ConfigureStateSync) && turn.intent.bootstrap().is_none() {
        let state_sync = volume(turn.intent, turn.seen).map(|volume| StateSyncStatus { volume });
        turn.next.configured.get_or_insert_default().state_sync = state_sync;
    }
}

/// Forgets settings that are needed no more: the bootstrap Job is done.
pub(super) fn done(next: &mut SeiNodeStatus) {
    if let Some(configured) = &mut next.configured {
        configured.state_sync = None;
    }
}

/// Ends it: a node that was once in sync needs no state sync any more.
pub(super) fn end(turn: &mut Turn<'_>) {
    let in_sync = turn.seen.pod().is_some_and(|pod| pod.ready) && turn.seen.gate == Some(Ok(Health::Ready));
    if in_sync {
        done(turn.next);
    }
}

/// The submission of a task, by which the settings of state sync stay.
pub(super) fn kept(turn: &Turn<'_>, mut submission: Submission) -> Step {
    let configured = turn.next.configured.as_ref();
    let kept = configured.and_then(|it| it.state_sync.as_ref()).map(|it| &it.volume);
    if submission.task != TaskType::ConfigApply
        || kept.is_none()
        || kept != volume(turn.intent, turn.seen).as_ref()
    {
        return Step::Do(Effect::Submit(submission));
    }
    let now: BTreeSet<&str> = submission.params.iter().flat_map(configuration::names_in).collect();
    let given = configured.map(|it| it.overrides.as_slice()).unwrap_or_default();
    if let Some(name) = given.iter().find(|name| !now.contains(name.as_str())) {
        let why = format!(
            "override {name} was removed while state sync is not done, and config-apply can only take it back with the \
             settings of state sync: set spec.overrides[{name}] to the value that it is to have, or begin anew on an empty \
             volume: pause the node, delete its PVC, and let it run again"
        );
        return Step::Wait(Wait { why, until: Until::Retry(Class::User) });
    }
    if let Some(Value::Object(params)) = &mut submission.params {
        params.insert("incremental".to_owned(), Value::Bool(true));
    }
    Step::Do(Effect::Submit(submission))
}

/// The volume that the settings are on.
fn volume(intent: &Intent, seen: &Observation) -> Option<String> {
    match &intent.volume {
        VolumeSource::Own => seen.volume.as_ref().map(|volume| volume.uid.clone()),
        VolumeSource::Import(name) => Some(name.clone()),
    }
}
