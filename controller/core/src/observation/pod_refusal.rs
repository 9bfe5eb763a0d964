//! A pod that its controller cannot make: a quota, a policy, a missing ServiceAccount.
//!
//! The API server tells only the controller of the StatefulSet or the Job, which reports it in an event with reason
//! `FailedCreate`. The event is read once the pod has been missing for some seconds, and then from time to time.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;

use super::{Job, JobProgress, Observation};
use crate::{
    failure::Failure,
    node::{Deletion, Owner},
    text,
    time::after,
};

/// Reason of the event (Kubernetes: controllers of StatefulSets and Jobs).
pub const FAILED_CREATE: &str = "FailedCreate";
/// Time between two looks at the events of a controller.
pub(crate) const REPORT_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// Age at which an event counts no more: the pause between two attempts of a controller grows to 1,000 s.
const FRESH: SignedDuration = SignedDuration::from_mins(20);

/// Report of a controller about the pod that it is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodRefusal {
    /// The API server refuses the pod, in its words.
    Refused(String),
    /// The controller reports nothing.
    NotReported,
    /// Its events could not be read.
    Unread(Failure),
}

impl PodRefusal {
    /// Reads the events of a controller; the newest counts.
    #[must_use]
    pub fn of(events: &[Event], now: Timestamp) -> Self {
        let fresh = events.iter().filter_map(|event| Some((time(event)?, event)));
        let fresh = fresh.filter(|(at, _)| now < after(*at, FRESH));
        let newest = fresh.max_by_key(|(at, _)| *at).map(|(_, event)| event);
        newest.map_or(Self::NotReported, |event| Self::Refused(words(event)))
    }
}

fn time(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let micro = series.or(event.event_time.as_ref()).map(|time| time.0);
    let created = event.metadata.creation_timestamp.as_ref();
    event.last_timestamp.as_ref().map(|time| time.0).or(micro).or(created.map(|time| time.0))
}

/// The words of the API server in an event, without the controller's introduction and without a pod's random name.
fn words(event: &Event) -> String {
    let message = event.message.as_deref().unwrap_or_default();
    let message = message.strip_prefix("(combined from similar events): ").unwrap_or(message);
    let words = message.split_once(" failed error: ").map_or(message, |(_, words)| words);
    let words = words.strip_prefix("Error creating: ").unwrap_or(words);
    let quoted = words.strip_prefix("pods \"").and_then(|behind| behind.split_once('"'));
    let random =
        quoted.map(|(name, _)| name).filter(|_| event.involved_object.kind.as_deref() == Some("Job"));
    let job = event.involved_object.name.as_deref().unwrap_or_default();
    text::words(&match random.filter(|name| !job.is_empty() && name.starts_with(job)) {
        Some(name) => words.replace(name, &format!("{job}-…")),
        None => words.to_owned(),
    })
}

impl Observation {
    /// UID of the controller that is to make a pod, has seen what is asked of it, and has made none.
    pub(crate) fn podless(&self) -> Option<&str> {
        let runs = |job: &&Job| {
            job.owner == Owner::Us && job.deletion == Deletion::Absent && job.progress == JobProgress::Runs
        };
        if let Some(job) = self.job.as_ref().filter(runs) {
            let has_pod = self.pods.iter().any(|pod| pod.job_uid.as_ref() == Some(&job.uid));
            return (!has_pod).then_some(&job.uid);
        }
        let sts = self.stateful_set.as_ref()?;
        let is_asked = sts.owner == Owner::Us
            && sts.deletion == Deletion::Absent
            && sts.replicas > 0
            && sts.observed_generation >= sts.generation;
        let has_pod = self.pods.iter().any(|pod| pod.stateful_set_uid.as_ref() == Some(&sts.uid));
        (is_asked && !has_pod).then_some(&sts.uid)
    }

    /// The API server's words about the pod that cannot be made.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.podless()?;
        match self.pod_refusal.as_ref()? {
            PodRefusal::Refused(words) => Some(words),
            PodRefusal::NotReported | PodRefusal::Unread(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
