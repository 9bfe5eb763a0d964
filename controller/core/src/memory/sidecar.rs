//! A sidecar's last answer about its gate, and since when the gate is shut.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    observation::Pod,
    rate::Monotonic,
    sidecar::{Answer, Health},
};

/// One run of one sidecar container: an answer belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incarnation {
    /// UID of the pod.
    pub pod_uid: String,
    /// Restarts of the container before this run.
    pub restarts: i32,
    /// Start of this run.
    pub since: Option<Timestamp>,
}

impl Incarnation {
    /// The one that the pod's status shows.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        Self { pod_uid: pod.uid.clone(), restarts: pod.sidecar_restarts, since: pod.sidecar_since }
    }
}

/// The last answer of a sidecar that is probed.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// The run of the container that answers.
    pub incarnation: Incarnation,
    /// Its last answer; absent before the first, and after a submission that may change it.
    pub answer: Option<Answer<Health>>,
    /// Since when its gate is shut, as far as is known.
    shut_since: Option<Monotonic>,
}

/// Change that an answer made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// The gate was found shut.
    Shut,
    /// The gate is open again, after this long.
    Opened {
        after: Duration,
    },
}

impl Sidecar {
    /// A sidecar that has not answered yet.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, answer: None, shut_since: None }
    }

    /// Follows another run of the container. Since when the gate is shut stays.
    pub(super) fn follow(&mut self, incarnation: Incarnation) {
        *self = Self { incarnation, answer: None, shut_since: self.shut_since };
    }

    pub(super) fn take(&mut self, answer: Answer<Health>, now: Monotonic) -> Change {
        let change = match answer {
            Ok(Health::Ready) => match self.shut_since.take() {
                Some(since) => Change::Opened { after: now.since(since) },
                None => Change::None,
            },
            Ok(Health::NotReady) if self.shut_since.is_none() => {
                self.shut_since = Some(now);
                Change::Shut
            }
            Ok(Health::NotReady) | Err(_) => Change::None,
        };
        self.answer = Some(answer);
        change
    }
}

/// Task of the prober after a reconcile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probing {
    /// Go on as before.
    Unchanged,
    /// Probe this run of the sidecar from now on.
    Begin(Incarnation),
    /// Leave the node alone.
    End,
}

/// Probes the sidecar of this incarnation from now on, or nobody.
pub(crate) fn probe(known: &mut Option<Sidecar>, wanted: Option<Incarnation>) -> Probing {
    match (known.as_mut(), wanted) {
        (None, None) => Probing::Unchanged,
        (Some(_), None) => {
            *known = None;
            Probing::End
        }
        (Some(sidecar), Some(incarnation)) if sidecar.incarnation == incarnation => Probing::Unchanged,
        (Some(sidecar), Some(incarnation)) => {
            sidecar.follow(incarnation.clone());
            Probing::Begin(incarnation)
        }
        (None, Some(incarnation)) => {
            *known = Some(Sidecar::new(incarnation.clone()));
            Probing::Begin(incarnation)
        }
    }
}
