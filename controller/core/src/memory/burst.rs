//! Detection of the restart of a whole fleet at once.

use std::time::Duration;

use crate::rate::{Monotonic, Window};

/// At least this many gates that shut within `SPAN` are a burst.
const GATES: usize = 10;
/// A burst lasts this long after the last gates have shut.
const SPAN: Duration = Duration::from_secs(3);

/// Gates that shut lately, of all nodes. In a burst, nodes whose gates are open again defer their status writes: the API
/// server's time belongs to the gates that are still shut.
#[derive(Clone, Debug)]
pub struct Burst(Window);

impl Default for Burst {
    fn default() -> Self {
        Self(Window::new(GATES, SPAN))
    }
}

impl Burst {
    /// Records that a gate was found shut.
    pub fn note(&mut self, now: Monotonic) {
        self.0.note(now);
    }

    /// True if a burst is on.
    #[must_use]
    pub fn is_on(&self, now: Monotonic) -> bool {
        self.0.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_gates_within_three_seconds_are_a_burst() {
        let at = |millis| Monotonic(Duration::from_millis(millis));
        let mut burst = Burst::default();
        (0..9).for_each(|index| burst.note(at(index * 100)));
        assert!(!burst.is_on(at(900)));
        burst.note(at(900));
        assert!(burst.is_on(at(2_999)));
        assert!(!burst.is_on(at(3_000)), "the first was three seconds ago");
    }
}
