//! The deferred status write of one node, and what was written lately. What may wait, and for how long, is decided in
//! `reconcile/status_throttle.rs`.

use std::time::Duration;

use seinode_api::{SeiNode, SeiNodeStatus};

use crate::{
    ids::PlanId,
    rate::{Monotonic, Window},
};

/// Writes of one status within a minute that only report readiness and are made at once.
const READINESS_WRITES: usize = 3;

/// The deferred status write of one node, and what was written lately.
#[derive(Clone, Debug)]
pub struct StatusWrites {
    deferred: Option<Deferred>,
    /// Number of waits of a plan that were reported.
    reported: Option<(PlanId, u32)>,
    /// Times at which the status was written lately because readiness changed.
    readiness: Window,
    /// Time at which the list of peers was written last.
    peers: Option<Monotonic>,
}

#[derive(Clone, Debug)]
struct Deferred {
    /// The version of the object that it belongs to.
    version: Option<String>,
    uid: Option<String>,
    status: SeiNodeStatus,
    due: Monotonic,
}

impl Default for StatusWrites {
    fn default() -> Self {
        let readiness = Window::new(READINESS_WRITES, Duration::from_mins(1));
        Self { deferred: None, reported: None, readiness, peers: None }
    }
}

impl StatusWrites {
    /// True if a write is deferred.
    #[must_use]
    pub fn is_deferring(&self) -> bool {
        self.deferred.is_some()
    }

    /// The status that was decided and is not written yet, if it still belongs to this version of the object.
    pub(crate) fn status(&mut self, object: &SeiNode) -> Option<SeiNodeStatus> {
        let same = |deferred: &Deferred| {
            deferred.version == object.metadata.resource_version && deferred.uid == object.metadata.uid
        };
        self.deferred = self.deferred.take().filter(same);
        self.deferred.as_ref().map(|deferred| deferred.status.clone())
    }

    /// Time at which the deferred write is due.
    pub(crate) fn due(&self) -> Option<Monotonic> {
        self.deferred.as_ref().map(|deferred| deferred.due)
    }

    pub(crate) fn defer(&mut self, object: &SeiNode, status: &SeiNodeStatus, due: Monotonic) {
        let meta = &object.metadata;
        let (version, uid) = (meta.resource_version.clone(), meta.uid.clone());
        self.deferred = Some(Deferred { version, uid, status: status.clone(), due });
    }

    /// The status was written, or will not be.
    pub(crate) fn done(&mut self) {
        self.deferred = None;
    }

    /// Number of waits of this plan that were reported.
    pub(crate) fn reports(&self, plan: PlanId) -> u32 {
        self.reported.filter(|(id, _)| *id == plan).map_or(0, |(_, count)| count)
    }

    pub(crate) fn count_report(&mut self, plan: PlanId) {
        self.reported = Some((plan, self.reports(plan).saturating_add(1)));
    }

    pub(crate) fn note_readiness(&mut self, now: Monotonic) {
        self.readiness.note(now);
    }

    pub(crate) fn note_peers(&mut self, now: Monotonic) {
        self.peers = Some(now);
    }

    /// Time at which the list of peers was written last.
    pub(crate) fn last_peers(&self) -> Option<Monotonic> {
        self.peers
    }

    /// Time at which readiness was written last, if it was written as often as it may be at once.
    pub(crate) fn last_of_many_readiness_writes(&self, now: Monotonic) -> Option<Monotonic> {
        self.readiness.last().filter(|_| self.readiness.is_full(now))
    }
}
