//! Status writes that only say what is waited for are put off for a moment (`controller/src/postponed.rs`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use seinode_api::SeiNodeStatus;
use seinode_core::{
    decision::Rest,
    failure::Class,
    plan::{Plan, PlanPhase},
    task::Until,
};

use crate::objects::{Key, Object};

/// For so long a write is put off.
const MOMENT: SignedDuration = SignedDuration::from_millis(250);

/// The writes that are put off, by node.
#[derive(Clone, Debug, Default)]
pub struct Postponed(BTreeMap<Key, Write>);

#[derive(Clone, Debug)]
struct Write {
    version: Option<String>,
    status: SeiNodeStatus,
    due: Timestamp,
}

impl Postponed {
    /// What was decided and is not written yet, if it still belongs to this version of the object.
    pub fn status(&mut self, object: &Object) -> Option<SeiNodeStatus> {
        let key = object.key();
        let write = self.0.get(&key)?;
        if write.version == object.meta().resource_version {
            return Some(write.status.clone());
        }
        self.0.remove(&key);
        None
    }

    /// Puts a write off; `None` when it has been put off long enough.
    pub fn put_off(&mut self, object: &Object, status: &SeiNodeStatus, now: Timestamp) -> Option<Timestamp> {
        let key = object.key();
        let due = self.0.get(&key).map_or(now + MOMENT, |write| write.due);
        if now >= due {
            self.0.remove(&key);
            return None;
        }
        let version = object.meta().resource_version.clone();
        self.0.insert(key, Write { version, status: status.clone(), due });
        Some(due)
    }

    /// The status was written, will not be, or the object is gone.
    pub fn done(&mut self, node: &Key) {
        self.0.remove(node);
    }
}

/// Whether a status has nothing new but how far a plan has come and what it waits for.
pub fn only_waits(stored: &SeiNodeStatus, status: &SeiNodeStatus, rest: &Rest) -> bool {
    let goes_on = |status: &SeiNodeStatus| {
        let plan = status.plan.as_ref().and_then(Plan::read);
        let plan = plan.filter(|plan| plan.phase == PlanPhase::Active)?;
        let attempts = plan.tasks.into_iter().map(|task| (task.id, task.error));
        Some((plan.id, attempts.collect::<Vec<_>>()))
    };
    let patient = !matches!(rest.until, Until::Retry(Class::User | Class::Denied | Class::Invariant));
    stored != status
        && patient
        && stored.phase == status.phase
        && stored.claims == status.claims
        && stored.observed_generation == status.observed_generation
        && goes_on(stored).is_some()
        && goes_on(stored) == goes_on(status)
}
