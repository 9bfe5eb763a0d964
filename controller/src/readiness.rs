//! Readiness as named gates: `/readyz?verbose` says which one is still shut, and why.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
/// All gates of the process; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    gates: Arc<Mutex<BTreeMap<String, GateState>>>,
}

/// State of one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateState {
    /// Shut, with the reason.
    Waiting(String),
    /// Open.
    Ready,
}

/// The handle by which one part of the process opens and shuts its own gate.
#[derive(Clone, Debug)]
pub struct Gate {
    name: String,
    all: Readiness,
}

impl Readiness {
    /// Adds a gate, shut for `reason`.
    #[must_use]
    pub fn gate(&self, name: impl Into<String>, reason: impl Into<String>) -> Gate {
        let gate = Gate { name: name.into(), all: self.clone() };
        gate.wait(reason);
        gate
    }

    /// Every gate by name.
    #[must_use]
    pub fn report(&self) -> BTreeMap<String, GateState> {
        self.lock().clone()
    }

    /// True if every gate is open.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(|state| *state == GateState::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, GateState>> {
        self.gates.lock()
    }
}

impl Gate {
    /// Shuts the gate, or changes the reason it is shut for.
    pub fn wait(&self, reason: impl Into<String>) {
        self.all.lock().insert(self.name.clone(), GateState::Waiting(reason.into()));
    }

    /// Opens the gate.
    pub fn open(&self) {
        self.all.lock().insert(self.name.clone(), GateState::Ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_every_gate_is_open() {
        let readiness = Readiness::default();
        let (first, second) = (readiness.gate("a", "starting"), readiness.gate("b", "starting"));
        assert!(!readiness.is_ready());
        first.open();
        assert_eq!(readiness.report().get("b"), Some(&GateState::Waiting("starting".into())));
        second.open();
        assert!(readiness.is_ready());
        first.wait("lost");
        assert!(!readiness.is_ready());
    }
}
