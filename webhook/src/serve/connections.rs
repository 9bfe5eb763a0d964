//! The connections that are open. When all slots are taken, a new connection gets the slot of one that does not use it: the
//! one that has taken longest to send a request, else the one that has been idle longest.
//!
//! So connections that only hold slots cannot keep a caller out, however many of them there are.

use std::collections::VecDeque;

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::state::{Phase, State};

/// A slot, as the connection that has it sees it; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The phase, for the connection to update.
    pub(super) state: State,
    /// Cancelled when the connection is evicted.
    pub(super) evicted: CancellationToken,
}

/// All slots, in the order in which they were taken.
pub(super) struct Connections {
    slots: usize,
    taken: VecDeque<Taken>,
}

struct Taken {
    phase: watch::Receiver<(Phase, Instant)>,
    evicted: CancellationToken,
}

impl Connections {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, taken: VecDeque::new() }
    }

    /// A slot for a new connection; `None` while a request of every connection is being answered.
    pub(super) fn admit(&mut self) -> Option<Slot> {
        if self.taken.len() >= self.slots {
            // The sender of a connection that is gone is dropped.
            self.taken.retain(|taken| taken.phase.has_changed().is_ok());
        }
        if self.taken.len() >= self.slots {
            let unused = self
                .longest_in(&[Phase::Handshake, Phase::New, Phase::Header, Phase::Body])
                .or_else(|| self.longest_in(&[Phase::Idle]))
                .and_then(|index| self.taken.remove(index))?;
            unused.evicted.cancel();
        }
        let slot = Slot { state: State::new(), evicted: CancellationToken::new() };
        self.taken.push_back(Taken { phase: slot.state.watch(), evicted: slot.evicted.clone() });
        Some(slot)
    }

    /// The connection that has been in one of these phases for longest.
    fn longest_in(&self, phases: &[Phase]) -> Option<usize> {
        let now = self.taken.iter().map(|taken| *taken.phase.borrow()).enumerate();
        let candidates = now.filter(|(_, (phase, _))| phases.contains(phase));
        candidates.min_by_key(|(_, (_, since))| *since).map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(phases: &[Phase]) -> (Connections, Vec<Slot>) {
        let mut connections = Connections::new(phases.len());
        let slots = phases.iter().map(|phase| {
            let slot = connections.admit().unwrap();
            slot.state.enter(*phase);
            slot
        });
        let slots = slots.collect();
        (connections, slots)
    }

    /// Checks which of the connections in these phases is evicted.
    #[track_caller]
    fn check(phases: &[Phase], expected: Option<usize>) {
        let (mut connections, slots) = full(phases);
        assert_eq!(connections.admit().is_some(), expected.is_some(), "{phases:?}");
        let evicted = slots.iter().position(|slot| slot.evicted.is_cancelled());
        assert_eq!(evicted, expected, "{phases:?}");
    }

    #[test]
    fn slow_connections_are_evicted_before_idle_ones_and_busy_never() {
        use Phase::{Body, Busy, Handshake, Header, Idle, New};
        check(&[Busy, Idle, Idle, Handshake, Handshake], Some(3));
        check(&[Busy, Idle, Header], Some(2));
        check(&[Busy, Idle, Body, Handshake], Some(2));
        check(&[Idle, New, Header], Some(1));
        check(&[Busy, Idle, Idle], Some(1));
        check(&[Busy, Busy], None);
    }

    #[test]
    fn the_slowest_is_the_one_longest_in_its_phase() {
        let (mut connections, slots) = full(&[Phase::Body, Phase::Body, Phase::Body]);
        slots[0].state.enter(Phase::Body);
        connections.admit().unwrap();
        let evicted: Vec<_> = slots.iter().map(|slot| slot.evicted.is_cancelled()).collect();
        assert_eq!(evicted, [false, true, false]);
    }

    #[test]
    fn the_slot_of_a_closed_connection_is_free() {
        let (mut connections, mut slots) = full(&[Phase::Idle, Phase::Busy]);
        drop(slots.pop());
        let new = connections.admit().unwrap();
        assert!(!slots[0].evicted.is_cancelled() && !new.evicted.is_cancelled());
        assert_eq!(connections.taken.len(), 2);
    }
}
