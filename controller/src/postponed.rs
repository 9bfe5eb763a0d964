//! Status writes that only say what is waited for are put off for a moment: most such waits are over by then, and the
//! status would be written several times a second.
//!
//! What was decided is kept meanwhile, and goes on from there. It is dropped as soon as the object is another version: then
//! everything is decided anew. A crash loses it, and costs a pass.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use seinode_api::{SeiNode, SeiNodeStatus};
use seinode_core::{
    ids::PlanId,
    plan::{Plan, PlanKind},
};

/// For so long the first wait of a plan is put off, and each further one longer than the one before by a factor, up to 8 s.
fn moment(plan: PlanKind, told: u32) -> SignedDuration {
    let (first, factor) = match plan {
        // A new node takes many steps, and people watch it.
        PlanKind::Init => (SignedDuration::from_millis(500), 2_i32),
        // A whole fleet may be rolled out at once.
        PlanKind::NodeUpdate | PlanKind::MarkReady | PlanKind::Resubmit => (SignedDuration::from_secs(1), 4),
    };
    (first * factor.pow(told.min(4))).min(LONGEST)
}

/// What a plan waits for is never told later than this.
const LONGEST: SignedDuration = SignedDuration::from_secs(8);

/// So far apart are the waits of different nodes written.
const APART: SignedDuration = SignedDuration::from_millis(100);

/// That a gate is open again is told this much later while many others are shut, and looked at again as seldom: passes of
/// those who give way cost time, too.
const GIVE_WAY: SignedDuration = SignedDuration::from_secs(3);

/// So many writes of one status within a minute that only tell of readiness are made at once.
const MOST: usize = 3;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The writes that are put off, by node.
#[derive(Debug, Default)]
pub(crate) struct Postponed {
    writes: Mutex<BTreeMap<(String, String), Write>>,
    /// When the last of them is due: a fleet that waits does not write all at once.
    last: Mutex<Option<Timestamp>>,
    /// How many waits of a plan were written.
    told: Mutex<BTreeMap<(String, String), (PlanId, u32)>>,
    /// When each status was written lately because readiness changed.
    lately: Mutex<BTreeMap<(String, String), VecDeque<Timestamp>>>,
}

#[derive(Debug)]
struct Write {
    /// The version of the object that it belongs to.
    version: Option<String>,
    uid: Option<String>,
    status: SeiNodeStatus,
    due: Timestamp,
}

impl Write {
    fn of(object: &SeiNode, status: &SeiNodeStatus, due: Timestamp) -> Self {
        Self { version: object.resource_version(), uid: object.uid(), status: status.clone(), due }
    }
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
        let plan = status.plan.as_ref().and_then(Plan::read);
        let kind = plan.as_ref().map_or(PlanKind::Init, |plan| plan.kind);
        let plan = plan.map(|plan| plan.id);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let count = told.get(&key).filter(|(id, _)| Some(*id) == plan).map_or(0, |(_, count)| *count);
        let due = match writes.get(&key) {
            Some(write) => write.due,
            None => self.place(now + moment(kind, count)),
        };
        if now >= due {
            writes.remove(&key);
            if let Some(plan) = plan {
                told.insert(key, (plan, count + 1));
            }
            return None;
        }
        writes.insert(key, Write::of(object, status, due));
        Some(due)
    }

    /// The next time from then on at which nobody else's wait is due.
    fn place(&self, due: Timestamp) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.map_or(due, |last| due.max(last + APART));
        *last = Some(due);
        due
    }

    /// Puts a write off that nobody waits for, because others have work to do; `None` when it has given way for long
    /// enough.
    pub(crate) fn give_way(
        &self,
        object: &SeiNode,
        status: &SeiNodeStatus,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut writes = self.lock();
        let key = key(object);
        let due = writes.get(&key).map_or(now + LONGEST, |write| write.due);
        if now >= due {
            return None;
        }
        writes.insert(key, Write::of(object, status, due));
        Some(due.min(now + GIVE_WAY))
    }

    /// Puts a write off because so many were made within a minute: something flaps.
    pub(crate) fn calm_down(
        &self,
        object: &SeiNode,
        status: &SeiNodeStatus,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let key = key(object);
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let times = lately.get_mut(&key)?;
        times.retain(|time| now.duration_since(*time) < MINUTE);
        if times.len() < MOST {
            return None;
        }
        let due = times[0] + MINUTE;
        self.lock().insert(key, Write::of(object, status, due));
        Some(due)
    }

    /// The status was written because readiness changed.
    pub(crate) fn flapped(&self, object: &SeiNode, now: Timestamp) {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let times = lately.entry(key(object)).or_default();
        times.push_back(now);
        while times.len() > MOST {
            times.pop_front();
        }
    }

    /// The status was written, or will not be.
    pub(crate) fn done(&self, object: &SeiNode) {
        self.lock().remove(&key(object));
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.lately.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.lock().remove(&key);
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
        assert_eq!(
            postponed.put_off(&node("1"), &later, now + moment(PlanKind::Init, 0) / 2),
            Some(due),
            "no longer than once"
        );
        assert_eq!(postponed.status(&node("1")), Some(later.clone()));
        assert_eq!(postponed.put_off(&node("1"), &later, due), None, "now it is written");
        assert_eq!(postponed.status(&node("1")), None);
    }

    #[test]
    fn a_write_gives_way_again_and_again_but_not_for_ever() {
        let (postponed, status) = (Postponed::default(), SeiNodeStatus::default());
        let give_way =
            |millis| postponed.give_way(&node("1"), &status, Timestamp::from_millisecond(millis).unwrap());
        assert_eq!(give_way(0), Timestamp::from_second(3).ok());
        assert_eq!(give_way(3_000), Timestamp::from_second(6).ok());
        assert_eq!(give_way(6_000), Timestamp::from_second(8).ok());
        assert_eq!(give_way(8_000), None);
    }

    #[test]
    fn a_status_that_is_written_again_and_again_calms_down() {
        let postponed = Postponed::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let status = SeiNodeStatus::default();
        for second in 0..3 {
            assert_eq!(postponed.calm_down(&node("1"), &status, at(second)), None);
            postponed.flapped(&node("1"), at(second));
        }
        assert_eq!(postponed.calm_down(&node("1"), &status, at(9)), Some(at(60)));
        assert_eq!(postponed.calm_down(&node("1"), &status, at(60)), None);
    }

    #[test]
    fn another_version_of_the_object_is_decided_anew() {
        let postponed = Postponed::default();
        postponed.put_off(&node("1"), &SeiNodeStatus::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(postponed.status(&node("2")), None);
        assert_eq!(postponed.status(&node("1")), None, "it is dropped");
    }
}
