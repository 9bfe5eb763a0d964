//! What follows from the spec at any time and needs no plan: whose the volume is, that a paused node has no pod, and that
//! one that runs has no bootstrap Job.
//!
//! Each of these effects changes one field of a child that is ours, and is derived anew in every pass.

use seinode_api::SeiNodeStatus;

use super::rest;
use crate::{
    children,
    decision::{Act, Rest},
    effect::{Effect, JobRun, Replicas},
    intent::{Intent, Retention, VolumeSource},
    node::{Life, Owner},
    observation::{JobProgress, Mark, Observation, Stay, Tie},
    task::{Step, Until, rollout},
};

/// The data PVC is annotated with our UID, and goes with the node or stays as the spec says. While the node is being
/// deleted it is only let loose, the last chance to keep the data: whoever orphans it then must not be worked against.
pub(super) fn volume(life: Life, intent: &Intent, seen: &Observation) -> Option<Effect> {
    let volume = seen.volume.as_ref().filter(|_| intent.volume == VolumeSource::Own)?;
    if volume.owner != Owner::Us || volume.stay == Stay::Going {
        return None;
    }
    let wanted = match intent.retention {
        Retention::Kept => Tie::Loose,
        Retention::GoesWithTheNode => Tie::Tied,
    };
    if life == Life::Deleting && wanted == Tie::Tied {
        return None;
    }
    (volume.tie != wanted || volume.mark == Mark::Unmarked).then_some(Effect::MarkVolume(intent.retention))
}

/// A node that runs has no bootstrap Job: its pod would write to the same volume.
pub(super) fn no_job(seen: &Observation) -> Option<Effect> {
    let job = seen.job.as_ref().filter(|job| job.owner == Owner::Us && job.stay == Stay::Staying)?;
    Some(Effect::DeleteJob(job.uid.clone()))
}

/// A paused node has no pod. Its plan stays as it is, and so does everything else.
pub(super) fn pause(next: &mut SeiNodeStatus, seen: &Observation) -> Act {
    if let Some(job) = &seen.job
        && job.owner == Owner::Us
        && job.stay == Stay::Staying
        && job.progress == JobProgress::Runs
    {
        return Act::Perform(Effect::SuspendJob(JobRun::Suspended));
    }
    let scaled = seen.workload.as_ref().filter(|set| set.owner == Owner::Us && set.stay == Stay::Staying);
    if scaled.is_some_and(|set| set.replicas > 0) {
        return match rollout::safe(seen) {
            None => Act::Perform(Effect::Scale(Replicas::Zero)),
            Some(Step::Look(question)) => Act::Look(question),
            Some(Step::Wait(waits)) => rest(waits.why, waits.until),
            Some(_) => rest("the data PVC has to be looked at first", Until::Event),
        };
    }
    if let Some(set) = scaled {
        children::stopped_by_us(next, set);
    }
    let plan = next.plan.as_ref().and_then(|plan| plan.current_task.as_deref());
    Act::Rest(Rest { why: plan.map(|task| format!("its plan waits at {task}")), until: Until::Event })
}
