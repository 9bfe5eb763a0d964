//! Rate limit of writes of one object. A broken object is repaired at once; a fight over it must not make both sides
//! write without a pause.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// Times of the latest writes of each object.
#[derive(Debug)]
pub(crate) struct RateLimit<K> {
    writes: usize,
    window: Duration,
    written: BTreeMap<K, VecDeque<Instant>>,
}

impl<K: Clone + Ord> RateLimit<K> {
    /// Allows this many writes of one object within a window of time.
    pub(crate) fn new(writes: usize, window: Duration) -> Self {
        Self { writes, window, written: BTreeMap::new() }
    }

    /// Admits a write of an object now, and counts it, unless the limit is reached.
    pub(crate) fn admit(&mut self, object: &K, now: Instant) -> bool {
        let written = self.written.entry(object.clone()).or_default();
        written.retain(|at| now.saturating_duration_since(*at) < self.window);
        let admitted = written.len() < self.writes;
        if admitted {
            written.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contested_object_is_limited_and_no_other() {
        let window = Duration::from_secs(60);
        let mut rate_limit = RateLimit::new(20, window);
        let begun = Instant::now();
        assert!((0..20).all(|_| rate_limit.admit(&"contested", begun)));
        assert!(!rate_limit.admit(&"contested", begun + window / 2));
        assert!(rate_limit.admit(&"quiet", begun + window / 2));
        assert!(rate_limit.admit(&"contested", begun + window));
    }
}
