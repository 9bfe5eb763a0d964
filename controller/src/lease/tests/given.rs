//! A Lease, candidates and a clock, all in memory and under the test's hand.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use crate::fence::Moment;
use crate::lease::{
    candidate::{Candidate, Standing, Terms},
    record::{Found, Record, Version, Write, Written},
};

pub const SECOND: Duration = Duration::from_secs(1);

/// The Lease as an API server keeps it.
#[derive(Clone, Debug, Default)]
pub struct Store {
    stored: Option<Found>,
    versions: u64,
}

impl Store {
    pub fn read(&self) -> Option<Found> {
        self.stored.clone()
    }

    /// Compare-and-swap, as the API server does it.
    pub fn write(&mut self, write: &Write) -> Written {
        if self.stored.as_ref().map(|found| &found.version) != write.over.as_ref() {
            return Written::Overtaken;
        }
        Written::Stored(self.put(write.record.clone()))
    }

    fn put(&mut self, record: Record) -> Version {
        self.versions += 1;
        let version = Version(self.versions.to_string());
        self.stored = Some(Found { record, version: version.clone() });
        version
    }
}

/// Candidates that do one thing at a time.
pub struct Lab {
    store: Store,
    now: Moment,
    candidates: BTreeMap<&'static str, Candidate>,
    walls: BTreeMap<&'static str, Timestamp>,
}

impl Lab {
    pub fn new() -> Self {
        let candidate = |name: &'static str| (name, Candidate::new(name.into(), Terms::default()));
        Self {
            store: Store::default(),
            now: Moment::of(1000 * SECOND),
            candidates: ["a", "b"].map(candidate).into(),
            walls: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> Moment {
        self.now
    }

    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Sets the wall clock of a candidate.
    pub fn wall(&mut self, name: &'static str, at: &str) {
        self.walls.insert(name, at.parse().unwrap());
    }

    /// A whole round without trouble.
    pub fn round(&mut self, name: &'static str) -> bool {
        let wall = self.wall_of(name);
        let renewal = self.candidates[name].renewal(wall);
        let write = renewal.or_else(|| self.look(name));
        if let Some(write) = write {
            self.doubt(name);
            let (sent, written) = (self.now, self.store.write(&write));
            self.answer(name, &write, written, sent);
        }
        true
    }

    pub fn look(&mut self, name: &'static str) -> Option<Write> {
        let (found, now, wall) = (self.store.read(), self.now, self.wall_of(name));
        self.candidate(name).saw(found, now, wall)
    }

    pub fn renewal(&mut self, name: &'static str) -> Write {
        let wall = self.wall_of(name);
        let write = self.candidates[name].renewal(wall).expect("it leads");
        self.doubt(name);
        write
    }

    pub fn doubt(&mut self, name: &'static str) {
        self.candidate(name).sends();
    }

    pub fn write(&mut self, write: &Write) -> Written {
        self.store.write(write)
    }

    pub fn answer(&mut self, name: &'static str, write: &Write, written: Written, sent: Moment) {
        let now = self.now;
        self.candidate(name).wrote(write, written, sent, now);
    }

    pub fn leave(&mut self, name: &'static str) {
        let (found, now, wall) = (self.store.read(), self.now, self.wall_of(name));
        let write = self.candidate(name).farewell(found, now, wall).expect("it holds the lease");
        assert!(matches!(self.store.write(&write), Written::Stored(_)));
    }

    pub fn somebody_writes(&mut self, holder: &str) {
        let record = Record { holder: holder.into(), ..self.store.read().expect("a lease").record };
        self.store.put(record);
    }

    pub fn somebody_deletes(&mut self) {
        self.store.stored = None;
    }

    pub fn standing(&self, name: &str) -> Standing {
        self.candidates[name].standing(self.now)
    }

    pub fn leads(&self, name: &str) -> bool {
        matches!(self.standing(name), Standing::Leads { .. })
    }

    pub fn holder(&self) -> String {
        self.store.read().map(|found| found.record.holder).unwrap_or_default()
    }

    pub fn transitions(&self) -> i32 {
        self.store.read().map_or(0, |found| found.record.transitions)
    }

    fn candidate(&mut self, name: &str) -> &mut Candidate {
        self.candidates.get_mut(name).expect("a or b")
    }

    /// It goes on by itself, as renewals are told apart by it.
    fn wall_of(&self, name: &str) -> Timestamp {
        let begun = self.walls.get(name).copied().unwrap_or(Timestamp::UNIX_EPOCH);
        begun + self.now.since(Moment::of(1000 * SECOND))
    }
}
