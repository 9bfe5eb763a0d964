//! Back-off of restarts and image pulls, as the kubelet's (`k8s.io/client-go/util/flowcontrol`). Pure.
//!
//! Delays are kept as a real kubelet would name them and compressed when they are waited for.

use std::time::Duration;

use jiff::Timestamp;

/// First delay of a real kubelet, for restarts and for pulls.
const INITIAL: Duration = Duration::from_secs(10);
/// Longest delay of a real kubelet.
const LONGEST: Duration = Duration::from_secs(300);

/// Pace of a machine.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Divisor of the real kubelet's delays: with 40, a restart that a kubelet delays by 10 s comes after 250 ms.
    pub compression: u32,
    /// Time between two looks at the containers: how long the end of a process stays visible before the restart.
    pub relist: Duration,
    /// Time between two probes of a container that fails them.
    pub probe: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { compression: 40, relist: Duration::from_millis(100), probe: Duration::from_millis(200) }
    }
}

impl Pace {
    pub(super) fn compress(&self, delay: Duration) -> Duration {
        delay / self.compression.max(1)
    }
}

/// Delay before the next attempt. The first attempt after a failure is not delayed; those after it wait twice as long
/// each time.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    last: Option<(Duration, Timestamp)>,
}

impl Backoff {
    /// Time before which nothing is tried again after a failure at `failed`.
    pub(super) fn until(&self, failed: Timestamp, pace: &Pace) -> Timestamp {
        match self.last {
            Some((delay, _)) if !self.is_forgotten(failed, pace) => failed + pace.compress(delay),
            _ => failed,
        }
    }

    /// Notes an attempt after a failure at `failed`.
    pub(super) fn attempted(&mut self, failed: Timestamp, now: Timestamp, pace: &Pace) {
        let delay = match self.last {
            Some((delay, _)) if !self.is_forgotten(failed, pace) => (delay * 2).min(LONGEST),
            _ => INITIAL,
        };
        self.last = Some((delay, now));
    }

    /// The delay in a real kubelet's words, such as `2m40s`.
    pub(super) fn words(&self) -> String {
        let seconds = self.last.map_or(0, |(delay, _)| delay.as_secs());
        match (seconds / 60, seconds % 60) {
            (0, seconds) => format!("{seconds}s"),
            (minutes, seconds) => format!("{minutes}m{seconds}s"),
        }
    }

    /// A process that ran for long enough starts over.
    fn is_forgotten(&self, failed: Timestamp, pace: &Pace) -> bool {
        let longest = pace.compress(LONGEST);
        self.last.is_some_and(|(_, noted)| failed > noted + longest * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_wait_twice_as_long_each_time() {
        let pace = Pace { compression: 10, ..Pace::default() };
        let mut backoff = Backoff::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut waits = Vec::new();
        for _ in 0..7 {
            let next = backoff.until(now, &pace);
            waits.push((next.duration_since(now).as_secs(), backoff.words()));
            backoff.attempted(now, next, &pace);
            now = next;
        }
        let words: Vec<_> = waits.iter().map(|(seconds, words)| (*seconds, words.as_str())).collect();
        let expected =
            [(0, "0s"), (1, "10s"), (2, "20s"), (4, "40s"), (8, "1m20s"), (16, "2m40s"), (30, "5m0s")];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_long_run_forgets_the_backoff() {
        let pace = Pace { compression: 1, ..Pace::default() };
        let mut backoff = Backoff::default();
        let start = Timestamp::UNIX_EPOCH;
        backoff.attempted(start, start, &pace);
        let soon = start + Duration::from_secs(600);
        assert!(backoff.until(soon, &pace) > soon);
        let late = start + Duration::from_secs(601);
        assert_eq!(backoff.until(late, &pace), late);
    }
}
