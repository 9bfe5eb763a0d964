//! The end of a reconcile: its last status write, and when the next one begins.

use std::time::Duration;

use jiff::Timestamp;
use seinode_api::status::Phase;

use super::{
    Env, Reconcile, Request, Then,
    status_throttle::{Write, defer},
};
use crate::{
    decision::Rest,
    failure::{Class, Failure},
    intent::Activity,
    memory::{Incarnation, Probing, probe},
    node::{Deletion, NodeRef},
    rate::Now,
    task::Until,
};

/// The end of a reconcile.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// Time of the node's next reconcile.
    pub wake: Wake,
    /// Failure, for the log and the metrics: status may not tell it.
    pub failure: Option<Failure>,
    /// Task of the prober.
    pub probing: Probing,
    /// Other nodes to reconcile now: a rollout slot is free.
    pub others: Vec<NodeRef>,
}

/// Time of a node's next reconcile. It cannot lie in the past: a pause is made from a time that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The next change of something that is watched.
    OnChange,
    /// After this pause, or when something changes.
    After(Duration),
}

impl Wake {
    /// After a pause; at least a millisecond.
    #[must_use]
    pub fn after(pause: Duration) -> Self {
        Self::After(pause.max(Duration::from_millis(1)))
    }

    /// The pause until a time that is still to come; `None` when it is past.
    fn until(at: Timestamp, now: Now) -> Option<Duration> {
        Duration::try_from(at.duration_since(now.wall)).ok().filter(|pause| !pause.is_zero())
    }
}

impl Reconcile {
    /// Ends the reconcile: what is known is stored, also when something failed.
    pub(super) fn rest(&mut self, env: &mut Env<'_>, rest: Rest) -> Request {
        if self.is_stored() {
            return self.finish(env, &rest);
        }
        let now = env.now.monotonic;
        let (burst, deferred_writes) = (env.memory.is_burst(now), env.memory.deferred_writes());
        let memory = env.memory.node(&self.subject.node);
        let write = Write {
            object: &self.object,
            next: &self.status,
            rest: &rest,
            // Somebody else was first: what was to be done is decided anew in a moment, and is no news.
            overtaken: self.seen.failed_request.as_ref().is_some_and(|it| it.class == Class::Conflict),
            burst,
            flapping: memory.flaps.is_flapping(now),
            deferred_writes,
        };
        match defer(&mut memory.status_writes, &write, now) {
            Some(look) => {
                let wake = self.wake(env, rest.until);
                let sooner = match wake {
                    Wake::OnChange => Wake::after(look),
                    Wake::After(pause) => Wake::after(pause.min(look)),
                };
                self.done(env, sooner, None)
            }
            None => {
                self.then = Then::Rest(rest);
                self.store(env)
            }
        }
    }

    /// Everything is stored.
    pub(super) fn finish(&mut self, env: &mut Env<'_>, rest: &Rest) -> Request {
        env.memory.node(&self.subject.node).status_writes.done();
        let wake = self.wake(env, rest.until);
        self.done(env, wake, None)
    }

    /// The status could not be stored: only the log and the metrics can tell.
    pub(super) fn fail(&mut self, env: &mut Env<'_>, failure: Failure) -> Request {
        let wake = self.wake(env, Until::Retry(failure.class));
        self.done(env, wake, Some(failure))
    }

    /// The SeiNode is gone: there is nobody to report to.
    pub(super) fn gone(&mut self, env: &mut Env<'_>) -> Request {
        self.done(env, Wake::OnChange, None)
    }

    fn wake(&self, env: &mut Env<'_>, until: Until) -> Wake {
        let now = env.now;
        // A repair that failed is tried again by its own pauses.
        let until = match (&self.seen.failed_repair, until) {
            (Some(failure), Until::Event) => Until::Retry(failure.class),
            (_, until) => until,
        };
        let node = &self.subject.node;
        let memory = env.memory.node(node);
        let retry = |memory: &mut crate::memory::NodeMemory, class| {
            Wake::after(memory.retries.pause(node, class, now.monotonic))
        };
        let judgement = self.seen.next_judgement().and_then(|at| Wake::until(at, now));
        match until {
            Until::Retry(class) => retry(memory, class),
            Until::At(at) => match Wake::until(at, now) {
                Some(pause) => {
                    memory.retries.reset();
                    Wake::after(judgement.map_or(pause, |judgement| judgement.min(pause)))
                }
                // A time that is past would come again at once, and for ever.
                None => retry(memory, Class::Transient),
            },
            Until::Event => {
                memory.retries.reset();
                // A child that was written and is not seen yet may have been deleted before anybody saw it.
                let believed = memory.own_writes.believed_until().map(|until| until.since(now.monotonic));
                let pod = self.seen.host().map(|pod| pod.uid.as_str());
                let asks_again = pod.and_then(|pod| memory.node_id.retry(pod, now.monotonic));
                believed
                    .into_iter()
                    .chain(judgement)
                    .chain(asks_again)
                    .min()
                    .map_or(Wake::OnChange, Wake::after)
            }
        }
    }

    fn done(&mut self, env: &mut Env<'_>, wake: Wake, failure: Option<Failure>) -> Request {
        let node = &self.subject.node;
        let others = env.memory.slots.reconciled(node, self.counts());
        let probing = probe(&mut env.memory.node(node).sidecar, self.probed());
        let failed = [&self.seen.failed_request, &self.seen.failed_repair];
        let failure = failure.or_else(|| failed.into_iter().flatten().next().cloned());
        Request::Done(Done { wake, failure, probing, others })
    }

    /// The sidecar that is probed from now on: that of a node that runs.
    fn probed(&self) -> Option<Incarnation> {
        let runs = self.status.phase == Some(Phase::Running) && self.subject.deletion == Deletion::Absent;
        let active = self.subject.readable().is_some_and(|intent| intent.activity == Activity::Runs);
        let pod = self.seen.pod().filter(|pod| runs && active && pod.ip.is_some())?;
        Some(Incarnation::of(pod))
    }
}
