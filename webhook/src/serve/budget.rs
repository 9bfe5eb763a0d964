//! The memory of large bodies. It is charged for bytes that have arrived, not for bytes that were announced, and when it is
//! used up the slowest body is evicted.
//!
//! A body that is complete is never evicted. Small bodies are not charged: each connection may hold one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The memory of large bodies; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Mutex<Accounts>>);

#[derive(Debug)]
struct Accounts {
    free: usize,
    next: u64,
    bodies: BTreeMap<u64, Body>,
}

#[derive(Debug)]
struct Body {
    began: Instant,
    bytes: usize,
    /// `None` when the body is complete.
    evicted: Option<CancellationToken>,
}

/// The budget is used up, and no body is slower than the one that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// The share of one body. Dropping it gives back what was charged.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    id: u64,
    /// Cancelled when the body is evicted.
    pub(super) evicted: CancellationToken,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Accounts { free: bytes, next: 0, bodies: BTreeMap::new() })))
    }

    /// Opens the share of a body that begins.
    pub(super) fn open(&self, now: Instant) -> Share {
        let mut accounts = self.accounts();
        let (id, evicted) = (accounts.next, CancellationToken::new());
        accounts.next = accounts.next.wrapping_add(1);
        let body = Body { began: now, bytes: 0, evicted: Some(evicted.clone()) };
        accounts.bodies.insert(id, body);
        Share { budget: self.clone(), id, evicted }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Charges the body with so many bytes in all, evicting slower bodies where there is not enough.
    pub(super) fn grow(&self, bytes: usize, now: Instant) -> Result<(), Exhausted> {
        let mut accounts = self.budget.accounts();
        loop {
            let held = accounts.bodies.get(&self.id).ok_or(Exhausted)?.bytes;
            let more = bytes.saturating_sub(held);
            if let Some(free) = accounts.free.checked_sub(more) {
                accounts.free = free;
                accounts.bodies.entry(self.id).and_modify(|body| body.bytes = held.max(bytes));
                return Ok(());
            }
            match accounts.slowest(now) {
                Some(id) if id != self.id => accounts.evict(id),
                Some(_) | None => return Err(Exhausted),
            }
        }
    }

    /// Notes that the body is complete.
    pub(super) fn complete(&self) {
        if let Some(body) = self.budget.accounts().bodies.get_mut(&self.id) {
            body.evicted = None;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut accounts = self.budget.accounts();
        if let Some(body) = accounts.bodies.remove(&self.id) {
            accounts.free = accounts.free.saturating_add(body.bytes);
        }
    }
}

impl Accounts {
    /// The charged body that arrives slowest.
    fn slowest(&self, now: Instant) -> Option<u64> {
        let arriving = self.bodies.iter().filter(|(_, body)| body.evicted.is_some() && body.bytes > 0);
        arriving.min_by_key(|(_, body)| body.rate(now)).map(|(id, _)| *id)
    }

    fn evict(&mut self, id: u64) {
        if let Some(body) = self.bodies.remove(&id) {
            self.free = self.free.saturating_add(body.bytes);
            body.evicted.inspect(CancellationToken::cancel);
        }
    }
}

impl Body {
    /// Bytes per millisecond.
    fn rate(&self, now: Instant) -> u128 {
        let took = now.duration_since(self.began).max(Duration::from_millis(1));
        (self.bytes as u128).saturating_mul(1000).checked_div(took.as_micros()).unwrap_or(u128::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_millis(100);

    #[test]
    fn the_slowest_body_is_evicted_and_complete_ones_never() {
        let (budget, begin) = (Budget::new(100), Instant::now());
        let (complete, slow) = (budget.open(begin), budget.open(begin));
        complete.grow(40, begin).unwrap();
        complete.complete();
        slow.grow(40, begin).unwrap();
        let now = begin + LATER;
        let fast = budget.open(now);
        fast.grow(20, now).unwrap();
        assert!(!slow.evicted.is_cancelled());
        fast.grow(60, now).unwrap();
        assert!(slow.evicted.is_cancelled() && !complete.evicted.is_cancelled());
        assert_eq!(slow.grow(41, now), Err(Exhausted), "an evicted body does not grow");
        assert_eq!(fast.grow(61, now), Err(Exhausted), "complete bodies stay");
        drop((complete, slow));
        fast.grow(100, now).unwrap();
        assert_eq!(fast.grow(101, now), Err(Exhausted));
    }

    #[test]
    fn the_slowest_body_does_not_evict_a_faster_one() {
        let (budget, begin) = (Budget::new(100), Instant::now());
        let slow = budget.open(begin);
        slow.grow(10, begin).unwrap();
        let now = begin + LATER;
        let fast = budget.open(now);
        fast.grow(90, now).unwrap();
        assert_eq!(slow.grow(11, now), Err(Exhausted));
        assert!(!fast.evicted.is_cancelled());
        drop(slow);
        fast.grow(100, now).unwrap();
    }

    #[test]
    fn an_announced_body_is_charged_nothing() {
        let (budget, now) = (Budget::new(10), Instant::now());
        let announced: Vec<_> = (0..1000).map(|_| budget.open(now)).collect();
        budget.open(now).grow(10, now).unwrap();
        assert!(announced.iter().all(|share| !share.evicted.is_cancelled()));
    }
}
