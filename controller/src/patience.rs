//! How long to wait before a node is looked at again after something did not work.
//!
//! Kept in memory, by node: a restart of the operator may try at once. Pauses that people rely on (a failed
//! plan, a failed task) are in status instead.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use seinode_core::failure::Class;

/// Consecutive fruitless passes of each node.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    fruitless: Mutex<BTreeMap<(String, String), u32>>,
}

impl Patience {
    /// The pause before the next try, longer with every call in a row.
    pub(crate) fn pause(&self, namespace: &str, name: &str, class: Class) -> Duration {
        let key = (namespace.to_owned(), name.to_owned());
        let mut fruitless = self.fruitless.lock().unwrap_or_else(PoisonError::into_inner);
        let count = fruitless.entry(key).or_default();
        let pause = pause(class, *count);
        *count = count.saturating_add(1);
        spread(pause, namespace, name)
    }

    /// Something worked, or the node is gone: the next pause is the shortest again.
    pub(crate) fn reset(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.fruitless.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
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
        let pause = || patience.pause("ns", "n", Class::Transient).as_millis();
        let first = pause();
        assert!((25..=30).contains(&first));
        for _ in 0..10 {
            pause();
        }
        assert!((5_000..=6_000).contains(&pause()));
        patience.reset("ns", "n");
        assert_eq!(pause(), first);
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
