//! How our own watches try again: every half second. kube's default waits ever longer, up to half a minute, and would
//! leave us deaf long after an outage that a test made on purpose.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// Always the same pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(500))
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}
