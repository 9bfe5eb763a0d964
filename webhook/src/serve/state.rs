//! The phase of a connection, and how long it may last.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::limits::Limits;

/// The phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The TLS handshake.
    Handshake,
    /// Connected, without any request so far.
    New,
    /// Between two requests.
    Idle,
    /// A header is being received.
    Header,
    /// A body is being received; the request has a deadline of its own.
    Body,
    /// A request was received whole and is being answered; it has a deadline of its own.
    Busy,
}

/// The phase of one connection and when it began; clones share it. A watcher learns from its end that the connection is
/// gone.
#[derive(Clone, Debug)]
pub(super) struct State(Arc<watch::Sender<(Phase, Instant)>>);

impl State {
    /// The state of a connection that was just accepted.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new((Phase::Handshake, Instant::now()))))
    }

    /// Begins a phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.send_replace((phase, Instant::now()));
    }

    /// Notes that bytes were received: they are the header of a request, unless one is under way.
    pub(super) fn received(&self) {
        self.0.send_if_modified(|state| {
            let begins = matches!(state.0, Phase::New | Phase::Idle);
            if begins {
                *state = (Phase::Header, Instant::now());
            }
            begins
        });
    }

    /// A receiver of every change.
    pub(super) fn watch(&self) -> watch::Receiver<(Phase, Instant)> {
        self.0.subscribe()
    }
}

/// Time at which a phase times out; `None` where something else bounds it.
pub(super) fn end_of((phase, since): (Phase, Instant), limits: &Limits) -> Option<Instant> {
    let lasts: Option<Duration> = match phase {
        Phase::Handshake => Some(limits.handshake),
        Phase::New | Phase::Idle => Some(limits.idle),
        Phase::Header => Some(limits.header),
        Phase::Body | Phase::Busy => None,
    };
    lasts.and_then(|lasts| since.checked_add(lasts))
}
