//! Times of scenarios, and the report of the slowest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Number of scenarios that the report names.
const REPORTED: usize = 10;

/// The durations of the scenarios that have ended.
#[derive(Clone, Default)]
pub(crate) struct Times(Arc<Mutex<Vec<(Duration, String)>>>);

/// Records the time from its creation to its drop, so also of a scenario that panics.
pub(crate) struct Stopwatch {
    name: String,
    begin: Instant,
    times: Times,
}

impl Times {
    pub(crate) fn start(&self, name: &str) -> Stopwatch {
        Stopwatch { name: name.to_owned(), begin: Instant::now(), times: self.clone() }
    }

    fn record(&self, name: &str, duration: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((duration, name.to_owned()));
    }

    /// The slowest scenarios, one a line. Empty when so few ran that the runner's own lines say it.
    pub(crate) fn slowest(&self) -> String {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if times.len() <= REPORTED {
            return String::new();
        }
        times.sort_by(|one, other| other.cmp(one));
        let lines = times.iter().take(REPORTED);
        let lines = lines.map(|(time, name)| format!("{:>7.1} s  {name}\n", time.as_secs_f64()));
        format!("slowest scenarios:\n{}", lines.collect::<String>())
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.times.record(&self.name, self.begin.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_are_reported_longest_first() {
        let times = Times::default();
        for second in 1..=12 {
            times.record(&format!("case-{second}"), Duration::from_secs(second));
        }
        let report = times.slowest();
        let lines: Vec<_> = report.lines().collect();
        assert_eq!(lines.len(), 1 + REPORTED);
        assert_eq!(lines[1].trim(), "12.0 s  case-12");
        assert_eq!(lines[10].trim(), "3.0 s  case-3");
    }

    #[test]
    fn a_scenario_that_panics_is_timed_too() {
        let times = Times::default();
        let failed = std::panic::catch_unwind({
            let times = times.clone();
            move || {
                let _stopwatch = times.start("fails");
                panic!("on purpose");
            }
        });
        assert!(failed.is_err());
        assert_eq!(times.0.lock().unwrap_or_else(PoisonError::into_inner).len(), 1);
    }
}
