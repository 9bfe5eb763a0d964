//! Who is connected. When all places are taken, a newcomer gets the place of somebody who does not use it: first of
//! one that has not got as far as a request, then of one that is idle, the oldest first.
//!
//! So connections that only stand in the way cannot keep a caller out, however many of them there are.

use std::collections::VecDeque;

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::phase::{Phase, Pulse};

/// A place, as the connection that has it sees it.
pub(super) struct Seat {
    /// Where it tells what it is doing.
    pub(super) pulse: Pulse,
    /// Cancelled when it has to give way.
    pub(super) displaced: CancellationToken,
}

/// All places, in the order in which they were taken.
pub(super) struct Crowd {
    places: usize,
    taken: VecDeque<Taken>,
}

struct Taken {
    phase: watch::Receiver<(Phase, Instant)>,
    displaced: CancellationToken,
}

impl Crowd {
    pub(super) fn new(places: usize) -> Self {
        Self { places, taken: VecDeque::new() }
    }

    /// A place for a newcomer; `None` while every connection is being answered.
    pub(super) fn admit(&mut self) -> Option<Seat> {
        if self.taken.len() >= self.places {
            // Of a connection that is gone nothing sends any more.
            self.taken.retain(|taken| taken.phase.has_changed().is_ok());
        }
        if self.taken.len() >= self.places {
            let unused = self
                .first_in(&[Phase::Handshake, Phase::Header])
                .or_else(|| self.first_in(&[Phase::Idle]))
                .and_then(|index| self.taken.remove(index))?;
            unused.displaced.cancel();
        }
        let (pulse, displaced) = (Pulse::new(), CancellationToken::new());
        self.taken.push_back(Taken { phase: pulse.watch(), displaced: displaced.clone() });
        Some(Seat { pulse, displaced })
    }

    fn first_in(&self, phases: &[Phase]) -> Option<usize> {
        self.taken.iter().position(|taken| phases.contains(&taken.phase.borrow().0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(phases: &[Phase]) -> (Crowd, Vec<Seat>) {
        let mut crowd = Crowd::new(phases.len());
        let seats = phases.iter().map(|phase| {
            let seat = crowd.admit().unwrap();
            seat.pulse.enter(*phase);
            seat
        });
        let seats = seats.collect();
        (crowd, seats)
    }

    /// Of connections in these phases the one with this number gives way.
    #[track_caller]
    fn check(phases: &[Phase], gives_way: Option<usize>) {
        let (mut crowd, seats) = full(phases);
        assert_eq!(crowd.admit().is_some(), gives_way.is_some(), "{phases:?}");
        let displaced = seats.iter().position(|seat| seat.displaced.is_cancelled());
        assert_eq!(displaced, gives_way, "{phases:?}");
    }

    #[test]
    fn who_has_not_asked_gives_way_first_then_who_is_idle_and_never_who_is_answered() {
        use Phase::{Busy, Handshake, Header, Idle};
        check(&[Busy, Idle, Idle, Handshake, Handshake], Some(3));
        check(&[Busy, Idle, Header], Some(2));
        check(&[Busy, Idle, Idle], Some(1));
        check(&[Busy, Busy], None);
    }

    #[test]
    fn the_place_of_a_connection_that_is_gone_is_free() {
        let (mut crowd, mut seats) = full(&[Phase::Idle, Phase::Busy]);
        drop(seats.pop());
        let newcomer = crowd.admit().unwrap();
        assert!(!seats[0].displaced.is_cancelled() && !newcomer.displaced.is_cancelled());
        assert_eq!(crowd.taken.len(), 2);
    }
}
