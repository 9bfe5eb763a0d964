//! Invariants of signing keys, and of what is submitted to sidecars.

use k8s_openapi::api::core::v1::Pod;
use seinode_core::{
    effect::Submission,
    exclusive::{self, Hold, Resource},
    keys::Fingerprint,
    observation::Observation,
    task_type::{By, TaskType, Writes},
};

use super::{Ledger, Secrets, Violation};
use crate::{
    objects::{Key, Kind, Object, PodFacts},
    world::World,
};

impl Ledger {
    /// `seid` of a pod starts anew, behind its gate. Returns the key that it reads.
    pub(super) fn reads_its_key(&mut self, object: &Object, secrets: &Secrets) -> Option<Fingerprint> {
        self.released.remove(object.uid());
        let secret = object.pod()?.signing_secret()?.to_owned();
        let key = *secrets.get(&(object.meta().namespace.clone()?, secret))?;
        self.signs.insert(object.uid().to_owned(), key);
        Some(key)
    }

    /// The container of `seid` is started anew: a copy of the key is what it was, the Secret may be another.
    pub fn restarted(&mut self, object: &Object, secrets: &Secrets) {
        self.released.remove(object.uid());
        if object.pod().is_some_and(|pod| !pod.has_copy()) {
            self.reads_its_key(object, secrets);
        }
    }

    /// The gate of a pod is open.
    pub fn released(&mut self, pod: &str) {
        self.released.insert(pod.to_owned());
    }

    /// True if `seid` of a pod has passed its gate since it started.
    pub fn has_passed_its_gate(&self, pod: &str) -> bool {
        self.released.contains(pod)
    }

    /// The key that `seid` of a pod reads.
    pub fn reads(&self, pod: &str) -> Option<Fingerprint> {
        self.signs.get(pod).copied()
    }
}

/// A task is about to be submitted to the sidecar of a pod, whichever pod an operator has seen.
pub fn submits(world: &mut World, seen: &Observation, pod: &str, submission: &Submission) {
    let Submission { id, task, params: _ } = submission;
    if seen.host().is_none_or(|seen| seen.uid != pod) {
        let message = format!("{task} reaches {pod}; seen was {:?}", seen.host().map(|pod| &pod.uid));
        world.ledger.violated("no task reaches the sidecar of another pod", message);
    }
    if *task == TaskType::MarkReady
        && let Some(message) = opens_unheld(world, pod)
    {
        world.ledger.violated("no gate of a signer opens on a key that is not Held", message);
    }
    let writes = task.writes() == Writes::Data && task.by() == By::Sidecar;
    let others = world.sidecars.writers_beside(pod, *id);
    // Between the look of one leader and its submission another one may submit.
    if writes && !others.is_empty() && !world.ledger.races {
        let message = format!("{task} is submitted to {pod} beside {others:?}");
        world.ledger.violated("no two sidecar writers on one volume", message);
    }
}

fn opens_unheld(world: &World, pod: &str) -> Option<String> {
    let key = world.ledger.reads(pod)?;
    let object = world.api.list(Kind::Pod).find(|object| object.uid() == pod)?;
    let node = node_of(world, object)?;
    (!holds(world, &node, key)).then(|| format!("{} has {key}, which {node} does not hold", object.key()))
}

/// The node that a pod is of. One whose SeiNode is gone, or is another one by now, is a stray: it keeps others from its key
/// itself.
fn node_of(world: &World, pod: &Object) -> Option<Key> {
    let node = world.api.get(&pod.node_key()?)?;
    let set = world.api.get(&pod.key().beside(Kind::Set, &node.key().name))?;
    (pod.is_controlled_by(set.uid()) && set.is_controlled_by(node.uid())).then(|| node.key())
}

/// True if a pod was handed over after somebody had put another key into its Secret. Nobody can tell its key then, but its
/// copy keeps others from that key, and `two pods never sign with one key` holds them to it.
pub fn tells_its_key(world: &World, node: &Key, pod: &Object) -> bool {
    let copies = pod.pod().is_some_and(PodFacts::has_copy);
    let status = world.api.get(node).and_then(|node| node.node()?.status.as_ref());
    let was_handed_over = status.is_some_and(|status| status.adopted.is_some());
    copies && was_handed_over && world.ledger.people.swapped.contains(node)
}

/// True if a node holds a key, as is stored.
pub fn holds(world: &World, node: &Key, key: Fingerprint) -> bool {
    let status = world.api.get(node).and_then(|node| node.node()?.status.clone()).unwrap_or_default();
    exclusive::hold(&exclusive::read(&status.claims), &Resource::SigningKey(key)) == Some(Hold::Held)
}

/// The key that a pod signs with, or will when it starts. Where somebody has put another key into a Secret, pods may have
/// what no node holds: of those only what has passed the gate counts.
pub fn signs_with(world: &World, object: &Object, pod: &Pod) -> Option<Fingerprint> {
    let Ledger { signs, released, people, .. } = &world.ledger;
    if !people.swapped.is_empty() && !released.contains(object.uid()) {
        return None;
    }
    let secret = (object.meta().namespace.clone()?, pod.signing_secret()?.to_owned());
    signs.get(object.uid()).or_else(|| world.secrets.get(&secret)).copied()
}

/// Checks what must hold at any time.
pub fn hold(world: &World) -> Result<(), Violation> {
    world.api.list(Kind::Pod).try_for_each(|object| is_claimed(world, object))
}

/// A pod that signs does so with a key that its node holds.
fn is_claimed(world: &World, object: &Object) -> Result<(), Violation> {
    let Some(pod) = object.pod().filter(|pod| pod.has_started() && !pod.has_ended()) else { return Ok(()) };
    let key = signs_with(world, object, pod);
    let (Some(key), Some(node)) = (key, node_of(world, object)) else { return Ok(()) };
    let people = &world.ledger.people;
    // The earlier operator claims nothing, and this one has not looked yet. It has not looked either where `seid` mounts the
    // Secret and was started anew.
    let unseen = people.unclaimed.contains(&node) || (people.swapped.contains(&node) && !pod.has_copy());
    if unseen || tells_its_key(world, &node, object) || holds(world, &node, key) {
        return Ok(());
    }
    let message = format!("{} signs with {key}, which {} does not hold", object.key(), node);
    Err(Violation { invariant: "a node holds the key that its pod signs with", message })
}
