//! How often the gate of each node was opened lately. A sidecar that is restarted every second is not healed every second:
//! that would cost a status write, an event and a plan each time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use seinode_core::node::NodeRef;

/// So many times within the window at once.
const MOST: usize = 3;
/// The window.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// When the gate of each node was opened lately.
#[derive(Debug, Default)]
pub(crate) struct Flaps {
    opened: Mutex<BTreeMap<NodeRef, VecDeque<Timestamp>>>,
}

impl Flaps {
    /// A plan to open the gate was stored.
    pub(crate) fn note(&self, node: &NodeRef, now: Timestamp) {
        let mut all = self.lock();
        let times = all.entry(node.clone()).or_default();
        times.push_back(now);
        while times.len() > MOST {
            times.pop_front();
        }
    }

    /// Before when the gate is not opened again; `None` when it may be.
    pub(crate) fn calm_at(&self, node: &NodeRef, now: Timestamp) -> Option<Timestamp> {
        let mut all = self.lock();
        let times = all.get_mut(node)?;
        times.retain(|time| now.duration_since(*time) < WINDOW);
        if times.is_empty() {
            all.remove(node);
            return None;
        }
        (times.len() >= MOST).then(|| times[0] + WINDOW)
    }

    /// Forgets a node that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        self.lock().retain(|node, _| (node.namespace.as_str(), node.name.as_str()) != (namespace, name));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeRef, VecDeque<Timestamp>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_opened_a_few_times_a_minute_at_most() {
        let (flaps, node) =
            (Flaps::default(), NodeRef { namespace: "s".into(), name: "n".into(), uid: "u".into() });
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..3 {
            assert_eq!(flaps.calm_at(&node, at(second)), None);
            flaps.note(&node, at(second));
        }
        assert_eq!(flaps.calm_at(&node, at(4)), Some(at(60)));
        assert_eq!(flaps.calm_at(&node, at(60)), None, "the first one is a minute ago");
    }
}
