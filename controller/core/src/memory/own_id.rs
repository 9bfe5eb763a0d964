//! The node's own id, as the sidecar of its present pod told it: asked once for each pod, and again, ever less often, while it
//! is not told.

use std::time::Duration;

use crate::{
    node::NodeId,
    observation::OwnId,
    rate::{Backoff, Monotonic},
    sidecar::Answer,
};

/// Pauses between questions that are not answered: a sidecar that was just started listens in a moment.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), 2, Duration::from_mins(5));

/// Last answer about a node's id.
#[derive(Clone, Debug, Default)]
pub struct NodeIdAnswer {
    /// UID of the pod whose sidecar was asked.
    pod: String,
    id: Option<NodeId>,
    /// Number of times in a row that it was not told.
    failures: u32,
    asked: Monotonic,
}

impl NodeIdAnswer {
    /// Records an answer of the sidecar in a pod.
    pub fn note(&mut self, pod: &str, answer: &Answer<NodeId>, now: Monotonic) {
        let failures = if self.pod == pod { self.failures } else { 0 };
        let (id, failures) = match answer {
            Ok(id) => (Some(id.clone()), 0),
            Err(_) => (None, failures.saturating_add(1)),
        };
        *self = Self { pod: pod.to_owned(), id, failures, asked: now };
    }

    /// Knowledge of the id of the node in a pod.
    #[must_use]
    pub fn of(&self, pod: &str, now: Monotonic) -> OwnId {
        match &self.id {
            _ if self.pod != pod => OwnId::Due,
            Some(id) => OwnId::Is(id.clone()),
            None if self.retry(pod, now).is_none() => OwnId::Due,
            None => OwnId::Untold,
        }
    }

    /// Pause until the sidecar in a pod is asked again; `None` when it need not be, or at once.
    #[must_use]
    pub fn retry(&self, pod: &str, now: Monotonic) -> Option<Duration> {
        if self.pod != pod || self.failures == 0 {
            return None;
        }
        let due = self.asked.after(PAUSES.pause(self.failures.saturating_sub(1)));
        Some(due.since(now)).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sidecar::Unreachable;

    #[test]
    fn an_id_is_asked_once_for_each_pod_and_again_while_untold() {
        let id = NodeId::parse(&"a1".repeat(20)).unwrap();
        let at = |tenths: u64| Monotonic(Duration::from_millis(tenths * 100));
        let mut answer = NodeIdAnswer::default();
        assert_eq!(answer.of("p", at(0)), OwnId::Due);
        answer.note("p", &Err(Unreachable::Timeout), at(10));
        assert_eq!((answer.of("p", at(10)), answer.of("p", at(11))), (OwnId::Untold, OwnId::Due));
        answer.note("p", &Err(Unreachable::Timeout), at(11));
        assert_eq!((answer.of("p", at(12)), answer.of("p", at(13))), (OwnId::Untold, OwnId::Due));
        assert_eq!(answer.retry("p", at(12)), Some(Duration::from_millis(100)));
        answer.note("p", &Ok(id.clone()), at(13));
        assert_eq!((answer.of("p", at(9_000)), answer.retry("p", at(14))), (OwnId::Is(id), None));
        assert_eq!(answer.of("q", at(14)), OwnId::Due, "another pod may be on another volume");
    }
}
