//! What was last found in the Secrets of each node that signs. Findings only: no key is ever kept.
//!
//! In memory, so a restarted operator reads each Secret once, and then as seldom as before.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use seinode_core::{node::NodeRef, observation::KeyCheck};

/// What was last found, by node.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    found: Mutex<BTreeMap<NodeRef, KeyCheck>>,
}

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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeRef, KeyCheck>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
