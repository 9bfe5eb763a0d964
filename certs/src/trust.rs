//! Trust of the API servers: the authorities that are in every live bundle, and for how long without a gap.
//!
//! Measured on the monotonic clock of this process and from what it has seen itself. A time written by another replica
//! would be only as good as both wall clocks; after a restart the count begins anew, which costs a minute.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{certificate::Fingerprint, configuration::Live};

/// Begin of each authority's presence in every bundle.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    since: BTreeMap<Fingerprint, Instant>,
}

impl Trust {
    /// Takes in what was just read. A configuration that does not exist trusts nobody.
    pub fn update(&mut self, live: &[Live], candidates: &[Fingerprint], now: Instant) {
        let trusted = |fingerprint: &Fingerprint| live.iter().all(|live| live.trusts(fingerprint));
        let since = candidates.iter().filter(|fingerprint| trusted(fingerprint)).map(|fingerprint| {
            let begun = self.since.get(fingerprint).copied().unwrap_or(now);
            (*fingerprint, begun)
        });
        self.since = since.collect();
    }

    /// Time for which each authority has been trusted.
    #[must_use]
    pub fn lasting(&self, now: Instant) -> BTreeMap<Fingerprint, Duration> {
        self.since.iter().map(|(who, since)| (*who, now.saturating_duration_since(*since))).collect()
    }
}
