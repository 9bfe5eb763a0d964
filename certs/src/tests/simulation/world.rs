//! The API servers, as far as rotation can tell them apart from real ones: objects with versions, writes at a version,
//! and a second API server that learns of every change later than the first.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    certificate::{Bundle, Fingerprint},
    configuration::{Kind, Live},
    lives::Lives,
    rotation::Content,
    stored::Stored,
    tests::given::live,
};

const KINDS: [Kind; 2] = [Kind::Mutating, Kind::Validating];

/// What is in the cluster.
pub(crate) struct World {
    pub(crate) lives: Lives,
    /// The true time since the beginning.
    pub(crate) now: Duration,
    /// How far the second API server lags behind.
    lag: Duration,
    version: u64,
    secret: Option<(u64, BTreeMap<String, Vec<u8>>)>,
    configurations: [(u64, String); 2],
    /// What replicas wrote into each configuration and when: what people wipe is put back, and is no fault of ours.
    written: [Vec<(Duration, Bundle)>; 2],
}

impl World {
    pub(crate) fn new(lives: Lives, lag: Duration) -> Self {
        Self {
            lives,
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
        let version = patch["metadata"]["resourceVersion"].as_str()?;
        if version != self.configurations[at].0.to_string().as_str() {
            return None;
        }
        assert!(!patch.to_string().contains("PRIVATE"), "a key is published");
        self.version += 1;
        self.configurations[at] = (self.version, bundle.pem());
        self.written[at].push((self.now, bundle.clone()));
        Some(live(KINDS[at], &bundle.pem(), self.version))
    }

    /// Whether every API server trusts an authority in every configuration.
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
