//! What is known of the gates of nodes that run, beside the passes (`controller/src/probe.rs`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use seinode_core::{
    query::{Health, Query, Unreachable},
    fetched::Fetched,
    observation::{Answer, Pod},
};

use crate::{objects::Key, sidecars::Sidecars};

/// One run of one sidecar container: what an answer belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Incarnation {
    pod: String,
    restarts: i32,
    since: Option<Timestamp>,
}

impl Incarnation {
    fn of(pod: &Pod) -> Self {
        Self { pod: pod.uid.clone(), restarts: pod.sidecar_restarts, since: pod.sidecar_since }
    }
}

#[derive(Clone, Debug)]
struct Known {
    incarnation: Incarnation,
    answer: Option<Result<Health, Unreachable>>,
}

/// The gates that are watched.
#[derive(Clone, Debug, Default)]
pub struct Probes(BTreeMap<Key, Known>);

impl Probes {
    /// What the sidecar of this pod said last.
    pub fn answer(&self, node: &Key, pod: &Pod) -> Answer<Health> {
        let known = self.0.get(node).filter(|known| known.incarnation == Incarnation::of(pod));
        match known.and_then(|known| known.answer.clone()) {
            Some(Ok(health)) => Answer::Given(Query::Health, health),
            Some(Err(silence)) => Answer::Unreachable(silence),
            None => Answer::NotAsked,
        }
    }

    pub fn watch(&mut self, node: &Key, pod: &Pod) {
        let incarnation = Incarnation::of(pod);
        if self.0.get(node).is_none_or(|known| known.incarnation != incarnation) {
            self.0.insert(node.clone(), Known { incarnation, answer: None });
        }
    }

    pub fn leave(&mut self, node: &Key) {
        self.0.remove(node);
    }

    /// A pass has asked the sidecar itself.
    pub fn note(&mut self, node: &Key, pod: &Pod, fact: &Fetched) {
        let answer = match fact {
            Fetched::Gate(health) => Ok(*health),
            Fetched::Unreachable(silence) => Err(silence.clone()),
            _ => return,
        };
        if let Some(known) = self.0.get_mut(node).filter(|known| known.incarnation == Incarnation::of(pod)) {
            known.answer = Some(answer);
        }
    }

    /// The sidecar was given something that may open its gate.
    pub fn doubt(&mut self, node: &Key) {
        if let Some(known) = self.0.get_mut(node) {
            known.answer = None;
        }
    }

    /// The nodes whose sidecars would say something else than is known, or do not answer for a while.
    pub fn stale<'a>(&'a self, sidecars: &'a Sidecars) -> impl Iterator<Item = &'a Key> {
        let differs = |known: &Known| {
            sidecars.deaf > 0 || known.answer != Some(sidecars.would_say(&known.incarnation.pod))
        };
        self.0.iter().filter(move |(_, known)| differs(known)).map(|(node, _)| node)
    }

    /// Asks the sidecar of a node; says whether it answers otherwise than before.
    pub fn glance(&mut self, sidecars: &mut Sidecars, node: &Key) -> bool {
        let Some(known) = self.0.get_mut(node) else { return false };
        let answer = Some(sidecars.gate(&known.incarnation.pod));
        let news = known.answer != answer;
        known.answer = answer;
        news
    }
}
