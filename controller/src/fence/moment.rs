//! A clock that nobody can set, and that goes on while the machine sleeps.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment of that clock: the time since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now. `CLOCK_BOOTTIME`: the monotonic clock of `Instant` stands still while the machine is suspended, and a leader
    /// would wake in the belief that its Lease is fresh.
    pub(crate) fn now() -> Self {
        Self(Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or(Duration::MAX))
    }

    /// The moment that is `later` after this one.
    pub(crate) fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// Time from `earlier` until this; zero when this is before it.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment at this time after the start of the machine.
    #[cfg(test)]
    pub(crate) fn of(since_start: Duration) -> Self {
        Self(since_start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_never_below_zero() {
        let begun = Moment::now();
        let second = Duration::from_secs(1);
        assert!(Moment::now() >= begun && begun.plus(second) > begun);
        assert_eq!(begun.plus(second).since(begun), second);
        assert_eq!(begun.since(begun.plus(second)), Duration::ZERO);
    }
}
