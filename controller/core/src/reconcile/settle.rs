//! Settling: what was decided is stored, or the SeiNode is read live, before anything is done on its strength.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::SeiNodeStatus;

use super::{Env, Reconcile, Request, Stored, Then, status_throttle};
use crate::{
    effect::Outcome,
    events,
    failure::{Class, Failure},
    fast_mark_ready,
};

impl Reconcile {
    pub(super) fn is_stored(&self) -> bool {
        match &self.object.status {
            Some(stored) => *stored == self.status,
            None => self.status == SeiNodeStatus::default(),
        }
    }

    /// True if the plan that opens the gate is the only news: then a live read may stand for its write.
    pub(super) fn is_only_begun(&self) -> bool {
        let stored = self.object.status.clone().unwrap_or_default();
        fast_mark_ready::only_begins(&stored, &self.status)
    }

    /// Makes sure of what was decided before it is acted upon: stores it, or reads live that the SeiNode is unchanged.
    pub(super) fn settle(&mut self, env: &mut Env<'_>) -> Request {
        let now = env.now.monotonic;
        let hurries = env.memory.is_burst(now) || env.memory.node(&self.subject.node).flaps.is_flapping(now);
        self.then = Then::Settle;
        // What was read live before a write is not live after it.
        self.seen.live_pod = None;
        match hurries && self.is_only_begun() {
            true => Request::Confirm,
            false => self.store(env),
        }
    }

    pub(super) fn store(&mut self, env: &mut Env<'_>) -> Request {
        env.memory.node(&self.subject.node).status_writes.done();
        Request::Store(Box::new(self.status.clone()))
    }

    pub(super) fn confirmed(
        &mut self,
        env: &mut Env<'_>,
        live: Result<Option<ObjectMeta>, Failure>,
        then: Then,
    ) -> Request {
        let name = &self.subject.node.name;
        let conflict = |message| Failure { class: Class::Conflict, message };
        match then {
            Then::Create(effect) => {
                let wanted = live.and_then(|live| match live.is_some_and(|live| self.is_wanted(&live)) {
                    true => Ok(()),
                    false => Err(conflict(format!(
                        "SeiNode {name} is gone, is being deleted, or has another spec now"
                    ))),
                });
                match wanted {
                    Ok(()) => self.send(env, effect),
                    Err(failure) => self.performed(env, Outcome::Failed(failure)),
                }
            }
            Then::Settle => {
                let version = self.object.metadata.resource_version.clone();
                let unchanged =
                    live.and_then(|live| match live.is_some_and(|live| live.resource_version == version) {
                        true => Ok(()),
                        false => Err(conflict(format!("SeiNode {name} was changed since it was read"))),
                    });
                match unchanged {
                    Ok(()) => {
                        self.confirmed = true;
                        self.decide(env)
                    }
                    Err(failure) => self.fail(env, failure),
                }
            }
            Then::Decide | Then::Rest(_) => self.decide(env),
        }
    }

    pub(super) fn is_wanted(&self, live: &ObjectMeta) -> bool {
        live.uid.as_ref() == Some(&self.subject.node.uid)
            && live.deletion_timestamp.is_none()
            && live.generation == Some(self.subject.generation)
    }

    pub(super) fn stored(&mut self, env: &mut Env<'_>, stored: Stored, then: Then) -> Request {
        let object = match stored {
            Stored::Written(object) => object,
            Stored::Gone => return self.gone(env),
            Stored::Failed(failure) => return self.fail(env, failure),
        };
        let before = self.object.status.clone().unwrap_or_default();
        let kept = object.status.as_ref().is_some_and(|kept| keeps(kept, &self.status));
        env.memory.node(&self.subject.node).own_writes.stored(Arc::clone(&object));
        self.object = object;
        if !kept {
            return self.fail(env, definition_outdated());
        }
        let now = env.now.monotonic;
        let writes = &mut env.memory.node(&self.subject.node).status_writes;
        status_throttle::written(writes, &before, &self.status, now);
        self.events.extend(events::between(&before, &self.status));
        match then {
            Then::Rest(rest) => self.finish(env, &rest),
            Then::Settle | Then::Decide | Then::Create(_) => self.decide(env),
        }
    }
}

/// True if the API server kept all that a later reconcile builds on. It prunes what its CRD does not know, and a plan
/// or a claim that is not kept would be made anew by every reconcile.
fn keeps(kept: &SeiNodeStatus, written: &SeiNodeStatus) -> bool {
    let memory = |status: &SeiNodeStatus| {
        let work = (status.plan.clone(), status.claims.clone(), status.bootstrap.clone());
        let known = (status.background.clone(), status.baseline.clone(), status.children.clone());
        let hands = (status.scaled_by_hand.clone(), status.repairs.clone(), status.adopted.clone());
        let hands = (hands, status.slot.clone(), status.restart.clone());
        (work, known, status.configured.clone(), hands)
    };
    memory(kept) == memory(written)
}

fn definition_outdated() -> Failure {
    let message = "the installed CRD seinodes.sei.io is older than this operator and drops parts of its status: \
                   run `seinode-operator crds | kubectl apply --server-side --force-conflicts -f -`";
    Failure { class: Class::User, message: message.into() }
}
