//! Rates: sliding windows, growing pauses and jitter, on a monotonic clock.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

/// Time since the process started. A wall clock that is set back does not move it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub Duration);

/// The present, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time: for what is stored, and for times that Kubernetes has stored.
    pub wall: Timestamp,
    /// Monotonic time: for what only this process remembers.
    pub monotonic: Monotonic,
}

impl Monotonic {
    /// The time `pause` later.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(pause))
    }

    /// Time since `earlier`; zero when it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The newest `limit` times within a span.
#[derive(Clone, Debug)]
pub struct Window {
    limit: usize,
    span: Duration,
    times: VecDeque<Monotonic>,
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(limit: usize, span: Duration) -> Self {
        Self { limit, span, times: VecDeque::new() }
    }

    /// Records that it happened now.
    pub fn note(&mut self, now: Monotonic) {
        self.times.push_back(now);
        while self.times.len() > self.limit {
            self.times.pop_front();
        }
    }

    /// Number of times that it happened within the span, up to the limit.
    #[must_use]
    pub fn count(&self, now: Monotonic) -> usize {
        self.times.iter().filter(|time| now.since(**time) < self.span).count()
    }

    /// True if it happened at least `limit` times within the span.
    #[must_use]
    pub fn is_full(&self, now: Monotonic) -> bool {
        self.count(now) >= self.limit
    }

    /// Time at which it happened last.
    #[must_use]
    pub fn last(&self) -> Option<Monotonic> {
        self.times.back().copied()
    }
}

/// A pause that grows by a factor with each attempt, up to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    factor: u32,
    longest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`, each `factor` times the one before.
    #[must_use]
    pub const fn new(first: Duration, factor: u32, longest: Duration) -> Self {
        Self { first, factor, longest }
    }

    /// The pause after `attempts` attempts before this one.
    #[must_use]
    pub fn pause(self, attempts: u32) -> Duration {
        self.first.saturating_mul(self.factor.saturating_pow(attempts.min(31))).min(self.longest)
    }
}

/// A pause up to `percent` longer, fixed by `seed`: what failed together does not come back together.
#[must_use]
pub fn jitter(pause: Duration, percent: u32, seed: &str) -> Duration {
    let share = spread(seed, u64::from(percent).saturating_add(1));
    let share = u32::try_from(share).unwrap_or(percent);
    pause.saturating_add(pause.saturating_mul(share).checked_div(100).unwrap_or_default())
}

/// A number from 0 up to, but not including, `below`, fixed by `seed`: spreads without randomness. 0 when `below` is 0.
#[must_use]
pub fn spread(seed: &str, below: u64) -> u64 {
    // FNV-1a: well spread for short names.
    let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.checked_rem(below).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn a_window_counts_the_newest_times_within_its_span() {
        let mut window = Window::new(3, Duration::from_secs(60));
        (0..4).for_each(|second| window.note(at(second)));
        assert_eq!(window.count(at(3)), 3, "only the newest are kept");
        assert_eq!(window.count(at(61)), 2);
        assert!(window.is_full(at(60)) && !window.is_full(at(61)));
        assert_eq!(window.last(), Some(at(3)));
    }

    #[test]
    fn a_backoff_grows_to_its_longest_pause() {
        let backoff = Backoff::new(Duration::from_secs(1), 2, Duration::from_secs(30));
        let seconds: Vec<_> = (0..7).map(|attempts| backoff.pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.pause(u32::MAX).as_secs(), 30);
    }

    #[test]
    fn jitter_is_fixed_by_seed_and_bounded() {
        let pause = Duration::from_secs(100);
        let all: std::collections::BTreeSet<_> =
            (0..50).map(|index| jitter(pause, 20, &format!("node-{index}"))).collect();
        assert!(all.len() > 10, "{all:?}");
        assert!(all.iter().all(|jittered| (100..=120).contains(&jittered.as_secs())));
        assert_eq!(jitter(pause, 20, "n"), jitter(pause, 20, "n"));
        assert_eq!(spread("n", 0), 0);
    }

    #[test]
    fn no_pause_overflows() {
        assert_eq!(Monotonic(Duration::MAX).after(Duration::MAX), Monotonic(Duration::MAX));
        assert_eq!(at(1).since(at(2)), Duration::ZERO);
        assert_eq!(jitter(Duration::MAX, 20, "n"), Duration::MAX);
    }
}
