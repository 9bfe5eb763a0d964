//! What a connection is doing, and how long it may.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::limits::Limits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// TLS is being agreed on.
    Handshake,
    /// It waits for a request.
    Idle,
    /// A header is coming in.
    Header,
    /// A request is being answered; that has a deadline of its own.
    Busy,
}

/// The phase of one connection, and since when; clones share it. Whoever watches learns from its end that the
/// connection is gone.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<watch::Sender<(Phase, Instant)>>);

impl Pulse {
    /// A connection that was accepted just now.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new((Phase::Handshake, Instant::now()))))
    }

    /// The phase changes.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.send_replace((phase, Instant::now()));
    }

    /// Bytes came in: they are the header of a request, unless one is under way.
    pub(super) fn bytes(&self) {
        self.0.send_if_modified(|state| {
            let begins = state.0 == Phase::Idle;
            if begins {
                *state = (Phase::Header, Instant::now());
            }
            begins
        });
    }

    /// For whoever wants to know.
    pub(super) fn watch(&self) -> watch::Receiver<(Phase, Instant)> {
        self.0.subscribe()
    }
}

/// When a phase has lasted too long; `None` where something else bounds it.
pub(super) fn end_of((phase, since): (Phase, Instant), limits: &Limits) -> Option<Instant> {
    let lasts: Option<Duration> = match phase {
        Phase::Handshake => Some(limits.handshake),
        Phase::Idle => Some(limits.idle),
        Phase::Header => Some(limits.header),
        Phase::Busy => None,
    };
    lasts.map(|lasts| since + lasts)
}
