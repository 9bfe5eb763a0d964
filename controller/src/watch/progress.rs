//! Progress of the watches: which have listed everything once, and what is wrong with those that have not.

use std::sync::Arc;

use kube::runtime::watcher;
use prometheus::IntCounter;
use tokio::sync::watch::{Receiver, Sender};

use super::trouble;
use crate::readiness::Gate;

/// Number of watches that have not listed everything once. A pass waits for zero: before that an object that is
/// only not listed yet would look as if it did not exist.
#[derive(Clone)]
pub(crate) struct Unsynced(Arc<Sender<usize>>);

impl Unsynced {
    pub(super) fn new() -> Self {
        Self(Arc::new(Sender::new(0)))
    }

    pub(crate) fn subscribe(&self) -> Receiver<usize> {
        self.0.subscribe()
    }
}

/// Follows one watch: opens its gate, and says what is wrong while it does not get on.
pub(super) struct Progress {
    gate: Gate,
    unsynced: Unsynced,
    plural: String,
    /// Number of times that it was opened anew.
    restarts: IntCounter,
    listed: Listed,
    /// Last trouble; the same trouble is logged once, however often it is met.
    trouble: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listed {
    NotYet,
    Once,
}

impl Progress {
    pub(super) fn begin(gate: Gate, unsynced: Unsynced, plural: &str, restarts: IntCounter) -> Self {
        unsynced.0.send_modify(|count| *count = count.saturating_add(1));
        Self { gate, unsynced, plural: plural.to_owned(), restarts, listed: Listed::NotYet, trouble: None }
    }

    pub(super) fn see<K>(&mut self, event: &Result<watcher::Event<K>, watcher::Error>) {
        if event.is_ok() && self.trouble.take().is_some() {
            tracing::info!(kind = self.plural, "the watch works again");
        }
        match event {
            Ok(watcher::Event::InitDone) => {
                self.gate.open();
                if self.listed == Listed::NotYet {
                    self.listed = Listed::Once;
                    self.unsynced.0.send_modify(|count| *count = count.saturating_sub(1));
                }
            }
            Ok(_) => {}
            Err(error) => {
                self.restarts.inc();
                let words = trouble::say(error, &self.plural);
                if self.trouble.as_ref() != Some(&words) {
                    tracing::warn!(kind = self.plural, "{words}; trying again");
                }
                if self.listed == Listed::NotYet {
                    self.gate.wait(words.as_str());
                }
                self.trouble = Some(words);
            }
        }
    }
}
