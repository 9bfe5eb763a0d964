//! **The** decision about leading: from what was seen of the Lease, and when, to what is written next. Pure: times and
//! answers enter as values.
//!
//! - A Lease of another holder has expired when it was seen unchanged for as long as it says. When it was written, by
//!   whose clock whatever, does not matter.
//! - Leading begins with a write of ours that was stored, and lasts for [`Terms::renew_deadline`] from the moment before
//!   that write was *sent*. Others count at least [`Terms::duration`] from a later moment: what lies between the two is
//!   the time in which nobody leads.
//! - Who led once and does no more is deposed for good. It never leads again under the same identity.

use std::time::Duration;

use jiff::Timestamp;

use super::record::{Found, Record, Version, Write, Written};
use crate::fence::Moment;

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Time that others wait for a renewal before they take over.
    pub duration: Duration,
    /// Time after its last renewal for which a leader acts; less than `duration`.
    pub renew_deadline: Duration,
    /// The pause between two looks, and between two renewals.
    pub retry: Duration,
}

impl Default for Terms {
    /// The times of controller-runtime, which the original operator has.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// Standing of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Another leads, or nobody.
    Follows,
    /// It leads, until then at least.
    Leads {
        /// From then on it must not act.
        until: Moment,
    },
    /// It led and does no more.
    Deposed(Deposed),
}

/// Why a leader leads no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Deposed {
    /// Its renewals did not get through, or it stood still.
    #[error("the lease was not renewed for {} s, so another replica may lead now", .0.as_secs())]
    Late(Duration),
    /// The Lease names somebody else.
    #[error("the lease is held by {0:?} now")]
    Taken(String),
}

/// A candidate: what it knows of the Lease, and what it has of it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    identity: String,
    terms: Terms,
    seen: Option<Seen>,
    /// The version that a write would replace; `None` when that has to be looked up.
    version: Option<Version>,
    /// Right before the last write that was stored was sent: since then it leads.
    renewed: Option<Moment>,
    /// Identity of the process that took the Lease from it.
    usurper: Option<String>,
}

/// Last record that was read from the Lease.
#[derive(Clone, Debug)]
struct Seen {
    record: Record,
    /// Time at which the record was seen first.
    since: Moment,
}

impl Candidate {
    pub(crate) fn new(identity: String, terms: Terms) -> Self {
        Self { identity, terms, seen: None, version: None, renewed: None, usurper: None }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Last record that was read from the Lease.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.seen.as_ref().map(|seen| &seen.record)
    }

    /// Present standing of the candidate.
    pub(crate) fn standing(&self, now: Moment) -> Standing {
        match (&self.usurper, self.renewed) {
            (Some(holder), _) => Standing::Deposed(Deposed::Taken(holder.clone())),
            (None, None) => Standing::Follows,
            (None, Some(renewed)) => {
                let until = renewed.plus(self.terms.renew_deadline);
                if now < until {
                    Standing::Leads { until }
                } else {
                    Standing::Deposed(Deposed::Late(self.terms.renew_deadline))
                }
            }
        }
    }

    /// The renewal of one that leads and knows which version it replaces; all others look first.
    pub(crate) fn renewal(&self, wall: Timestamp) -> Option<Write> {
        let over = self.version.clone().filter(|_| self.renewed.is_some())?;
        let acquired = self.record().and_then(|record| record.acquired);
        let transitions = self.record().map_or(0, |record| record.transitions);
        Some(Write { record: self.ours(acquired, wall, transitions), over: Some(over) })
    }

    /// The Lease was read; what is to be written now, if anything. `now` is after the answer.
    pub(crate) fn saw(&mut self, found: Option<Found>, now: Moment, wall: Timestamp) -> Option<Write> {
        let Some(Found { record, version }) = found else { return self.missing(now, wall) };
        self.take(&record, now);
        let held = !record.holder.is_empty();
        if record.holder == self.identity {
            // A write of ours whose answer was lost. It counts once it is repeated with success.
            let write = self.ours(record.acquired, wall, record.transitions);
            return Some(Write { record: write, over: Some(version) });
        }
        if self.renewed.is_some() {
            self.usurper = Some(record.holder);
            return None;
        }
        let expired = self.seen.as_ref().is_some_and(|seen| self.has_expired(seen, now));
        let write = || {
            let transitions = record.transitions.saturating_add(1);
            Write { record: self.ours(Some(wall), wall, transitions), over: Some(version) }
        };
        (!held || expired).then(write)
    }

    /// There is no Lease. Who saw one that somebody held waits for its end all the same: its holder may not know yet.
    fn missing(&self, now: Moment, wall: Timestamp) -> Option<Write> {
        let held = |seen: &&Seen| !seen.record.holder.is_empty() && seen.record.holder != self.identity;
        let free = match self.seen.as_ref().filter(held) {
            Some(seen) => self.has_expired(seen, now),
            None => true,
        };
        let transitions = self.record().map_or(0, |record| record.transitions);
        free.then(|| Write { record: self.ours(Some(wall), wall, transitions), over: None })
    }

    /// A write is about to be sent: until its answer is here nothing is known of the version.
    pub(crate) fn sends(&mut self) {
        self.version = None;
    }

    /// A write was answered. `sent` is before it was sent, `now` after the answer.
    pub(crate) fn wrote(&mut self, write: &Write, written: Written, sent: Moment, now: Moment) {
        match written {
            Written::Stored(version) => {
                self.take(&write.record, now);
                self.version = Some(version);
                self.renewed = Some(sent);
            }
            Written::Overtaken => self.version = None,
        }
    }

    /// The Lease was read at the end; what is to be written so that nobody has to wait. client-go's form: no holder, and
    /// a second to live.
    pub(crate) fn farewell(&mut self, found: Option<Found>, now: Moment, wall: Timestamp) -> Option<Write> {
        let Found { record, version } = found?;
        self.take(&record, now);
        if record.holder != self.identity {
            return None;
        }
        let record = Record {
            holder: String::new(),
            duration: Some(Duration::from_secs(1)),
            acquired: Some(wall),
            renewed: Some(wall),
            transitions: record.transitions,
        };
        Some(Write { record, over: Some(version) })
    }

    fn take(&mut self, record: &Record, now: Moment) {
        if self.record() != Some(record) {
            self.seen = Some(Seen { record: record.clone(), since: now });
        }
    }

    fn has_expired(&self, seen: &Seen, now: Moment) -> bool {
        now.since(seen.since) >= seen.record.duration.unwrap_or(self.terms.duration)
    }

    fn ours(&self, acquired: Option<Timestamp>, wall: Timestamp, transitions: i32) -> Record {
        Record {
            holder: self.identity.clone(),
            duration: Some(self.terms.duration),
            acquired: acquired.or(Some(wall)),
            renewed: Some(wall),
            transitions,
        }
    }
}
