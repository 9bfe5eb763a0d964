//! Progress of what takes hours: the last time that a sidecar said it is at work, and the bootstraps whose pod runs.
//!
//! In memory only. After a restart a node that restores is known again with the first answer, within seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use kube::ResourceExt;
use parking_lot::{Mutex, MutexGuard};
use seinode_api::names;
use seinode_core::task_type::TaskType;

use crate::cache::Fleet;

/// A sidecar at work is asked every 5 s at least; one that was not heard of for so long is not at work.
const HEARD: Duration = Duration::from_secs(30);

/// Namespace and name of a node.
type Name = (String, String);

/// Times at which sidecars last said that they are at work. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Work(Arc<Mutex<BTreeMap<Name, Instant>>>);

/// Work that progresses at the moment of a scrape.
pub(super) struct AtWork {
    sidecars: BTreeSet<Name>,
    bootstraps: BTreeSet<Name>,
}

impl Work {
    /// The sidecar of a node says that it is at work.
    pub(super) fn heard(&self, namespace: &str, name: &str) {
        self.lock().insert((namespace.to_owned(), name.to_owned()), Instant::now());
    }

    /// A node is gone.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.lock().remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Work that progresses now.
    pub(super) fn now(&self, fleet: &Fleet) -> AtWork {
        let heard = self.lock();
        let lately = heard.iter().filter(|(_, since)| since.elapsed() < HEARD);
        AtWork { sidecars: lately.map(|(name, _)| name.clone()).collect(), bootstraps: bootstraps(fleet) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Instant>> {
        self.0.lock()
    }
}

impl AtWork {
    /// Progress of a task that takes hours: true if it does progress; `None` for one that does not take long.
    pub(super) fn on(&self, task: TaskType, namespace: &str, name: &str) -> Option<bool> {
        let node = (namespace.to_owned(), name.to_owned());
        match task {
            TaskType::SnapshotRestore => Some(self.sidecars.contains(&node)),
            TaskType::AwaitBootstrapComplete => Some(self.bootstraps.contains(&node)),
            _ => None,
        }
    }
}

/// The nodes whose bootstrap has a pod that runs. A container of it that ends ends the pod: it is never started again.
fn bootstraps(fleet: &Fleet) -> BTreeSet<Name> {
    let mut nodes = BTreeSet::new();
    for pod in fleet.pods() {
        let labels = pod.labels();
        let component = labels.get(names::COMPONENT_LABEL).map(String::as_str);
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if component == Some(names::BOOTSTRAP_COMPONENT)
            && phase == Some("Running")
            && let Some(node) = labels.get(names::NODE_LABEL)
        {
            nodes.insert((pod.namespace().unwrap_or_default(), node.clone()));
        }
    }
    nodes
}
