//! Backoff of our own watches: half a second. kube's default grows to half a minute, so the watches would resume long
//! after an outage that a test made on purpose.

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
