//! Tasks: the steps that plans are made of, how far each has come, and what it wants next.

pub(crate) mod bootstrap;
pub(crate) mod children;
pub(crate) mod keys;
pub(crate) mod ownership;
pub(crate) mod peers;
pub(crate) mod rollout;
pub(crate) mod serving;
pub(crate) mod sidecar;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    effect::Effect,
    exclusive::{Bid, Claim, Contest, Hold, Resource, hold},
    failure::Class,
    ids::TaskId,
    observation::{Observation, Pod, Trouble},
    query::Query,
    rate::Backoff,
    subject::Subject,
    task_type::TaskType,
};

/// Error of a task that the sidecar accepted and later did not know.
pub(crate) const LOST_BY_THE_SIDECAR: &str = "the sidecar no longer knew the task and was given it again";

/// One task of a plan and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Type of the task.
    pub kind: TaskType,
    /// Identity of the present attempt.
    pub id: TaskId,
    /// Progress of the task.
    pub progress: Progress,
    /// Number of the present attempt, from 0.
    pub attempt: u32,
    /// The present attempt is not made before this time.
    pub not_before: Option<Timestamp>,
    /// Message of the last error.
    pub error: Option<String>,
}

/// Progress of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    Pending,
    /// Handed to the sidecar at this time.
    Running {
        /// Time of the hand-over.
        submitted_at: Timestamp,
    },
    /// Done.
    Complete,
    /// Failed for good.
    Failed,
}

/// The pod that the sidecar of a task is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// That of the bootstrap Job.
    BootstrapJob,
    /// That of the StatefulSet.
    Node,
}

/// Next step of a task, given the present facts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// It is done.
    Done,
    /// A fact is missing.
    Fetch(Query),
    /// The sidecar has it already: it was handed over by a pass that could not say so any more.
    UnderWay,
    /// This has to be noted on the task, and stored, before anything is done about it.
    Note(String),
    /// This has to be done.
    Do(Effect),
    /// Nothing to do now.
    Wait(Wait),
    /// The attempt failed, with the reason.
    Failed(String),
    /// The attempt failed, and another would fail alike.
    Hopeless(String),
    /// The gate was shut again, with the reason: mark-ready comes once more.
    Reopen(String),
    /// Nothing to do now, and what is only wanted is let go.
    Yield(Wait),
    /// This has to be stored before anything else: the node wants the thing, or holds it.
    Claim(Resource, Hold),
}

/// Takes a thing that only one node may have: wants it, looks at everybody else, holds it (see `exclusive`).
pub(crate) fn secure(subject: &Subject, claims: &[Claim], seen: &Observation, resource: Resource) -> Step {
    let bid = Bid::of(subject, &resource, seen.file_of(&resource));
    let contest = match hold(claims, &resource) {
        Some(Hold::Held) => return Step::Done,
        None => bid.against(&seen.rivals),
        Some(Hold::Wanted) => match &seen.live_rivals {
            Some((asked, rivals)) if *asked == resource => bid.against(rivals),
            _ => return Step::Fetch(Query::Rivals(resource)),
        },
    };
    match (contest, hold(claims, &resource)) {
        // What is only wanted is let go: two nodes must not wait for each other.
        (Contest::Taken(who), Some(_)) => {
            Step::Yield(Wait { why: who, until: Until::Retry(Class::Transient) })
        }
        (Contest::Taken(who), None) | (Contest::Yielded(who), Some(_)) => {
            wait(&who, Until::Retry(Class::Transient))
        }
        (Contest::Free | Contest::Yielded(_), None) => Step::Claim(resource, Hold::Wanted),
        (Contest::Free, Some(_)) => Step::Claim(resource, Hold::Held),
    }
}

fn wait(why: &str, until: Until) -> Step {
    Step::Wait(Wait { why: why.to_owned(), until })
}

/// A pod that is on its way, with what keeps it.
fn starting(pod: &Pod, now: Timestamp) -> Step {
    match (pod.trouble(now), &pod.trouble) {
        (Some(trouble), _) => wait(&trouble.message, Until::Event),
        (None, Some(Trouble { since: Some(since), .. })) => wait("the pod is starting", Until::At(*since)),
        (None, _) => wait("the pod is starting", Until::Event),
    }
}

/// Why a task does nothing now, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Reason to wait, in words without numbers that change.
    pub(crate) why: String,
    /// Time of the next look.
    pub(crate) until: Until,
}

/// Time of the next look at a node that rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The next change of something that is watched.
    Event,
    /// At this time, or when something changes.
    At(Timestamp),
    /// Soon, then ever less often: the class says how patiently.
    Retry(Class),
}

/// Pause before attempt `attempt` (1 is the first repetition): 1 s doubling to 30 s. What a task waits for, a peer
/// or a published genesis, is often there a moment later, and sometimes an hour.
pub(crate) fn retry_delay(attempt: u32) -> SignedDuration {
    const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), 2, Duration::from_secs(30));
    SignedDuration::try_from(PAUSES.pause(attempt.saturating_sub(1))).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_spaced_ever_wider() {
        let seconds: Vec<_> = (1..=7).map(|attempt| retry_delay(attempt).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
    }
}
