//! What was last found in the Secrets of each node that signs, and of pods without a node. Findings only: no key is ever
//! kept.
//!
//! In memory, so a restarted operator reads each Secret once, and then as seldom as before.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use seinode_core::{
    exclusive::{Stray, StrayKey},
    node::NodeRef,
    observation::KeyCheck,
};

/// What was last found, by node.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    found: Mutex<BTreeMap<NodeRef, KeyCheck>>,
    strays: Mutex<BTreeMap<StrayName, (Timestamp, StrayKey)>>,
}

/// Kind, namespace, name.
type StrayName = (&'static str, String, String);

/// For how long a stray pod's key is taken to be what was found: it cannot change, but its Secret may become readable.
const STRAY_SECONDS: i64 = 60;

impl Keyring {
    /// What was last found of this very node.
    pub(crate) fn of(&self, node: &NodeRef) -> Option<KeyCheck> {
        self.lock().get(node).cloned()
    }

    /// Remembers what was found.
    pub(crate) fn note(&self, node: &NodeRef, check: &KeyCheck) {
        self.lock().insert(node.clone(), check.clone());
    }

    /// Forgets a node that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        self.lock().retain(|node, _| (node.namespace.as_str(), node.name.as_str()) != (namespace, name));
    }

    /// Fills in what was found of these pods a short while ago.
    pub(crate) fn recognise(&self, strays: &mut [Stray], now: Timestamp) {
        let known = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        for stray in strays {
            if let Some((at, found)) = known.get(&name_of(stray))
                && now.duration_since(*at).as_secs() < STRAY_SECONDS
            {
                stray.key = *found;
            }
        }
    }

    /// Remembers what was found of all stray pods there are.
    pub(crate) fn note_strays(&self, strays: &[Stray], now: Timestamp) {
        let found = strays.iter().map(|stray| (name_of(stray), (now, stray.key)));
        *self.strays.lock().unwrap_or_else(PoisonError::into_inner) = found.collect();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeRef, KeyCheck>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(stray: &Stray) -> StrayName {
    (stray.kind, stray.namespace.clone(), stray.name.clone())
}
