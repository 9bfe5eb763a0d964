//! Effects that follow from the spec at any time and need no plan: the owner of the volume, no pod while paused, no
//! bootstrap Job beside a node that runs.
//!
//! Each of these effects changes one field of a child that is ours, and is derived anew in every reconcile.

use super::turn::{Turn, rest};
use crate::{
    children,
    decision::{Act, Rest},
    effect::{Effect, JobRun, Replicas},
    intent::Activity,
    node::{Deletion, Owner},
    observation::{JobProgress, Mark, Observation, OwnerRef, Volume},
    retention::Retention,
    subject::Subject,
    task::{Step, Until, rollout},
};

/// Annotates the data PVC with our UID, and adds or removes our owner reference as the retention demands. While the node is
/// being deleted the reference is only removed, the last chance to keep the data: who orphans the volume then must not
/// be worked against. With an invalid spec it is only removed, too.
pub(super) fn volume(subject: &Subject, seen: &Observation) -> Option<Effect> {
    let retention = subject.data_volume.retention(&seen.retention)?;
    let volume = seen.volume.as_ref()?;
    if volume.owner != Owner::Us || volume.deletion == Deletion::Requested {
        return None;
    }
    let wanted = match retention {
        Retention::Kept => OwnerRef::Absent,
        Retention::GoesWithTheNode => OwnerRef::Present,
    };
    let only_releases = subject.deletion == Deletion::Requested || subject.intent.is_err();
    if only_releases && wanted == OwnerRef::Present {
        return None;
    }
    let is_due = volume.owner_ref != wanted || volume.mark == Mark::Unmarked || is_tracked(subject, volume);
    is_due.then_some(Effect::MarkVolume(retention))
}

/// True if a volume has a label of a GitOps tool that the spec has spread: an earlier version let it through.
fn is_tracked(subject: &Subject, volume: &Volume) -> bool {
    let spread = |label: &String, value: &String| {
        subject.intent.as_ref().is_ok_and(|intent| intent.pod_labels.get(label) == Some(value))
    };
    volume.tracking.iter().any(|(label, value)| spread(label, value))
}

/// Rule: a node that runs has no bootstrap Job: its pod would write to the same volume.
pub(super) fn no_job(turn: &mut Turn<'_>) -> Option<Act> {
    let ours = |job: &&crate::observation::Job| job.owner == Owner::Us && job.deletion == Deletion::Absent;
    let job = turn.seen.job.as_ref().filter(ours).filter(|_| turn.seen.failed_repair.is_none())?;
    Some(Act::Perform(Effect::DeleteJob(job.uid.clone())))
}

/// Rule: a paused node has no pod. Its plan stays as it is, and so does everything else.
pub(super) fn pause(turn: &mut Turn<'_>) -> Option<Act> {
    if turn.intent.activity != Activity::Paused {
        return None;
    }
    super::repair::end_emergency_stop(turn.next);
    Some(scale_down(turn))
}

fn scale_down(turn: &mut Turn<'_>) -> Act {
    let seen = turn.seen;
    if let Some(job) = &seen.job
        && job.owner == Owner::Us
        && job.deletion == Deletion::Absent
        && job.progress == JobProgress::Runs
    {
        return Act::Perform(Effect::SuspendJob(JobRun::Suspended));
    }
    let ours = seen.stateful_set.as_ref();
    let ours = ours.filter(|sts| sts.owner == Owner::Us && sts.deletion == Deletion::Absent);
    if ours.is_some_and(|sts| sts.replicas > 0) {
        return match rollout::safe(seen) {
            None => Act::Perform(Effect::Scale(Replicas::Zero)),
            Some(Step::Fetch(query)) => Act::Fetch(query),
            Some(Step::Wait(waits)) => rest(waits.why, waits.until),
            Some(_) => rest("the data PVC has to be read first", Until::Event),
        };
    }
    if let Some(sts) = ours {
        children::stopped_by_us(turn.next, sts);
    }
    let plan = turn.next.plan.as_ref().and_then(|plan| plan.current_task.as_deref());
    Act::Rest(Rest { why: plan.map(|task| format!("its plan waits at {task}")), until: Until::Event })
}
