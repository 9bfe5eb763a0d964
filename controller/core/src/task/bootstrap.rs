//! Tasks around the bootstrap Job: it restores a snapshot and runs `seid` up to a height, on the node's volume, before
//! the node itself has a pod. Two pods on one volume never exist at the same time (W20).

use super::{
    Step, Until,
    ownership::{Ownership, foreign, leaving, ownership},
    rollout, wait,
};
use crate::{
    effect::{Effect, JobRun, Replicas},
    failure::Class,
    intent::{Intent, VolumeSource},
    node::Deletion,
    observation::{Job, JobProgress, Observation, Serves},
    query::Query,
    sidecar::Health,
};

/// `deploy-bootstrap-service`.
pub(crate) fn deploy_service(seen: &Observation) -> Step {
    match seen.service.as_ref().map(|service| ownership(&service.owner, service.deletion)) {
        None | Some(Ownership::Ours) => Step::Do(Effect::ApplyBootstrapService),
        Some(Ownership::Leaving) => leaving("Service"),
        Some(Ownership::Foreign) => foreign("Service"),
    }
}

/// `deploy-bootstrap-job`: the Job of this spec exists, and has the volume for itself.
pub(crate) fn deploy_job(intent: &Intent, seen: &Observation) -> Step {
    let Some(job) = &seen.job else { return alone(seen).unwrap_or(Step::Do(Effect::CreateJob)) };
    match ownership(&job.owner, job.deletion) {
        Ownership::Leaving => leaving("bootstrap Job"),
        Ownership::Foreign => foreign("bootstrap Job"),
        Ownership::Ours if is_outdated(job, seen) => Step::Do(Effect::DeleteJob(job.uid.clone())),
        // Without a target it is the earlier operator's: it goes on.
        Ownership::Ours => match (
            &job.progress,
            job.target.as_ref().is_none_or(|target| *target == intent.bootstrap_target().to_string()),
        ) {
            (JobProgress::Runs | JobProgress::Suspended | JobProgress::Complete, true) => Step::Done,
            // It was made for an earlier spec, or it failed: another takes its place.
            (JobProgress::Failed(_), _) | (_, false) => Step::Do(Effect::DeleteJob(job.uid.clone())),
        },
    }
}

/// True if a Job was made with other platform settings, and its pod does not come to run.
pub(crate) fn is_outdated(job: &Job, seen: &Observation) -> bool {
    job.template_hash.is_some() && job.template_hash != seen.job_rendering && seen.is_held_back()
}

/// An earlier plan may have started the node itself: its pod goes first.
fn alone(seen: &Observation) -> Option<Step> {
    if let Some(workload) = &seen.stateful_set {
        match ownership(&workload.owner, workload.deletion) {
            Ownership::Ours if workload.replicas > 0 => {
                return Some(rollout::safe(seen).unwrap_or(Step::Do(Effect::Scale(Replicas::Zero))));
            }
            Ownership::Ours => {}
            Ownership::Leaving => return Some(leaving("StatefulSet")),
            Ownership::Foreign => return Some(foreign("StatefulSet")),
        }
    }
    (!seen.pods.is_empty())
        .then(|| wait("the node's pod is going, and has its volume until then", Until::Event))
}

/// Report of the Job on itself before any of its sidecar's tasks is looked at (W22). That it is gone is believed of the
/// API server alone: the watch may not have seen yet what we have just made.
pub(crate) fn verdict(seen: &Observation) -> Verdict {
    let job = match (&seen.job, &seen.live_job) {
        (Some(job), _) => job,
        (None, Some(_)) => return Verdict::Failed("the bootstrap Job is gone".into()),
        (None, None) => return Verdict::NotSeen,
    };
    match &job.progress {
        JobProgress::Failed(words) => Verdict::Failed(format!("the bootstrap Job failed: {words}")),
        // seid ran to its end, so its gate was open and all before it was done.
        JobProgress::Complete => Verdict::Complete,
        JobProgress::Suspended => Verdict::Suspended,
        JobProgress::Runs if job.deletion == Deletion::Requested => {
            Verdict::Failed("the bootstrap Job is deleted".into())
        }
        JobProgress::Runs => Verdict::Runs,
    }
}

/// Report of a bootstrap Job on itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    NotSeen,
    Runs,
    Suspended,
    Complete,
    Failed(String),
}

/// `await-bootstrap-complete`.
pub(crate) fn await_complete(intent: &Intent, seen: &Observation) -> Step {
    match verdict(seen) {
        // Which volume it filled is stored with its success.
        Verdict::Complete if seen.import.is_none() && matches!(intent.volume, VolumeSource::Import(_)) => {
            Step::Fetch(Query::Import)
        }
        Verdict::Complete => Step::Done,
        Verdict::NotSeen => Step::Fetch(Query::Job),
        Verdict::Failed(why) => Step::Failed(why),
        Verdict::Suspended => resume(seen),
        Verdict::Runs => {
            let Some(pod) = seen.bootstrap_pod().filter(|pod| pod.ip.is_some()) else {
                let trouble = seen.bootstrap_pod().and_then(|pod| pod.trouble(seen.now));
                let why = trouble.map_or("the bootstrap pod has not started yet", |it| it.message.as_str());
                return wait(why, Until::Event);
            };
            match &seen.gate {
                None => Step::Fetch(Query::Health),
                Some(Ok(Health::NotReady)) => Step::Reopen(
                    "the sidecar of the bootstrap pod was restarted and its gate is shut again".into(),
                ),
                Some(Ok(Health::Ready)) => {
                    let height = intent.bootstrap().map_or(0, |bootstrap| bootstrap.target_height);
                    let trouble = pod.trouble(seen.now).map(|trouble| trouble.message.clone());
                    let why = trouble.unwrap_or_else(|| format!("seid runs up to height {height}"));
                    wait(&why, Until::Event)
                }
                // A pod that ends stops answering a moment before the Job says how it ended.
                Some(Err(silence)) => wait(&silence.to_string(), Until::Retry(Class::Transient)),
            }
        }
    }
}

/// A Job that was paused goes on when the pod that it had is gone.
pub(crate) fn resume(seen: &Observation) -> Step {
    match seen.pods.iter().any(|pod| pod.job_uid.is_some()) {
        true => wait("the bootstrap pod is going, and has the volume until then", Until::Event),
        false => Step::Do(Effect::SuspendJob(JobRun::Running)),
    }
}

/// `teardown-bootstrap`: done when Job, pod and Service are gone, the Job by a live look.
pub(crate) fn teardown(seen: &Observation) -> Step {
    if let Some(job) = &seen.job
        && let Some(step) = remove(job)
    {
        return step;
    }
    if let Some(service) = &seen.service
        && service.serves == Serves::Bootstrap
    {
        match ownership(&service.owner, service.deletion) {
            Ownership::Ours => return Step::Do(Effect::DeleteService(service.uid.clone())),
            Ownership::Leaving => {
                return wait("the bootstrap Service is going", Until::Retry(Class::Transient));
            }
            Ownership::Foreign => {}
        }
    }
    if seen.pods.iter().any(|pod| pod.job_uid.is_some()) {
        return wait("the bootstrap pod is going, and has the volume until then", Until::Event);
    }
    match &seen.live_job {
        None => Step::Fetch(Query::Job),
        Some(None) => Step::Done,
        Some(Some(job)) => remove(job).unwrap_or(Step::Done),
    }
}

/// Step that removes a Job; `None` for one that is not ours.
pub(super) fn remove(job: &Job) -> Option<Step> {
    match (ownership(&job.owner, job.deletion), job.deletion) {
        (Ownership::Foreign, _) => None,
        (_, Deletion::Requested) => {
            Some(wait("the bootstrap Job and its pod are going", Until::Retry(Class::Transient)))
        }
        (Ownership::Ours | Ownership::Leaving, Deletion::Absent) => {
            Some(Step::Do(Effect::DeleteJob(job.uid.clone())))
        }
    }
}
