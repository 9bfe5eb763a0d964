//! How long to wait before the next look: regularly while all is well, soon and then ever later when it is not.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Counts fruitless looks.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    fruitless: u32,
}

impl Pause {
    /// Until the next look, after this one.
    pub(crate) fn after<T, E>(&mut self, outcome: &Result<T, E>, regular: Duration) -> Duration {
        if outcome.is_ok() {
            self.fruitless = 0;
            return regular;
        }
        let pause = FIRST.saturating_mul(1 << self.fruitless.min(10)).min(LONGEST);
        self.fruitless += 1;
        pause.min(regular)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_looked_at_soon_and_then_ever_later_and_success_ends_that() {
        let mut pause = Pause::default();
        let regular = Duration::from_secs(60);
        let mut after = |outcome: Result<(), ()>| pause.after(&outcome, regular).as_millis();
        assert_eq!([after(Err(())), after(Err(())), after(Err(()))], [500, 1000, 2000]);
        assert_eq!((0..10).map(|_| after(Err(()))).last(), Some(30_000));
        assert_eq!([after(Ok(())), after(Err(()))], [60_000, 500]);
    }
}
