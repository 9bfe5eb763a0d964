//! The API servers, as far as rotation can tell them apart from real ones: objects with versions, writes at a version,
//! and a second API server that learns of every change later than the first.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    certificate::{Bundle, Fingerprint},
    configuration::{Kind, Live},
    lifetimes::Lifetimes,
    rotation::Content,
    stored::Stored,
    tests::fixtures::live,
};

const KINDS: [Kind; 2] = [Kind::Mutating, Kind::Validating];

/// The objects of the cluster.
pub(crate) struct World {
    pub(crate) lifetimes: Lifetimes,
    /// The true time since the beginning.
    pub(crate) now: Duration,
    /// Lag of the second API server.
    lag: Duration,
    version: u64,
    secret: Option<(u64, BTreeMap<String, Vec<u8>>)>,
    configurations: [(u64, String); 2],
    /// Writes of replicas into each configuration: a bundle that people wipe is repaired, and is no fault of ours.
    written: [Vec<(Duration, Bundle)>; 2],
}

/// The content of the Secret at some time.
pub(crate) struct Backup(Option<BTreeMap<String, Vec<u8>>>);

impl World {
    pub(crate) fn new(lifetimes: Lifetimes, lag: Duration) -> Self {
        Self {
            lifetimes,
            now: Duration::ZERO,
            lag,
            version: 1,
            secret: None,
            configurations: [(1, String::new()), (1, String::new())],
            written: [Vec::new(), Vec::new()],
        }
    }

    pub(crate) fn configurations(&self) -> Vec<Live> {
        let read = |(kind, (version, bundle)): (Kind, &(u64, String))| live(kind, bundle, *version);
        KINDS.into_iter().zip(&self.configurations).map(read).collect()
    }

    /// The Secret and its version.
    pub(crate) fn secret(&self) -> (Content, Option<u64>) {
        match &self.secret {
            None => (Content::Absent, None),
            Some((version, content)) => {
                (Stored::read(content).map_or_else(Content::Corrupt, Content::Sound), Some(*version))
            }
        }
    }

    /// Writes the Secret at a version; `None` if somebody else was first.
    pub(crate) fn write(&mut self, stored: &Stored, at: Option<u64>) -> Option<u64> {
        if self.secret.as_ref().map(|(version, _)| *version) != at {
            return None;
        }
        self.version += 1;
        self.secret = Some((self.version, stored.content()));
        Some(self.version)
    }

    /// Applies what a replica made for a configuration; `None` if the configuration is another by now.
    pub(crate) fn apply(&mut self, read: &Live, bundle: &Bundle) -> Option<Live> {
        let at = KINDS.iter().position(|kind| *kind == read.configuration.kind)?;
        let patch = read.patch(&bundle.pem())?;
        let version = patch[0]["value"].as_str()?;
        if version != self.configurations[at].0.to_string().as_str() {
            return None;
        }
        assert!(!patch.to_string().contains("PRIVATE"), "a key is published");
        self.version += 1;
        self.configurations[at] = (self.version, bundle.pem());
        self.written[at].push((self.now, bundle.clone()));
        Some(live(KINDS[at], &bundle.pem(), self.version))
    }

    /// Reports whether every API server trusts an authority in every configuration.
    pub(crate) fn trusts(&self, issuer: &Fingerprint) -> bool {
        let as_of = |written: &[(Duration, Bundle)], then: Option<Duration>| {
            let seen = written.iter().rev().find(|(at, _)| then.is_some_and(|then| *at <= then));
            seen.is_some_and(|(_, bundle)| bundle.trusts(issuer))
        };
        let servers = [Some(self.now), self.now.checked_sub(self.lag)];
        self.written.iter().all(|written| servers.into_iter().all(|then| as_of(written, then)))
    }

    /// Somebody deletes the Secret.
    pub(crate) fn delete_secret(&mut self) {
        self.secret = None;
    }

    /// A backup of the Secret as it is now.
    pub(crate) fn back_up(&self) -> Backup {
        Backup(self.secret.as_ref().map(|(_, content)| content.clone()))
    }

    /// Somebody puts a backup back.
    pub(crate) fn restore(&mut self, Backup(backup): &Backup) {
        self.version += 1;
        let version = self.version;
        self.secret = backup.clone().map(|content| (version, content));
    }

    /// Somebody writes nonsense over one part of the Secret.
    pub(crate) fn corrupt_secret(&mut self, which: u64) {
        self.version += 1;
        let version = self.version;
        if let Some((at, content)) = &mut self.secret {
            *at = version;
            let parts: Vec<_> = content.keys().cloned().collect();
            let part = &parts[usize::try_from(which).unwrap() % parts.len()];
            content.insert(part.clone(), b"nonsense".to_vec());
        }
    }

    /// Somebody wipes the bundle of one configuration.
    pub(crate) fn wipe(&mut self, which: usize) {
        self.version += 1;
        self.configurations[which] = (self.version, String::new());
    }
}
