//! Status writes that only say what is waited for are put off for a moment: most such waits are over by then, and the
//! status would be written several times a second.
//!
//! What was decided is kept meanwhile, and goes on from there. It is dropped as soon as the object is another version: then
//! everything is decided anew. A crash loses it, and costs a pass.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use seinode_api::{SeiNode, SeiNodeStatus};

/// For so long a write is put off.
const MOMENT: SignedDuration = SignedDuration::from_millis(250);

/// The writes that are put off, by node.
#[derive(Debug, Default)]
pub(crate) struct Postponed {
    writes: Mutex<BTreeMap<(String, String), Write>>,
}

#[derive(Debug)]
struct Write {
    /// The version of the object that it belongs to.
    version: Option<String>,
    uid: Option<String>,
    status: SeiNodeStatus,
    due: Timestamp,
}

impl Postponed {
    /// What was decided and is not written yet, if it still belongs to this version of the object.
    pub(crate) fn status(&self, object: &SeiNode) -> Option<SeiNodeStatus> {
        let mut writes = self.lock();
        let key = key(object);
        let write = writes.get(&key)?;
        if write.version == object.resource_version() && write.uid == object.uid() {
            return Some(write.status.clone());
        }
        writes.remove(&key);
        None
    }

    /// Puts a write off; `None` when it has been put off long enough.
    pub(crate) fn put_off(
        &self,
        object: &SeiNode,
        status: &SeiNodeStatus,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut writes = self.lock();
        let key = key(object);
        let due = writes.get(&key).map_or(now + MOMENT, |write| write.due);
        if now >= due {
            writes.remove(&key);
            return None;
        }
        let (version, uid) = (object.resource_version(), object.uid());
        writes.insert(key, Write { version, uid, status: status.clone(), due });
        Some(due)
    }

    /// The status was written, or will not be.
    pub(crate) fn done(&self, object: &SeiNode) {
        self.lock().remove(&key(object));
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        self.lock().remove(&(namespace.to_owned(), name.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Write>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(node: &SeiNode) -> (String, String) {
    (node.namespace().unwrap_or_default(), node.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(version: &str) -> SeiNode {
        let mut node = SeiNode::new("n0", Default::default());
        node.metadata.resource_version = Some(version.to_owned());
        node
    }

    #[test]
    fn a_write_is_put_off_once_and_what_was_decided_is_kept_meanwhile() {
        let postponed = Postponed::default();
        let now = Timestamp::UNIX_EPOCH;
        let status = SeiNodeStatus { mode: Some("archive".into()), ..SeiNodeStatus::default() };
        let due = postponed.put_off(&node("1"), &status, now).unwrap();
        assert_eq!(postponed.status(&node("1")), Some(status.clone()));
        let later = SeiNodeStatus { mode: Some("replayer".into()), ..status };
        assert_eq!(postponed.put_off(&node("1"), &later, now + MOMENT / 2), Some(due), "no longer than once");
        assert_eq!(postponed.status(&node("1")), Some(later.clone()));
        assert_eq!(postponed.put_off(&node("1"), &later, due), None, "now it is written");
        assert_eq!(postponed.status(&node("1")), None);
    }

    #[test]
    fn another_version_of_the_object_is_decided_anew() {
        let postponed = Postponed::default();
        postponed.put_off(&node("1"), &SeiNodeStatus::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(postponed.status(&node("2")), None);
        assert_eq!(postponed.status(&node("1")), None, "it is dropped");
    }
}
