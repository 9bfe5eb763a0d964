//! How long to wait before a node is looked at again after something did not work.
//!
//! Kept in memory, by node: a restart of the operator may try at once. Pauses that people rely on (a failed
//! plan, a failed task) are in status instead.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use seinode_core::failure::Class;

/// Consecutive fruitless waits of each node.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waits: Mutex<BTreeMap<(String, String), Wait>>,
}

/// How often a node was waited for in vain, and how long it is waited for now.
#[derive(Clone, Copy, Debug)]
struct Wait {
    fruitless: u32,
    until: Timestamp,
}

impl Patience {
    /// The pause before the next try, longer each time that one was waited for in vain.
    ///
    /// Whoever wakes the node before the pause is over does not prolong it: many small changes around a node would
    /// else make it deaf for minutes to what it waits for.
    pub(crate) fn pause(&self, namespace: &str, name: &str, class: Class, now: Timestamp) -> Duration {
        let key = (namespace.to_owned(), name.to_owned());
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = waits.get(&key).copied().unwrap_or(Wait { fruitless: 0, until: Timestamp::MIN });
        let next = spread(pause(class, wait.fruitless), namespace, name);
        match Duration::try_from(wait.until.duration_since(now)) {
            Ok(rest) if !rest.is_zero() && rest <= next => rest,
            Ok(_) | Err(_) => {
                let until = now.saturating_add(next).unwrap_or(Timestamp::MAX);
                waits.insert(key, Wait { fruitless: wait.fruitless.saturating_add(1), until });
                next
            }
        }
    }

    /// Something worked, or the node is gone: the next pause is the shortest again.
    pub(crate) fn reset(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

fn pause(class: Class, count: u32) -> Duration {
    let (first, last) = match class {
        Class::Conflict => (Duration::from_millis(50), Duration::from_secs(1)),
        Class::Transient => (Duration::from_millis(25), Duration::from_secs(5)),
        // A person has to do something first.
        Class::Denied | Class::User | Class::Invariant => (Duration::from_secs(5), Duration::from_mins(5)),
    };
    first.saturating_mul(2_u32.saturating_pow(count.min(16))).min(last)
}

/// Up to a fifth longer, fixed for each node: what failed together does not come back together.
fn spread(pause: Duration, namespace: &str, name: &str) -> Duration {
    let sum = namespace
        .bytes()
        .chain(name.bytes())
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    pause + pause * (sum % 21) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_success() {
        let patience = Patience::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut wait = || {
            let pause = patience.pause("ns", "n", Class::Transient, now);
            now += pause;
            pause.as_millis()
        };
        let first = wait();
        assert!((25..=30).contains(&first));
        for _ in 0..10 {
            wait();
        }
        assert!((5_000..=6_000).contains(&wait()));
        patience.reset("ns", "n");
        assert_eq!(wait(), first);
    }

    #[test]
    fn who_is_woken_early_waits_no_longer_than_before() {
        let patience = Patience::default();
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        let pause = |class, millis| patience.pause("ns", "n", class, at(millis)).as_millis();
        let first = pause(Class::User, 0);
        assert_eq!(pause(Class::User, 1_000), first - 1_000);
        assert_eq!(pause(Class::User, 4_000), first - 4_000);
        assert!(pause(Class::User, 7_000) > first, "this time it was waited for in vain");
        assert!(pause(Class::Conflict, 8_000) < 1_000, "what may soon work is tried soon");
    }

    #[test]
    fn what_needs_a_person_is_tried_seldom() {
        assert_eq!(pause(Class::User, 0), Duration::from_secs(5));
        assert_eq!(pause(Class::Denied, 20), Duration::from_secs(300));
    }

    #[test]
    fn nodes_do_not_come_back_in_step() {
        let base = Duration::from_secs(100);
        let pauses: std::collections::BTreeSet<_> =
            (0..20).map(|index| spread(base, "ns", &format!("node-{index}"))).collect();
        assert!(pauses.len() > 5, "{pauses:?}");
    }
}
