//! What our own writes of children returned, until the watches have caught up: a child that was just made is not missing,
//! and one that was just changed is not judged by how it was before.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use seinode_core::{
    effect::Outcome,
    node::NodeRef,
    observation::{ServiceView, Pod, Deletion, StatefulSetView},
};

/// A watch is not further behind than this. Afterwards it is believed: somebody may have deleted what we made.
const BEHIND: SignedDuration = SignedDuration::from_secs(5);

/// The newest version of each child that a write of ours returned.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    written: Mutex<BTreeMap<NodeRef, Children>>,
}

#[derive(Debug, Default)]
struct Children {
    /// UID of the pod that was deleted last.
    deleted: Option<(Timestamp, String)>,
    stateful_set: Option<(Timestamp, StatefulSetView)>,
    service: Option<(Timestamp, ServiceView)>,
}

impl Fresh {
    /// Remembers what a write returned.
    pub(crate) fn note(&self, node: &NodeRef, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::StatefulSet(set) => {
                self.lock().entry(node.clone()).or_default().stateful_set = Some((now, set.clone()));
            }
            Outcome::Service(service) => {
                self.lock().entry(node.clone()).or_default().service = Some((now, service.clone()));
            }
            _ => {}
        }
    }

    /// Whether the watches have not brought all that was written yet, and when they are believed all the same.
    pub(crate) fn ahead_until(&self, node: &NodeRef) -> Option<Timestamp> {
        let all = self.lock();
        let written = all.get(node)?;
        let set = written.stateful_set.as_ref().map(|(at, _)| *at + BEHIND);
        let service = written.service.as_ref().map(|(at, _)| *at + BEHIND);
        set.into_iter().chain(service).max()
    }

    /// Remembers that a pod was deleted.
    pub(crate) fn deleted(&self, node: &NodeRef, uid: &str, now: Timestamp) {
        self.lock().entry(node.clone()).or_default().deleted = Some((now, uid.to_owned()));
    }

    /// The pods, of which one that we deleted goes, whatever the cache says.
    pub(crate) fn pods(&self, node: &NodeRef, pods: &mut [Pod], now: Timestamp) {
        let all = self.lock();
        let Some((at, uid)) = all.get(node).and_then(|written| written.deleted.as_ref()) else { return };
        if now.duration_since(*at) < BEHIND {
            pods.iter_mut().filter(|pod| pod.uid == *uid).for_each(|pod| pod.deletion = Deletion::Requested);
        }
    }

    /// The newer of what the cache has and what our last write returned.
    pub(crate) fn workload(
        &self,
        node: &NodeRef,
        cached: Option<StatefulSetView>,
        now: Timestamp,
    ) -> Option<StatefulSetView> {
        let mut all = self.lock();
        let Some(written) = all.get_mut(node) else { return cached };
        newest(&mut written.stateful_set, cached, now, |set| (&set.uid, &set.version))
    }

    /// The same of the Service.
    pub(crate) fn service(
        &self,
        node: &NodeRef,
        cached: Option<ServiceView>,
        now: Timestamp,
    ) -> Option<ServiceView> {
        let mut all = self.lock();
        let Some(written) = all.get_mut(node) else { return cached };
        newest(&mut written.service, cached, now, |service| (&service.uid, &service.version))
    }

    /// Forgets a node that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        self.lock().retain(|node, _| (node.namespace.as_str(), node.name.as_str()) != (namespace, name));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeRef, Children>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions of one object can be compared as numbers (Kubernetes API concepts: resource versions).
fn newest<T: Clone>(
    ours: &mut Option<(Timestamp, T)>,
    cached: Option<T>,
    now: Timestamp,
    identity: fn(&T) -> (&String, &String),
) -> Option<T> {
    let Some((at, written)) = ours.as_ref() else { return cached };
    let is_behind = cached.as_ref().is_none_or(|cached| {
        let (theirs, mine) = (identity(cached), identity(written));
        let number = |version: &str| version.parse::<u128>().ok();
        theirs.0 != mine.0 || number(theirs.1) < number(mine.1)
    });
    if is_behind && now.duration_since(*at) < BEHIND {
        return Some(written.clone());
    }
    *ours = None;
    cached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What is believed of a child after we wrote it at second 0: name and version of it, and of the cached one.
    fn believed(cached: Option<(&str, &str)>, second: i64) -> Option<(String, String)> {
        let own = |(uid, version): (&str, &str)| (uid.to_owned(), version.to_owned());
        let mut ours = Some((at(0), own(("set", "10"))));
        newest(&mut ours, cached.map(own), at(second), |it| (&it.0, &it.1))
    }

    #[test]
    fn what_we_wrote_is_believed_until_the_watch_has_it() {
        let ours = Some(("set".to_owned(), "10".to_owned()));
        assert_eq!(believed(None, 1), ours, "it was just made");
        assert_eq!(believed(Some(("set", "9")), 1), ours, "the watch is behind, by number and not by text");
        assert_eq!(believed(Some(("old", "99")), 1), ours, "its predecessor is what the watch still has");
        assert_eq!(believed(Some(("set", "11")), 1).unwrap().1, "11");
    }

    #[test]
    fn afterwards_the_watch_is_believed() {
        assert_eq!(believed(None, 5), None, "somebody deleted it before the watch saw it");
        assert_eq!(believed(Some(("new", "3")), 5).unwrap().0, "new");
    }
}
