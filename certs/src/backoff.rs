//! Delay before the next look: regular after success, short and then doubling after errors.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Exponential backoff over consecutive failures.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay after a look with this outcome.
    pub(crate) fn after<T, E>(&mut self, outcome: &Result<T, E>, regular: Duration) -> Duration {
        if outcome.is_ok() {
            self.failures = 0;
            return regular;
        }
        let pause = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause.min(regular)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_back_off_and_success_resets() {
        let mut backoff = Backoff::default();
        let regular = Duration::from_secs(60);
        let mut after = |outcome: Result<(), ()>| backoff.after(&outcome, regular).as_millis();
        assert_eq!([after(Err(())), after(Err(())), after(Err(()))], [500, 1000, 2000]);
        assert_eq!((0..10).map(|_| after(Err(()))).last(), Some(30_000));
        assert_eq!([after(Ok(())), after(Err(()))], [60_000, 500]);
    }
}
