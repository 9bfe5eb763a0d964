//! Schedule by which a sidecar is probed again.

use std::time::{Duration, Instant};

use seinode_core::{
    node::NodeRef,
    rate::{Backoff, jitter},
    sidecar::{Answer, Health, Unreachable},
};

/// A sidecar that may be about to listen is asked this often: a refused connection costs next to nothing.
const HURRIED: Duration = Duration::from_millis(100);
/// For so long after it was last seen to change.
const HURRY: Duration = Duration::from_secs(30);
/// Afterwards ever less often, up to this.
const SLOW: Duration = Duration::from_secs(2);
/// Pauses after the first answers of a container that was started or stopped.
const AFTER_A_CHANGE: Backoff = Backoff::new(HURRIED, 2, Duration::from_secs(3600));
/// Pauses while a sidecar does not answer, after the hurry.
const SILENT: Backoff = Backoff::new(HURRIED, 2, SLOW);
/// This many are probed every 100 ms; more of them are spread out.
const CROWD: usize = 100;

/// The schedule of one node.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Since when it does not answer.
    silent_since: Option<Instant>,
    /// Number of times in a row that it did not, after the hurry.
    slow: u32,
    /// Number of times that it answered since a container was started or stopped.
    answered: u32,
}

impl Schedule {
    /// A container was started or stopped: the first question is asked at once.
    pub(super) fn begin() -> Self {
        Self { silent_since: None, slow: 0, answered: 0 }
    }

    /// True if it is asked as fast as useful.
    pub(super) fn is_hurried(&self) -> bool {
        self.silent_since.is_some_and(|since| since.elapsed() < HURRY)
    }

    /// The pause until the next question.
    pub(super) fn next(
        &mut self,
        answer: &Answer<Health>,
        node: &NodeRef,
        interval: Duration,
        waiting: usize,
    ) -> Duration {
        match answer {
            Ok(_) => {
                // A pod's status may come before its process has gone: who answers first may be the one from before.
                let soon = AFTER_A_CHANGE.pause(self.answered);
                *self = Self { answered: self.answered.saturating_add(1), ..Self::begin() };
                let shorter = interval.saturating_mul(10).checked_div(11).unwrap_or(interval);
                soon.min(jitter(shorter, 10, &node.uid))
            }
            // It has waited for two seconds already.
            Err(Unreachable::Timeout) => SLOW.min(interval),
            Err(Unreachable::Refused | Unreachable::NoSuchHost | Unreachable::Unexpected(_)) => {
                self.silent_since.get_or_insert_with(Instant::now);
                if self.is_hurried() {
                    let crowd = u32::try_from(waiting.div_ceil(CROWD)).unwrap_or(u32::MAX).max(1);
                    return HURRIED.saturating_mul(crowd).min(SLOW);
                }
                self.slow = self.slow.saturating_add(1);
                SILENT.pause(self.slow)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(uid: &str) -> NodeRef {
        NodeRef { namespace: "sei".into(), name: "n".into(), uid: uid.into() }
    }

    const STEADY: Duration = Duration::from_secs(5);

    #[test]
    fn one_that_answers_is_asked_steadily_and_no_two_in_step() {
        let ready = Ok(Health::Ready);
        let steady = |index| {
            let (mut schedule, node) = (Schedule::begin(), node(&format!("uid-{index}")));
            (0..8).map(|_| schedule.next(&ready, &node, STEADY, 0)).last().unwrap()
        };
        let pauses: std::collections::BTreeSet<_> = (0..50).map(steady).collect();
        assert!(pauses.len() > 5, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= STEADY && *pause >= STEADY * 9 / 10), "{pauses:?}");
    }

    #[test]
    fn the_first_answers_after_a_change_are_checked_soon() {
        let (mut schedule, ready) = (Schedule::begin(), Ok(Health::Ready));
        let pauses: Vec<_> = (0..4).map(|_| schedule.next(&ready, &node("u"), STEADY, 0)).collect();
        assert_eq!(pauses, [1, 2, 4, 8].map(|times| HURRIED * times));
    }

    #[test]
    fn one_that_refuses_is_asked_fast_and_hundreds_are_spread_out() {
        let refused = Err(Unreachable::Refused);
        assert_eq!(Schedule::begin().next(&refused, &node("u"), STEADY, 1), HURRIED);
        assert_eq!(Schedule::begin().next(&refused, &node("u"), STEADY, 500), HURRIED * 5);
        let mut schedule = Schedule::begin();
        schedule.next(&refused, &node("u"), STEADY, 1);
        assert!(schedule.is_hurried());
        schedule.silent_since = Instant::now().checked_sub(HURRY);
        let slower: Vec<_> = (0..6).map(|_| schedule.next(&refused, &node("u"), STEADY, 1)).collect();
        assert!(slower.is_sorted() && slower[5] == SLOW, "{slower:?}");
        schedule.next(&Ok(Health::NotReady), &node("u"), STEADY, 1);
        assert_eq!(schedule.next(&refused, &node("u"), STEADY, 1), HURRIED, "it begins anew");
    }
}
