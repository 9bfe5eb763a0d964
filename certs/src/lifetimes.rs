//! Lifetimes of certificates, and durations of the stages of a rotation. Settings, so that tests can shorten them.

use std::time::Duration;

use jiff::Timestamp;

/// Durations that rotation goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Validity of an authority. Its successor is published after two thirds of it.
    pub authority: Duration,
    /// Validity of a leaf. It is renewed after two thirds of it, a tenth more or less.
    pub leaf: Duration,
    /// Back-dating of a certificate's beginning: clocks differ.
    pub back_dating: Duration,
    /// Time that a bundle must have been seen in every configuration before anything relies on it: a cluster has
    /// several API servers, and each learns of a change on its own.
    pub settling: Duration,
    /// Remaining validity that a leaf needs for its replica to be ready.
    pub margin: Duration,
    /// Interval of looks at the wall clock when nothing happens.
    pub check: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            authority: HOUR.saturating_mul(365 * 24),
            leaf: HOUR.saturating_mul(7 * 24),
            back_dating: HOUR,
            settling: Duration::from_secs(60),
            margin: HOUR,
            check: Duration::from_secs(60),
        }
    }
}

impl Lifetimes {
    /// The part of an authority's life in which its successor is made.
    pub(crate) fn last_third(&self) -> Duration {
        self.authority.checked_div(3).unwrap_or_default()
    }

    /// Time that a replica must itself have seen an authority trusted before it assumes that the others have left
    /// the one before. The wall clock alone may have jumped; each replica follows within two looks at it.
    pub(crate) fn patience(&self) -> Duration {
        self.settling.max(self.check).saturating_mul(10)
    }
}

/// `at`, and `duration` later.
pub(crate) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// `at`, and `duration` earlier.
pub(crate) fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// From one moment to another; nothing if the other comes first.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}
