//! Read your writes: the floor below which a cache is not believed.
//!
//! Without it, a reconcile that follows a write within milliseconds would read the world from before that write, and do again
//! what was done.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use seinode_api::SeiNode;

use crate::{
    effect::Outcome,
    node::Deletion,
    observation::{Pod, ServiceView, StatefulSetView},
    rate::Monotonic,
};

/// No watch is further behind than this. Afterwards it is believed: somebody may have deleted what we made.
const BEHIND: Duration = Duration::from_secs(5);

/// Objects that our last writes of a node and its children returned, until the watches have caught up.
#[derive(Clone, Debug, Default)]
pub struct OwnWrites {
    sei_node: Option<Arc<SeiNode>>,
    stateful_set: Option<(Monotonic, StatefulSetView)>,
    service: Option<(Monotonic, ServiceView)>,
    /// UID of the pod that was deleted last.
    deleted_pod: Option<(Monotonic, String)>,
}

impl OwnWrites {
    /// Records the SeiNode that a write returned.
    pub fn stored(&mut self, written: Arc<SeiNode>) {
        self.sei_node = Some(written);
    }

    /// Our version of the SeiNode, if it is newer than the cached one.
    pub(super) fn newer_than(&self, cached: &SeiNode) -> Option<&Arc<SeiNode>> {
        self.sei_node.as_ref().filter(|ours| is_newer(ours.as_ref(), cached))
    }

    pub(super) fn caught_up<K: ResourceExt>(&mut self, cached: &K) {
        if self.sei_node.as_ref().is_some_and(|ours| !is_newer(ours.as_ref(), cached)) {
            self.sei_node = None;
        }
    }

    /// Records the outcome of an effect on a child.
    pub fn performed(&mut self, outcome: &Outcome, now: Monotonic) {
        match outcome {
            Outcome::StatefulSetApplied(sts, _)
            | Outcome::StatefulSetHandedOver(sts)
            | Outcome::Scaled(sts)
            | Outcome::VolumeInUse(sts) => {
                self.stateful_set = Some((now, sts.clone()));
            }
            Outcome::ServiceApplied(service, _)
            | Outcome::ServiceHandedOver(service)
            | Outcome::BootstrapServiceApplied(service) => {
                self.service = Some((now, service.clone()));
            }
            Outcome::PodDeleted(uid) => self.deleted_pod = Some((now, uid.clone())),
            Outcome::FinalizerRemoved(stored) => self.sei_node = stored.clone().or(self.sei_node.take()),
            Outcome::Volume(_)
            | Outcome::Job(_)
            | Outcome::JobDeleted
            | Outcome::ServiceDeleted
            | Outcome::Submitted(_)
            | Outcome::TaskDropped(..)
            | Outcome::Rejected(_)
            | Outcome::Unreachable(..)
            | Outcome::Failed(_) => {}
        }
    }

    /// The newer of the cached StatefulSet and the one that our last write returned.
    pub fn stateful_set(
        &mut self,
        cached: Option<StatefulSetView>,
        now: Monotonic,
    ) -> Option<StatefulSetView> {
        newest(&mut self.stateful_set, cached, now, |sts| (&sts.uid, &sts.version))
    }

    /// The newer of the cached Service and the one that our last write returned.
    pub fn service(&mut self, cached: Option<ServiceView>, now: Monotonic) -> Option<ServiceView> {
        newest(&mut self.service, cached, now, |service| (&service.uid, &service.version))
    }

    /// Marks the pod that we deleted as being deleted, whatever the cache shows.
    pub fn pods(&self, pods: &mut [Pod], now: Monotonic) {
        let Some((at, uid)) = &self.deleted_pod else { return };
        if now.since(*at) < BEHIND {
            pods.iter_mut().filter(|pod| pod.uid == *uid).for_each(|pod| pod.deletion = Deletion::Requested);
        }
    }

    /// The time at which the watches are believed again although they have not brought all that was written: a child that
    /// was made may have been deleted before anybody saw it.
    #[must_use]
    pub fn believed_until(&self) -> Option<Monotonic> {
        let sts = self.stateful_set.as_ref().map(|(at, _)| at.after(BEHIND));
        let service = self.service.as_ref().map(|(at, _)| at.after(BEHIND));
        sts.into_iter().chain(service).max()
    }
}

/// True if `ours` is a later version of the same object. Resource versions of one object can be compared as numbers
/// (KEP-5504); what is not a number is taken as older.
fn is_newer<K: ResourceExt>(ours: &SeiNode, cached: &K) -> bool {
    ours.uid() == cached.uid() && number(ours.resource_version()) > number(cached.resource_version())
}

fn number(version: Option<String>) -> Option<u128> {
    version?.parse().ok()
}

fn newest<T: Clone>(
    ours: &mut Option<(Monotonic, T)>,
    cached: Option<T>,
    now: Monotonic,
    identity: fn(&T) -> (&String, &String),
) -> Option<T> {
    let Some((at, written)) = ours.as_ref() else { return cached };
    let is_behind = cached.as_ref().is_none_or(|cached| {
        let (theirs, mine) = (identity(cached), identity(written));
        let number = |version: &str| version.parse::<u128>().ok();
        theirs.0 != mine.0 || number(theirs.1) < number(mine.1)
    });
    if is_behind && now.since(*at) < BEHIND {
        return Some(written.clone());
    }
    *ours = None;
    cached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic(Duration::from_secs(second))
    }

    /// The version that is believed of a child after we wrote it at second 0: UID and version, cached and believed.
    fn believed(cached: Option<(&str, &str)>, second: u64) -> Option<(String, String)> {
        let own = |(uid, version): (&str, &str)| (uid.to_owned(), version.to_owned());
        let mut ours = Some((at(0), own(("sts", "10"))));
        newest(&mut ours, cached.map(own), at(second), |it| (&it.0, &it.1))
    }

    #[test]
    fn own_writes_are_believed_until_the_watch_has_them() {
        let ours = Some(("sts".to_owned(), "10".to_owned()));
        assert_eq!(believed(None, 1), ours, "it was just made");
        assert_eq!(believed(Some(("sts", "9")), 1), ours, "the watch is behind, by number and not by text");
        assert_eq!(believed(Some(("old", "99")), 1), ours, "the watch still has the predecessor");
        assert_eq!(believed(Some(("sts", "11")), 1).unwrap().1, "11");
    }

    #[test]
    fn after_five_seconds_the_watch_is_believed() {
        assert_eq!(believed(None, 5), None, "somebody deleted it before the watch saw it");
        assert_eq!(believed(Some(("new", "3")), 5).unwrap().0, "new");
    }

    fn node(uid: &str, version: &str) -> Arc<SeiNode> {
        let mut node = SeiNode::new("n", seinode_api::SeiNodeSpec::default());
        node.metadata.uid = Some(uid.into());
        node.metadata.resource_version = Some(version.into());
        Arc::new(node)
    }

    #[track_caller]
    fn check(written: (&str, &str), cached: (&str, &str), expected: bool) {
        let mut writes = OwnWrites::default();
        writes.stored(node(written.0, written.1));
        assert_eq!(writes.newer_than(&node(cached.0, cached.1)).is_some(), expected);
    }

    #[test]
    fn the_newer_version_of_the_same_sei_node_is_believed() {
        check(("a", "10"), ("a", "9"), true);
        check(("a", "10"), ("a", "10"), false);
        check(("a", "10"), ("a", "11"), false);
        check(("a", "100"), ("a", "99"), true);
        check(("old", "10"), ("new", "9"), false);
    }

    #[test]
    fn a_cache_that_is_behind_does_not_make_it_forget() {
        let mut writes = OwnWrites::default();
        writes.stored(node("a", "10"));
        writes.caught_up(node("a", "9").as_ref());
        assert!(writes.sei_node.is_some());
        writes.caught_up(node("a", "10").as_ref());
        assert!(writes.sei_node.is_none());
    }
}
