//! One pass over one node, as a machine that takes one act at a time (`controller/src/pass.rs`).

use std::rc::Rc;

use jiff::Timestamp;
use seinode_api::{SeiNodeStatus, status::Phase};
use seinode_core::{
    fold::{fold_outcome, fold_fetched},
    query::Query,
    decide::decide,
    decision::{Act, Decision, Rest},
    effect::{Effect, Outcome},
    fetched::Fetched,
    failure::Class,
    fast_mark_ready,
    intent::Activity,
    node::Deletion,
    observation::Observation,
    subject::Subject,
    task::Until,
};

use super::{Fault, Operator, ask::ask, is_rolling, perform, postponed::only_waits};
use crate::{
    invariants::{self, Touch},
    objects::{Key, Object},
    world::World,
};

/// More steps than any plan has.
const MAX_STEPS: u32 = 100;

/// The state of a pass.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The object as it is stored.
    object: Rc<Object>,
    subject: Subject,
    /// The status as it should be.
    status: SeiNodeStatus,
    seen: Observation,
    steps: u32,
    /// Whether the node was being rolled out when it began.
    had_a_slot: bool,
}

/// How a pass goes on.
enum Next {
    Again(Box<Pass>),
    Over(Until),
    /// The SeiNode is gone.
    Nobody,
    /// The process died.
    Dead,
}

/// An operator goes on with its pass over a node, or begins one.
pub fn step(world: &mut World, index: usize, node: &Key) {
    let now = world.now;
    let operator = &mut world.operators[index];
    operator.turn += 1;
    operator.turns.insert(node.clone(), operator.turn);
    let pass = match operator.passes.remove(node) {
        Some(pass) => pass,
        None => match begin(world, index, node) {
            Some(pass) => pass,
            None => return,
        },
    };
    let had = pass.had_a_slot;
    let next = pass.go_on(world, index, node);
    let World { api, operators, .. } = world;
    let operator = &mut operators[index];
    match next {
        Next::Again(pass) => {
            operator.passes.insert(node.clone(), *pass);
            return;
        }
        Next::Over(until) => operator.rest(node, until, now),
        Next::Nobody => {}
        Next::Dead => return operator.crash(api, now),
    }
    let has = operator.newest(node).and_then(|object| object.node()).is_some_and(is_rolling);
    operator.slots.pass_ended(node, had, has).iter().for_each(|node| operator.wake(node, now));
}

fn begin(world: &mut World, index: usize, node: &Key) -> Option<Pass> {
    let operator = &mut world.operators[index];
    operator.due.remove(node);
    let object = Rc::clone(operator.newest(node)?);
    let sei_node = object.node()?;
    let subject = Subject::of(sei_node);
    let stored = sei_node.status.clone().unwrap_or_default();
    let seen = operator.observe(&subject, &stored, node, world.now);
    let had_a_slot = is_rolling(sei_node);
    let status = operator.postponed.status(&object).unwrap_or(stored);
    world.say(|| format!("operator {index} begins a pass over {node}"));
    Some(Pass { object, subject, status, seen, steps: 0, had_a_slot })
}

impl Pass {
    fn go_on(mut self, world: &mut World, index: usize, node: &Key) -> Next {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            world.ledger.violated("a pass has an end", format!("{node}: {:#?}", self.status));
            return Next::Over(Until::Event);
        }
        let Decision { status, act } = decide(&self.subject, &self.status, &self.seen);
        self.status = status;
        match act {
            Act::Fetch(question) => self.look(world, index, question),
            Act::Store if world.operators[index].crowded && self.only_opens() => self.vouch(world, node),
            Act::Store => self.store(world, index, node, None),
            Act::Perform(effect) => self.perform(world, index, node, &effect),
            Act::Rest(rest) => self.store(world, index, node, Some(rest)),
        }
    }

    fn look(mut self, world: &mut World, index: usize, question: Query) -> Next {
        let Ok(intent) = &self.subject.intent else { return Next::Over(Until::Event) };
        let fact = ask(world, index, &self.subject, intent, &self.seen, &question);
        if let (Query::Health, Some(pod)) = (&question, self.seen.pod()) {
            world.operators[index].probes.note(&self.object.key(), pod, &fact);
        }
        world.say(|| format!("operator {index} asks {question:?}: {}", brief(&fact)));
        if let Fetched::Keys(check) = &fact {
            let keyring = &mut world.operators[index].keyring;
            keyring.insert(self.subject.node.clone(), check.clone());
        }
        fold_fetched(&mut self.seen, question, fact);
        Next::Again(Box::new(self))
    }

    fn stored(&self) -> SeiNodeStatus {
        self.object.node().and_then(|node| node.status.clone()).unwrap_or_default()
    }

    fn only_opens(&self) -> bool {
        fast_mark_ready::only_begins(&self.stored(), &self.status)
    }

    /// Goes on with a plan that is not stored, if the object is still as it was read.
    fn vouch(self, world: &mut World, node: &Key) -> Next {
        match world.fault.take() {
            Some(Fault::CrashBefore | Fault::CrashAfter) => return Next::Dead,
            Some(Fault::AnswerLost | Fault::Refused) => return Next::Over(Until::Retry(Class::Transient)),
            Some(Fault::Conflict) => perform::meddle(world, node),
            None => {}
        }
        let live = world.api.get(node).and_then(|live| live.meta().resource_version.clone());
        if live != self.object.meta().resource_version {
            return Next::Over(Until::Retry(Class::Conflict));
        }
        world.ledger.vouched(&self.status);
        Next::Again(Box::new(self))
    }

    /// Stores the status if it differs from what is stored; then the pass goes on, or rests.
    fn store(mut self, world: &mut World, index: usize, node: &Key, rest: Option<Rest>) -> Next {
        let before = self.stored();
        if let Some(rest) = &rest
            && let Some(due) = self.put_off(&mut world.operators[index], &before, rest, world.now)
        {
            self.probe(&mut world.operators[index]);
            return Next::Over(match rest.until {
                Until::At(at) => Until::At(at.min(due)),
                Until::Retry(_) | Until::Event => Until::At(due),
            });
        }
        world.operators[index].postponed.done(node);
        if before != self.status {
            match world.fault.take() {
                Some(Fault::CrashBefore) => return Next::Dead,
                Some(Fault::CrashAfter) => {
                    perform::store(world, index, &self.object, &self.status);
                    return Next::Dead;
                }
                Some(Fault::AnswerLost) => {
                    perform::store(world, index, &self.object, &self.status);
                    return Next::Over(Until::Retry(Class::Transient));
                }
                Some(Fault::Refused) => return Next::Over(Until::Retry(Class::Transient)),
                Some(Fault::Conflict) => perform::meddle(world, node),
                None => {}
            }
            match perform::store(world, index, &self.object, &self.status) {
                perform::Written::Stored(stored) => {
                    world.operators[index].recent.insert(node.clone(), Rc::clone(&stored));
                    self.object = stored;
                }
                perform::Written::Gone => return Next::Nobody,
                perform::Written::Conflict => return Next::Over(Until::Retry(Class::Conflict)),
            }
        }
        match rest {
            None => Next::Again(Box::new(self)),
            Some(rest) => {
                world.say(|| format!("operator {index} rests {:?}: {:?}", rest.until, rest.why));
                self.probe(&mut world.operators[index]);
                Next::Over(rest.until)
            }
        }
    }

    /// Puts a write off that only says what is waited for, or that somebody was first.
    fn put_off(
        &self,
        operator: &mut Operator,
        before: &SeiNodeStatus,
        rest: &Rest,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let overtaken = self.seen.failed_request.as_ref().is_some_and(|failed_request| failed_request.class == Class::Conflict);
        let gives_way = operator.crowded
            && (fast_mark_ready::only_ends(before, &self.status) || fast_mark_ready::only_readiness(before, &self.status));
        match overtaken || gives_way || only_waits(before, &self.status, rest) {
            true => operator.postponed.put_off(&self.object, &self.status, now),
            false => None,
        }
    }

    /// The sidecar of a node that runs is asked beside the passes from now on; nobody else's is.
    fn probe(&self, operator: &mut Operator) {
        let runs = self.status.phase == Some(Phase::Running) && self.subject.deletion == Deletion::Absent;
        let active = self.subject.intent.as_ref().is_ok_and(|intent| intent.activity == Activity::Runs);
        let pod = self.seen.pod().filter(|pod| runs && active && pod.ip.is_some());
        match pod {
            Some(pod) => operator.probes.watch(&self.object.key(), pod),
            None => operator.probes.leave(&self.object.key()),
        }
    }

    fn perform(mut self, world: &mut World, index: usize, node: &Key, effect: &Effect) -> Next {
        if let Effect::Submit(_) = effect {
            world.operators[index].probes.doubt(node);
        }
        let touch = Touch { node, subject: &self.subject, status: &self.status, seen: &self.seen, effect };
        invariants::touches(world, &touch);
        let fault = world.fault.take_if(|fault| *fault != Fault::Conflict);
        let outcome = match fault {
            Some(Fault::CrashBefore) => return Next::Dead,
            Some(Fault::Refused) => perform::unanswered(effect),
            Some(Fault::CrashAfter | Fault::AnswerLost | Fault::Conflict) | None => {
                let (outcome, object) =
                    perform::perform(world, &self.subject, &self.object, &self.seen, effect);
                if let Some(object) = object {
                    world.operators[index].recent.insert(node.clone(), Rc::clone(&object));
                    self.object = object;
                }
                outcome
            }
        };
        if fault.is_none() {
            let fresh = &mut world.operators[index].fresh;
            fresh.note(&self.subject.node, &outcome, world.now);
            if let (Effect::DeletePod { uid, .. }, Outcome::Deleted) = (effect, &outcome) {
                fresh.deleted(&self.subject.node, uid, world.now);
            }
        }
        let kind = format!("{effect:?}");
        world.say(|| format!("operator {index} performs {kind:.120}: {}", outcome_brief(&outcome)));
        let outcome = match fault {
            Some(Fault::CrashAfter) => return Next::Dead,
            Some(Fault::AnswerLost) => perform::unanswered(effect),
            _ => outcome,
        };
        fold_outcome(&mut self.subject, &mut self.status, &mut self.seen, effect, outcome);
        Next::Again(Box::new(self))
    }
}

fn brief(fact: &Fetched) -> String {
    format!("{:.160}", format!("{fact:?}"))
}

fn outcome_brief(outcome: &Outcome) -> String {
    format!("{:.160}", format!("{outcome:?}"))
}
