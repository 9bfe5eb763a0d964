//! Connection slots of one server, and the choice of the connection that is evicted when all are taken.
//!
//! A new connection evicts the oldest one that has sent nothing (its socket is asked: its task may not have been told
//! yet), else the oldest one without a whole request header. Only
//! when every connection is being answered does the oldest of those go. So silent, slow and greedy clients lose their
//! slots to whoever comes after them, and the number of file descriptors stays bounded.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
};
use tokio_util::sync::CancellationToken;

/// All slots of a server.
pub struct Connections {
    free: Arc<Semaphore>,
    open: Arc<Mutex<Open>>,
}

/// Progress of a connection; of two, the lesser is evicted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing was received, or the TLS handshake is not complete.
    Silent,
    /// The request header is not complete.
    Asking,
    /// The response is being made or sent.
    Answering,
}

/// Open connections, by phase and age.
#[derive(Default)]
struct Open {
    accepted: u64,
    connections: BTreeMap<(Phase, u64), Connection>,
    answering: usize,
}

/// An open connection.
struct Connection {
    evicted: CancellationToken,
    /// Asks its socket for bytes that nobody has read yet; none once something was read.
    unread: Option<Unread>,
}

/// True if bytes have arrived that nobody has read yet.
type Unread = Box<dyn Fn() -> bool + Send>;

/// The slot of one connection; dropping it frees the slot.
pub struct Slot {
    number: u64,
    evicted: CancellationToken,
    open: Arc<Mutex<Open>>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// Connections that may be answered at once: each has buffers.
    const ANSWERED: usize = 256;

    /// Connections with this many slots.
    pub fn new(slots: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(slots)), open: Arc::default() }
    }

    /// Takes a slot for a new connection, of which `unread` tells whether bytes have arrived. When no slot is free, evicts
    /// one connection and waits until it is closed.
    pub async fn admit(&self, unread: impl Fn() -> bool + Send + 'static) -> Slot {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            // Connections that have received something in the meantime get to say so first.
            yield_now().await;
            self.evict();
            // The semaphore is never closed.
            if let Ok(permit) = Arc::clone(&self.free).acquire_owned().await {
                break permit;
            }
        };
        let evicted = CancellationToken::new();
        let mut open = self.open.lock();
        open.accepted = open.accepted.wrapping_add(1);
        let number = open.accepted;
        let connection = Connection { evicted: evicted.clone(), unread: Some(Box::new(unread)) };
        open.connections.insert((Phase::Silent, number), connection);
        Slot { number, evicted, open: Arc::clone(&self.open), _permit: permit }
    }

    /// Closes the connection that deserves its slot least.
    pub fn evict(&self) {
        self.open.lock().evict_from(Phase::Silent);
    }
}

impl Open {
    /// Evicts the first connection in this phase or a later one.
    fn evict_from(&mut self, phase: Phase) {
        let has_asked = |connection: &Connection| connection.unread.as_ref().is_some_and(|unread| unread());
        let mut later = self.connections.range((phase, 0)..);
        let first = later.clone().find(|(_, connection)| !has_asked(connection)).or_else(|| later.next());
        let first = first.map(|(key, _)| *key);
        if let Some(connection) = first.and_then(|key| self.remove(key)) {
            connection.evicted.cancel();
        }
    }

    fn remove(&mut self, key: (Phase, u64)) -> Option<Connection> {
        let removed = self.connections.remove(&key);
        if removed.is_some() && key.0 == Phase::Answering {
            self.answering = self.answering.saturating_sub(1);
        }
        removed
    }
}

impl Slot {
    /// Notes the progress of a connection of which something was read. One that is answered may take the place of another
    /// answer.
    pub fn enter(&self, phase: Phase) {
        let mut open = self.open.lock();
        // An evicted connection is no longer among them.
        let Some(mut connection) = self.phase_in(&open).and_then(|before| open.remove((before, self.number)))
        else {
            return;
        };
        connection.unread = None;
        if phase == Phase::Answering {
            if open.answering >= Connections::ANSWERED {
                open.evict_from(Phase::Answering);
            }
            open.answering = open.answering.saturating_add(1);
        }
        open.connections.insert((phase, self.number), connection);
    }

    /// Reports whether the request is complete.
    pub fn is_answering(&self) -> bool {
        self.phase_in(&self.open.lock()) == Some(Phase::Answering)
    }

    /// Resolves when the connection has to close.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    fn phase_in(&self, open: &Open) -> Option<Phase> {
        let mut phases = [Phase::Silent, Phase::Asking, Phase::Answering].into_iter();
        phases.find(|phase| open.connections.contains_key(&(*phase, self.number)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(phase) = self.phase_in(&open) {
            open.remove((phase, self.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, poll};

    use super::*;

    async fn full(phases: &[Phase]) -> (Connections, Vec<Slot>) {
        let connections = Connections::new(phases.len());
        let mut slots = Vec::new();
        for phase in phases {
            let slot = connections.admit(|| false).await;
            slot.enter(*phase);
            slots.push(slot);
        }
        (connections, slots)
    }

    fn evicted(slots: &[Slot]) -> Vec<usize> {
        let evicted = slots.iter().enumerate().filter(|(_, slot)| slot.evicted.is_cancelled());
        evicted.map(|(index, _)| index).collect()
    }

    async fn check_evicts(phases: &[Phase], expected: usize) {
        let (connections, slots) = full(phases).await;
        let mut newcomer = std::pin::pin!(connections.admit(|| false));
        // Once to yield, and once more to evict.
        assert!(
            poll!(&mut newcomer).is_pending() && poll!(&mut newcomer).is_pending(),
            "no slot is free yet"
        );
        assert_eq!(evicted(&slots), [expected], "{phases:?}");
    }

    #[tokio::test]
    async fn the_oldest_of_the_least_progress_is_evicted() {
        use Phase::{Answering, Asking, Silent};
        check_evicts(&[Answering, Asking, Silent, Silent], 2).await;
        check_evicts(&[Answering, Asking, Asking], 1).await;
        check_evicts(&[Answering, Answering], 0).await;
    }

    #[tokio::test]
    async fn a_connection_that_has_sent_something_is_passed_over() {
        let connections = Connections::new(3);
        let mut slots = Vec::new();
        for sent in [true, false, true] {
            slots.push(connections.admit(move || sent).await);
        }
        connections.evict();
        assert_eq!(evicted(&slots), [1]);
        slots[2].enter(Phase::Silent);
        connections.evict();
        assert_eq!(evicted(&slots), [1, 2], "what it had sent was read");
        connections.evict();
        assert_eq!(evicted(&slots), [0, 1, 2], "somebody has to go");
    }

    #[tokio::test]
    async fn a_newcomer_gets_the_slot_once_it_is_closed() {
        let (connections, mut slots) = full(&[Phase::Silent]).await;
        let mut newcomer = std::pin::pin!(connections.admit(|| false));
        assert!(poll!(&mut newcomer).is_pending() && poll!(&mut newcomer).is_pending());
        assert!(slots[0].evicted().now_or_never().is_some());
        slots.clear();
        assert!(poll!(&mut newcomer).is_ready());
    }

    #[tokio::test]
    async fn a_closed_connection_leaves_its_slot_free() {
        let (connections, slots) = full(&[Phase::Silent, Phase::Answering]).await;
        drop(slots);
        let again = [connections.admit(|| false).now_or_never(), connections.admit(|| false).now_or_never()];
        assert!(again.iter().all(|slot| slot.as_ref().is_some_and(|slot| !slot.evicted.is_cancelled())));
        assert_eq!(connections.open.lock().answering, 0);
    }

    #[tokio::test]
    async fn one_more_response_takes_the_place_of_the_oldest() {
        let (_connections, slots) = full(&[Phase::Answering; Connections::ANSWERED + 2]).await;
        assert_eq!(evicted(&slots), [0, 1]);
        slots[0].enter(Phase::Answering);
        assert_eq!(evicted(&slots), [0, 1], "an evicted connection comes to no other place");
    }
}
