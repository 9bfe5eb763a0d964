//! Tasks that the sidecar carries out: handed over once, then only read (plans-tasks-sidecar §5).
//!
//! Before a task is handed over the sidecar is asked whether it has it already: after a crash between the
//! hand-over and the status write it does, and a second POST of a failed id would run it again.

mod params;

use jiff::{SignedDuration, Timestamp};

use super::{LOST_BY_THE_SIDECAR, Place, Progress, Step, Task, Until, bootstrap, starting, wait};
use crate::{
    effect::{Effect, Replicas, Submission},
    failure::Class,
    intent::Intent,
    node::{Deletion, NodeRef},
    observation::{Observation, Pod},
    peers,
    query::Query,
    sidecar::{Health, TaskReport, Unreachable},
    task_type::{By, TaskType},
    time::after,
};

/// Pause before a task that the sidecar has lost twice is submitted once more.
const LOST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// For so long after its start a sidecar may be about to listen.
const YOUTH: SignedDuration = SignedDuration::from_secs(30);
/// Interval at which it is asked then: a refused connection costs next to nothing.
const GLANCE: SignedDuration = SignedDuration::from_millis(100);

/// Next step of a sidecar task.
pub(crate) fn step(node: &NodeRef, task: &Task, place: Place, intent: &Intent, seen: &Observation) -> Step {
    let pod = match pod(place, seen) {
        Ok(pod) => pod,
        Err(step) => return step,
    };
    match seen.report(task.id) {
        None => Step::Fetch(Query::Task(task.id)),
        Some(Err(why)) => unreachable(why, pod, seen.now),
        // It is not awaited; whether it was lost is looked at as long as the node runs (W24).
        Some(Ok(TaskReport::Running | TaskReport::Completed | TaskReport::Failed(_)))
            if task.kind.by() == By::Background =>
        {
            Step::Done
        }
        Some(Ok(TaskReport::Unknown)) => hand_over(node, task, intent, seen),
        Some(Ok(TaskReport::Running)) => match task.progress {
            Progress::Running { submitted_at } => {
                wait("the sidecar is at work", Until::At(next_look(submitted_at, seen.now)))
            }
            Progress::Pending | Progress::Complete | Progress::Failed => Step::UnderWay,
        },
        Some(Ok(TaskReport::Failed(why))) => Step::Failed(why.clone()),
        Some(Ok(TaskReport::Completed)) => match task.kind {
            TaskType::MarkReady => opened(pod, seen),
            _ => Step::Done,
        },
    }
}

/// The pod whose sidecar gets the task, once it can be spoken to.
fn pod(place: Place, seen: &Observation) -> Result<&Pod, Step> {
    let pod = match place {
        Place::BootstrapJob => match bootstrap::verdict(seen) {
            bootstrap::Verdict::NotSeen => return Err(Step::Fetch(Query::Job)),
            bootstrap::Verdict::Runs => seen.bootstrap_pod(),
            bootstrap::Verdict::Suspended => return Err(bootstrap::resume(seen)),
            bootstrap::Verdict::Complete => return Err(Step::Done),
            bootstrap::Verdict::Failed(why) => return Err(Step::Failed(why)),
        },
        Place::Node => {
            if seen.stateful_set.as_ref().is_some_and(|workload| workload.replicas == 0) {
                return Err(Step::Do(Effect::Scale(Replicas::One)));
            }
            seen.pod()
        }
    };
    match pod {
        Some(pod) if pod.ip.is_some() => Ok(pod),
        Some(pod) => Err(starting(pod, seen.now)),
        None => Err(wait("the pod does not exist yet", Until::Event)),
    }
}

/// A task that the sidecar does not know is handed over: for the first time, or because it lost its store.
fn hand_over(node: &NodeRef, task: &Task, intent: &Intent, seen: &Observation) -> Step {
    if task.kind == TaskType::DiscoverPeers
        && !intent.discovers_peers()
        && peers::union(intent, &seen.peers).is_empty()
    {
        // The plan of an earlier version, and nobody to name.
        return Step::Done;
    }
    if let Progress::Running { submitted_at } = task.progress
        && task.error.as_deref() == Some(LOST_BY_THE_SIDECAR)
        && seen.now < after(submitted_at, LOST_PAUSE)
    {
        let why = "the sidecar accepts the task and then does not know it";
        return wait(why, Until::At(after(submitted_at, LOST_PAUSE)));
    }
    let params = params::of(task.kind, node, intent, seen);
    Step::Do(Effect::Submit(Submission { id: task.id, task: task.kind, params }))
}

/// The wait for a pod that is not, or is not there, as it was seen: nothing is submitted to an address that may lead to
/// another pod's sidecar by now. `None` when the pod that was seen is there, read live.
pub(crate) fn moved(seen: &Observation) -> Option<Step> {
    let Some(live) = &seen.live_pod else { return Some(Step::Fetch(Query::Pod)) };
    let is_the_same = |seen: &Pod, live: &Pod| {
        seen.uid == live.uid && seen.ip == live.ip && live.deletion == Deletion::Absent
    };
    match seen.host().zip(live.as_ref()) {
        Some((seen, live)) if is_the_same(seen, live) => None,
        _ => Some(wait("the pod was replaced a moment ago", Until::Retry(Class::Transient))),
    }
}

/// mark-ready is done when the gate is open, not when the task says so: the sidecar forgets its readiness
/// with every restart, and a completed id does nothing when it is posted again.
fn opened(pod: &Pod, seen: &Observation) -> Step {
    match &seen.gate {
        None => Step::Fetch(Query::Health),
        Some(Err(why)) => unreachable(why, pod, seen.now),
        Some(Ok(Health::Ready)) => Step::Done,
        Some(Ok(Health::NotReady)) => {
            Step::Failed("the sidecar was restarted after mark-ready and its gate is shut again".into())
        }
    }
}

/// A sidecar that was just started is asked again at once: the node waits for nothing else.
pub(crate) fn unreachable(reason: &Unreachable, pod: &Pod, now: Timestamp) -> Step {
    let why = pod.trouble(now).map_or_else(|| reason.to_string(), |trouble| trouble.message.clone());
    let young = pod.sidecar_since.is_some_and(|since| now.duration_since(since) < YOUTH);
    let until = match reason {
        Unreachable::Refused if young => Until::At(after(now, GLANCE)),
        Unreachable::Refused
        | Unreachable::Timeout
        | Unreachable::NoSuchHost
        | Unreachable::Unexpected(_) => Until::Retry(Class::Transient),
    };
    wait(&why, until)
}

/// Time of the next reading of a running task: soon while it is young, every 5 s when it takes its time.
pub(crate) fn next_look(submitted_at: Timestamp, now: Timestamp) -> Timestamp {
    let pause = match now.duration_since(submitted_at).as_secs() {
        ..1 => SignedDuration::from_millis(20),
        1..3 => SignedDuration::from_millis(100),
        3..30 => SignedDuration::from_secs(1),
        _ => SignedDuration::from_secs(5),
    };
    after(now, pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_less_often_the_longer_it_takes() {
        let submitted_at = Timestamp::from_second(100).unwrap();
        let pause = |age: i64| {
            let now = submitted_at + SignedDuration::from_secs(age);
            next_look(submitted_at, now).duration_since(now).as_millis()
        };
        assert_eq!([pause(0), pause(2), pause(5), pause(60)], [20, 100, 1_000, 5_000]);
    }
}
