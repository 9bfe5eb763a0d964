//! How often an object may be written. Whoever breaks one finds it mended at once; whoever fights for it must not make
//! both sides write without a pause.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// When each object was written last.
#[derive(Debug)]
pub(crate) struct Pace<K> {
    writes: usize,
    window: Duration,
    written: BTreeMap<K, VecDeque<Instant>>,
}

impl<K: Clone + Ord> Pace<K> {
    /// So many writes of one object are fine within a window of time.
    pub(crate) fn new(writes: usize, window: Duration) -> Self {
        Self { writes, window, written: BTreeMap::new() }
    }

    /// Whether an object may be written now; if so, that counts as a write.
    pub(crate) fn may(&mut self, object: &K, now: Instant) -> bool {
        let written = self.written.entry(object.clone()).or_default();
        written.retain(|at| now.saturating_duration_since(*at) < self.window);
        let may = written.len() < self.writes;
        if may {
            written.push_back(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fight_over_one_object_is_slowed_down_and_no_other_with_it() {
        let window = Duration::from_secs(60);
        let mut pace = Pace::new(20, window);
        let begun = Instant::now();
        assert!((0..20).all(|_| pace.may(&"contested", begun)));
        assert!(!pace.may(&"contested", begun + window / 2));
        assert!(pace.may(&"quiet", begun + window / 2));
        assert!(pace.may(&"contested", begun + window));
    }
}
