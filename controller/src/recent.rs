//! What our last write of each SeiNode returned: the floor below which a cache is not believed.
//!
//! Without it a pass that follows a status write within milliseconds would read the status from before that
//! write, and do again what was done (architecture: our own writes are never judged by older state).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::ResourceExt;
use seinode_api::SeiNode;

/// The newest version of each SeiNode that a write of ours returned, until the watch has caught up.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    written: Mutex<BTreeMap<(String, String), Arc<SeiNode>>>,
}

impl Recent {
    /// Remembers what a write returned.
    pub(crate) fn note(&self, written: &Arc<SeiNode>) {
        self.lock().insert(key(written), Arc::clone(written));
    }

    /// The newer of what the cache has and what our last write returned.
    ///
    /// `cached` is called after our own version was taken: that is dropped only once the cache has it, so at
    /// least one of the two is never older than our last write.
    pub(crate) fn newest(
        &self,
        namespace: &str,
        name: &str,
        cached: impl FnOnce() -> Arc<SeiNode>,
    ) -> Arc<SeiNode> {
        let ours = self.lock().get(&(namespace.to_owned(), name.to_owned())).map(Arc::clone);
        let cached = cached();
        ours.filter(|ours| is_newer(ours, cached.as_ref())).unwrap_or(cached)
    }

    /// What our own writes returned of many nodes.
    pub(crate) fn all(&self) -> Vec<Arc<SeiNode>> {
        self.lock().values().map(Arc::clone).collect()
    }

    /// The cache has this version: an older one of ours is needed no more.
    pub(crate) fn caught_up<K: ResourceExt>(&self, cached: &K) {
        let key = (cached.namespace().unwrap_or_default(), cached.name_any());
        let mut written = self.lock();
        if written.get(&key).is_some_and(|ours| !is_newer(ours.as_ref(), cached)) {
            written.remove(&key);
        }
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        self.lock().remove(&(namespace.to_owned(), name.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Arc<SeiNode>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each cached node, or what our last write of it returned if that is newer.
pub(crate) fn overlay<'a>(
    cached: impl Iterator<Item = &'a SeiNode>,
    written: &'a [Arc<SeiNode>],
) -> Vec<&'a SeiNode> {
    let written: BTreeMap<_, _> = written.iter().map(|ours| (key(ours), ours.as_ref())).collect();
    cached
        .map(|cached| {
            let ours = written.get(&key(cached)).copied();
            ours.filter(|ours| is_newer(ours, cached)).unwrap_or(cached)
        })
        .collect()
}

fn key(node: &SeiNode) -> (String, String) {
    (node.namespace().unwrap_or_default(), node.name_any())
}

/// Whether `ours` is a later version of the same object. Versions of one object can be compared as numbers
/// (Kubernetes API concepts: resource versions); what is no number is taken as older.
fn is_newer<K: ResourceExt>(ours: &SeiNode, cached: &K) -> bool {
    ours.uid() == cached.uid() && version(ours) > version(cached)
}

fn version<K: ResourceExt>(object: &K) -> Option<u128> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(uid: &str, version: &str) -> Arc<SeiNode> {
        let mut node = SeiNode::new("n", seinode_api::SeiNodeSpec::default());
        node.metadata.uid = Some(uid.into());
        node.metadata.resource_version = Some(version.into());
        Arc::new(node)
    }

    #[track_caller]
    fn check(written: (&str, &str), cached: (&str, &str), expected: &str) {
        let recent = Recent::default();
        recent.note(&node(written.0, written.1));
        let newest = recent.newest("", "n", || node(cached.0, cached.1));
        assert_eq!(newest.resource_version().as_deref(), Some(expected));
    }

    #[test]
    fn the_newer_version_of_the_same_object_is_believed() {
        check(("a", "10"), ("a", "9"), "10");
        check(("a", "10"), ("a", "10"), "10");
        check(("a", "10"), ("a", "11"), "11");
        check(("a", "100"), ("a", "99"), "100");
    }

    #[test]
    fn a_namesake_with_another_uid_is_not_confused_with_what_was_written_before() {
        check(("old", "10"), ("new", "9"), "9");
    }

    #[test]
    fn a_cache_that_is_behind_does_not_make_it_forget() {
        let recent = Recent::default();
        recent.note(&node("a", "10"));
        recent.caught_up(node("a", "9").as_ref());
        assert_eq!(recent.lock().len(), 1);
        recent.caught_up(node("a", "10").as_ref());
        assert_eq!(recent.lock().len(), 0);
    }
}
