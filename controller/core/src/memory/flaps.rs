//! Spacing of mark-ready for a sidecar that restarts again and again.
//!
//! A lost readiness is healed at once. Only a sidecar that flaps waits, for a moment: its gate would be shut again anyway.

use std::time::Duration;

use crate::rate::{Backoff, Monotonic, Window};

/// Heals within `SPAN` that are not spaced.
const FREE: usize = 3;
/// This many heals within `SPAN` are flapping.
const FLAPPING: usize = 1;
/// Heals that are remembered.
const REMEMBERED: usize = 16;
const SPAN: Duration = Duration::from_mins(1);
const SPACING: Backoff = Backoff::new(Duration::from_millis(250), 2, Duration::from_secs(2));

/// Times at which the gate of a node was opened lately.
#[derive(Clone, Debug)]
pub struct Flaps(Window);

impl Default for Flaps {
    fn default() -> Self {
        Self(Window::new(REMEMBERED, SPAN))
    }
}

impl Flaps {
    /// Records that mark-ready was submitted.
    pub fn note(&mut self, now: Monotonic) {
        self.0.note(now);
    }

    /// Number of times that the gate was opened within the span.
    #[must_use]
    pub fn count(&self, now: Monotonic) -> usize {
        self.0.count(now)
    }

    /// True if the sidecar flaps: a heal is then reported later, and its plan is not stored before it.
    #[must_use]
    pub fn is_flapping(&self, now: Monotonic) -> bool {
        self.count(now) >= FLAPPING
    }

    /// Time that the next mark-ready has to wait.
    #[must_use]
    pub fn pause(&self, now: Monotonic) -> Duration {
        let Some(extra) = self.count(now).checked_sub(FREE) else { return Duration::ZERO };
        let spacing = SPACING.pause(u32::try_from(extra).unwrap_or(u32::MAX));
        self.0.last().map_or(Duration::ZERO, |last| last.after(spacing).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    #[test]
    fn four_losses_in_fifteen_seconds_are_all_healed_at_once() {
        let mut flaps = Flaps::default();
        for loss in [0, 5_000, 10_000, 15_000] {
            assert_eq!(flaps.pause(at(loss)), Duration::ZERO, "{loss}");
            flaps.note(at(loss));
        }
    }

    #[test]
    fn a_sidecar_that_flaps_is_spaced_up_to_two_seconds() {
        let mut flaps = Flaps::default();
        let (mut now, mut pauses) = (at(0), Vec::new());
        for _ in 0..8 {
            let pause = flaps.pause(now);
            pauses.push(pause.as_millis());
            now = now.after(pause);
            flaps.note(now);
        }
        assert_eq!(pauses, [0, 0, 0, 250, 500, 1_000, 2_000, 2_000]);
        assert_eq!(flaps.pause(at(600_000)), Duration::ZERO, "ten minutes later it starts over");
    }
}
