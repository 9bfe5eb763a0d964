//! Pauses after something failed.
//!
//! Kept in memory: a restart of the operator may retry at once. Pauses that people rely on (after a failed plan or
//! task) are in status instead.

use std::time::Duration;

use crate::{
    failure::Class,
    node::NodeRef,
    rate::{Backoff, Monotonic, jitter},
};

/// Fruitless retries of a node in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retries {
    fruitless: u32,
    until: Option<Monotonic>,
}

impl Retries {
    /// The pause before the next retry, longer after each pause that was waited for in vain.
    ///
    /// Waking the node before the pause is over does not prolong it: many small changes around a node would else make it
    /// deaf for minutes to what it waits for.
    pub fn pause(&mut self, node: &NodeRef, class: Class, now: Monotonic) -> Duration {
        let next = jitter(backoff(class).pause(self.fruitless), 20, &node.uid);
        let rest = self.until.map_or(Duration::ZERO, |until| until.since(now));
        if !rest.is_zero() && rest <= next {
            return rest;
        }
        *self = Self { fruitless: self.fruitless.saturating_add(1), until: Some(now.after(next)) };
        next
    }

    /// Something succeeded: the next pause is the shortest again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

fn backoff(class: Class) -> Backoff {
    match class {
        Class::Conflict => Backoff::new(Duration::from_millis(50), 2, Duration::from_secs(1)),
        Class::Transient => Backoff::new(Duration::from_millis(25), 2, Duration::from_secs(5)),
        // A person has to do something first.
        Class::Denied | Class::User | Class::Invariant => {
            Backoff::new(Duration::from_secs(5), 2, Duration::from_mins(5))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeRef {
        NodeRef { namespace: "sei".into(), name: "n0".into(), uid: "u".into() }
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    #[test]
    fn pauses_grow_to_a_limit_and_restart_after_success() {
        let mut retries = Retries::default();
        let mut now = at(0);
        let mut wait = |retries: &mut Retries| {
            let pause = retries.pause(&node(), Class::Transient, now);
            now = now.after(pause);
            pause.as_millis()
        };
        let first = wait(&mut retries);
        assert!((25..=30).contains(&first));
        for _ in 0..10 {
            wait(&mut retries);
        }
        assert!((5_000..=6_000).contains(&wait(&mut retries)));
        retries.reset();
        assert_eq!(wait(&mut retries), first);
    }

    #[test]
    fn waking_a_node_early_does_not_prolong_its_pause() {
        let mut retries = Retries::default();
        let mut pause = |class, millis| retries.pause(&node(), class, at(millis)).as_millis();
        let first = pause(Class::User, 0);
        assert_eq!(pause(Class::User, 1_000), first - 1_000);
        assert_eq!(pause(Class::User, 4_000), first - 4_000);
        assert!(pause(Class::User, 7_000) > first, "this pause was waited for in vain");
        assert!(pause(Class::Conflict, 8_000) < 1_200, "what may soon work is retried soon");
    }

    #[test]
    fn what_needs_a_person_is_retried_seldom() {
        assert_eq!(backoff(Class::User).pause(0), Duration::from_secs(5));
        assert_eq!(backoff(Class::Denied).pause(20), Duration::from_mins(5));
    }
}
