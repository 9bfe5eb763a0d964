//! Troubles that may come in between: faults of the machinery, and people who change their minds.

mod people;

use std::rc::Rc;

use seinode_api::{
    SeiNode,
    conditions::{self, SIGNING_KEY_READY, find},
    names, spec,
};

pub use self::people::{Hand, Wish};

use crate::{
    actors::{self, BAD, Exit},
    api_server::Propagation,
    objects::{Key, Kind, Object, PodFacts},
    operator::{Fault, Operator},
    scenarios,
    sidecars::Farewell,
    world::World,
};

/// One thing that comes in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The operator's next change goes wrong.
    Request(Fault),
    /// Another operator takes over; this one brings its passes to an end meanwhile.
    Takeover,
    /// The node's pods are evicted.
    Evict,
    /// The sidecar is started anew.
    RestartSidecar(Farewell),
    /// The sidecar's store is lost, and the sidecar begins anew.
    LoseStore,
    /// The sidecar does not answer for a while.
    Deafen,
    /// `seid` of the bootstrap pod fails.
    FailJob,
    /// The bootstrap Job is deleted, its pod after it.
    LoseJob,
    /// The API server refuses the node's pods: a quota, a policy.
    RefusePods,
    /// A person changes the spec.
    Edit(Wish),
    /// A person changes a child by hand.
    Hand(Hand),
    /// A person deletes the StatefulSet.
    LoseSet(Propagation),
    /// A person deletes the Service.
    LoseService,
    /// A person deletes the data PVC, which stays as long as a pod uses it.
    DeleteVolume,
    /// The data PVC is gone at once, whoever uses it.
    LoseVolume,
    /// A person adds or removes `bootstrapImage`.
    ToggleBootstrap,
    /// A person pauses the node, and later lets it run again.
    Pause,
    /// A person suspends the node, and later lets the operator act again.
    Suspend,
    /// A person puts another key into the Secret of the signing key, and then something happens to the pod.
    SwapKey(After),
    /// A person asks for another attempt.
    Retry,
    /// A person asks for a restart, by annotation.
    Restart,
    /// A person deletes the node.
    Delete(Propagation),
    /// A person deletes the node, which is suspended.
    DeleteSuspended,
    /// A person deletes the node, whose spec breaks a rule.
    DeleteInvalid,
    /// A person deletes the node and creates it anew at once.
    Recreate,
    /// A person deletes the node without its children, and creates it anew to take them over.
    OrphanAndAdopt,
}

/// Event after the swap of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Nothing,
    SeidRestarts,
    SidecarRestarts,
    MachineReboots,
    PodIsEvicted,
}

impl Trouble {
    /// All that may happen to a node that comes up.
    pub const ALL: [Self; 22] = [
        Self::Takeover,
        Self::Evict,
        Self::RestartSidecar(Farewell::InTime),
        Self::RestartSidecar(Farewell::AtOnce),
        Self::LoseStore,
        Self::Deafen,
        Self::FailJob,
        Self::LoseJob,
        Self::Edit(Wish::Override),
        Self::Edit(Wish::Image("seid:2")),
        Self::ToggleBootstrap,
        Self::Pause,
        Self::Suspend,
        Self::SwapKey(After::Nothing),
        Self::SwapKey(After::MachineReboots),
        Self::Retry,
        Self::Delete(Propagation::Background),
        Self::Delete(Propagation::Foreground),
        Self::Recreate,
        Self::OrphanAndAdopt,
        Self::RefusePods,
        Self::Restart,
    ];

    /// All that may happen to a node that runs.
    pub const RUNNING: [Self; 41] = [
        Self::Takeover,
        Self::Evict,
        Self::RestartSidecar(Farewell::InTime),
        Self::RestartSidecar(Farewell::AtOnce),
        Self::LoseStore,
        Self::Deafen,
        Self::Edit(Wish::Image("seid:1")),
        Self::Edit(Wish::Image("seid:3")),
        Self::Edit(Wish::Image("seid:bad")),
        Self::Edit(Wish::Override),
        Self::Edit(Wish::SidecarImage),
        Self::Edit(Wish::PodLabel),
        Self::Edit(Wish::Peers),
        Self::Hand(Hand::Template),
        Self::Hand(Hand::Strategy),
        Self::Hand(Hand::Replicas(0)),
        Self::Hand(Hand::Replicas(2)),
        Self::Hand(Hand::Label),
        Self::Hand(Hand::Service),
        Self::LoseSet(Propagation::Background),
        Self::LoseSet(Propagation::Foreground),
        Self::LoseSet(Propagation::Orphan),
        Self::LoseService,
        Self::DeleteVolume,
        Self::LoseVolume,
        Self::Pause,
        Self::Suspend,
        Self::SwapKey(After::Nothing),
        Self::SwapKey(After::SeidRestarts),
        Self::SwapKey(After::SidecarRestarts),
        Self::SwapKey(After::MachineReboots),
        Self::SwapKey(After::PodIsEvicted),
        Self::Retry,
        Self::Delete(Propagation::Background),
        Self::DeleteSuspended,
        Self::DeleteInvalid,
        Self::Recreate,
        Self::OrphanAndAdopt,
        Self::RefusePods,
        Self::Hand(Hand::Restart),
        Self::Restart,
    ];

    /// Strikes a node; says whether there was anything to strike.
    pub fn strike(self, world: &mut World, node: &Key) -> bool {
        world.say(|| format!("--- {self:?} {node}"));
        let before = world.stirrings();
        world.stir();
        match self {
            Self::Request(fault) => {
                world.fault = Some(fault);
                return true;
            }
            Self::Takeover => return take_over(world),
            Self::RefusePods => return world.refusing.insert(node.clone()),
            Self::Deafen => world.sidecars.deaf = 3,
            Self::Evict => {
                for pod in pods(world, node) {
                    world.api.delete(&pod, Propagation::Background, world.now);
                }
            }
            Self::RestartSidecar(farewell) => {
                for pod in pods(world, node) {
                    actors::restart(world, &pod, farewell);
                }
            }
            Self::LoseStore => {
                if lose_store(world, node) {
                    Self::RestartSidecar(Farewell::AtOnce).strike(world, node);
                }
            }
            Self::FailJob => {
                for pod in pods(world, node).filter(|pod| is_of_job(world, pod)).collect::<Vec<_>>() {
                    actors::end_seid(world, &pod, Exit::One);
                }
            }
            Self::LoseJob => {
                let job = node.beside(Kind::Job, &names::bootstrap_job(&node.name));
                world.api.delete(&job, Propagation::Background, world.now);
            }
            Self::Edit(wish) => edit(world, node, |spec| wish.write(spec)),
            Self::Hand(hand) => hand.change(world, node),
            Self::LoseSet(how) => {
                let set = node.beside(Kind::Set, &node.name);
                world.ledger.people.stopped.remove(node);
                world.api.delete(&set, how, world.now);
            }
            Self::LoseService => {
                world.api.delete(&node.beside(Kind::Service, &node.name), Propagation::Background, world.now);
            }
            // Of a volume that was never recorded nobody could say afterwards that it was lost.
            Self::DeleteVolume | Self::LoseVolume if !has_recorded_its_volume(world, node) => {}
            Self::DeleteVolume => {
                if let Some(volume) = volume(world, node) {
                    world.api.delete(&volume, Propagation::Background, world.now);
                }
            }
            Self::LoseVolume => {
                if let Some(volume) = volume(world, node) {
                    world.api.remove(&volume);
                }
            }
            Self::ToggleBootstrap => toggle_bootstrap(world, node),
            Self::Pause => {
                world.ledger.people.stopped.remove(node);
                edit(world, node, |spec| spec.paused = Some(true));
            }
            Self::Suspend => annotate(world, node, names::SUSPEND_ANNOTATION, "true"),
            Self::SwapKey(after) => {
                if swap_key(world, node) {
                    after.happen(world, node);
                    return true;
                }
            }
            Self::Retry => {
                world.ledger.people.stopped.remove(node);
                let value = world.api.version().to_string();
                annotate(world, node, names::RETRY_ANNOTATION, &value);
            }
            Self::Restart => {
                people::expect_restart(world, node);
                let value = world.api.version().to_string();
                annotate(world, node, names::RESTART_ANNOTATION, &value);
            }
            Self::Delete(how) => world.api.delete(node, how, world.now),
            Self::DeleteSuspended => {
                annotate(world, node, names::SUSPEND_ANNOTATION, "true");
                world.api.delete(node, Propagation::Background, world.now);
            }
            Self::DeleteInvalid => {
                edit(world, node, |spec| spec.peers.push(spec::PeerSource::default()));
                world.api.delete(node, Propagation::Background, world.now);
            }
            Self::Recreate => recreate(world, node),
            Self::OrphanAndAdopt => orphan_and_adopt(world, node),
        }
        self == Self::Deafen || world.stirrings() != before
    }

    /// Lifts the trouble once the world has come to rest, and returns whether that changed anything.
    pub fn lift(self, world: &mut World, node: &Key) -> bool {
        let before = world.stirrings();
        world.stir();
        match self {
            Self::Pause => {
                // To let a node run again is to ask.
                world.ledger.people.stopped.remove(node);
                edit(world, node, |spec| spec.paused = None);
            }
            Self::Suspend => annotate(world, node, names::SUSPEND_ANNOTATION, "false"),
            Self::Deafen => world.sidecars.deaf = 0,
            Self::RefusePods => return world.refusing.remove(node),
            Self::SwapKey(_) => return world.ledger.people.swapped.contains(node) && swap_key(world, node),
            Self::Hand(Hand::Replicas(0)) => drop(Self::Retry.strike(world, node)),
            _ => {}
        }
        world.stirrings() != before
    }
}

impl After {
    fn happen(self, world: &mut World, node: &Key) {
        for pod in pods(world, node) {
            match self {
                Self::Nothing => {}
                Self::SeidRestarts => actors::restart_seid(world, &pod),
                Self::SidecarRestarts => actors::restart(world, &pod, Farewell::AtOnce),
                Self::MachineReboots => actors::reboot(world, &pod),
                Self::PodIsEvicted => world.api.delete(&pod, Propagation::Background, world.now),
            }
        }
    }
}

/// The other one of two keys is put into the Secret that a signer names.
fn swap_key(world: &mut World, node: &Key) -> bool {
    let named = world.api.get(node).and_then(|object| {
        let key = object.node()?.spec.validator.as_ref()?.signing_key.as_ref()?;
        key.secret.as_ref().map(|secret| secret.secret_name.clone())
    });
    let Some(name) = named else { return false };
    let Some(key) = world.secrets.get_mut(&(node.namespace.to_string(), name)) else { return false };
    *key = if *key == scenarios::key(1) { scenarios::key(3) } else { scenarios::key(1) };
    world.ledger.people.swapped.insert(node.clone());
    true
}

/// People do what nodes wait for; says whether any did.
pub fn people_help(world: &mut World) -> bool {
    let before = world.stirrings();
    world.stir();
    let nodes: Vec<_> = world.api.list(Kind::Node).map(Rc::clone).collect();
    for object in nodes {
        if let Some(node) = object.node() {
            help(world, &object.key(), node);
        }
    }
    world.stirrings() != before
}

fn help(world: &mut World, key: &Key, node: &SeiNode) {
    let status = node.status.clone().unwrap_or_default();
    let given_up =
        |plan: &seinode_api::status::PlanStatus| plan.phase == "Failed" && plan.next_attempt.is_none();
    if status.plan.as_ref().is_some_and(given_up) || status.scaled_by_hand.is_some() {
        Trouble::Retry.strike(world, key);
    }
    if world.ledger.people.swapped.contains(key) {
        change_over(world, key, node);
    }
    let adopted = conditions::find(&status.conditions, conditions::ADOPTED).filter(|it| it.status == "False");
    match adopted.map(|it| it.reason.as_str()) {
        Some("Bootstrapping") => drop(Trouble::LoseJob.strike(world, key)),
        // There is nothing to take over after all.
        Some(_) => unannotate(world, key, names::ADOPT_ANNOTATION),
        None => {}
    }
    if node.spec.image.contains(BAD) {
        Trouble::Edit(Wish::Image("seid:9")).strike(world, key);
    }
    let Some(volume) = volume_name(node).map(|name| key.beside(Kind::Volume, &name)) else { return };
    match world.api.get(&volume).map(|volume| volume.is_going()) {
        // Its data is given up: without a pod it goes.
        Some(true) => drop(Trouble::Evict.strike(world, key)),
        Some(false) => {}
        None if node.spec.data_volume.as_ref().is_some_and(|it| it.import.is_some()) => {
            world.api.create(scenarios::old_data().into(), world.now);
        }
        None => {
            let asked = node.metadata.annotations.as_ref();
            let asked = asked.is_some_and(|all| all.contains_key(names::RECREATE_VOLUME_ANNOTATION));
            match &status.data_volume {
                // A pod may still run on what is lost.
                Some(_) if asked => drop(Trouble::Evict.strike(world, key)),
                Some(lost) => annotate(world, key, names::RECREATE_VOLUME_ANNOTATION, &lost.uid),
                None => {}
            }
        }
    }
}

/// A node whose key is in question is paused, and let run again.
fn change_over(world: &mut World, key: &Key, node: &SeiNode) {
    let conditions = node.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let refused = ["SigningKeyChanged", "SigningKeyUnknown"];
    let is_refused =
        find(conditions, SIGNING_KEY_READY).is_some_and(|it| refused.contains(&it.reason.as_str()));
    match node.spec.paused {
        Some(true) => drop(Trouble::Pause.lift(world, key)),
        _ if is_refused => drop(Trouble::Pause.strike(world, key)),
        _ => {}
    }
}

fn volume_name(node: &SeiNode) -> Option<String> {
    let import = node.spec.data_volume.as_ref().and_then(|volume| volume.import.as_ref());
    match import {
        Some(import) => Some(import.pvc_name.clone()),
        None => node.metadata.name.as_deref().map(names::data_volume),
    }
}

fn has_recorded_its_volume(world: &World, node: &Key) -> bool {
    let status = world.api.get(node).and_then(|object| object.node()?.status.as_ref());
    let imports =
        world.api.get(node).and_then(|object| object.node()?.spec.data_volume.as_ref()?.import.as_ref());
    imports.is_some() || status.is_some_and(|status| status.data_volume.is_some())
}

fn volume(world: &World, node: &Key) -> Option<Key> {
    let name = world.api.get(node).and_then(|object| volume_name(object.node()?))?;
    let volume = node.beside(Kind::Volume, &name);
    world.api.get(&volume).map(|_| volume)
}

fn take_over(world: &mut World) -> bool {
    world.operators.iter_mut().for_each(Operator::retire);
    let mut next = Operator::default();
    next.bound(world.operators[0].policy());
    next.deliver(&world.api, world.now);
    world.operators.push(next);
    true
}

fn pods(world: &World, node: &Key) -> std::vec::IntoIter<Key> {
    let mine = world.api.list(Kind::Pod).filter(|pod| pod.node_key().as_ref() == Some(node));
    let live = mine.filter(|pod| !pod.is_going() && !pod.pod().is_some_and(PodFacts::has_ended));
    live.map(|pod| pod.key()).collect::<Vec<_>>().into_iter()
}

fn is_of_job(world: &World, pod: &Key) -> bool {
    world.api.get(pod).and_then(|pod| pod.controller()).is_some_and(|owner| owner.kind == "Job")
}

fn lose_store(world: &mut World, node: &Key) -> bool {
    let volume = node.beside(Kind::Volume, &names::data_volume(&node.name));
    let uid = world.api.get(&volume).map(|volume| volume.uid().to_owned());
    uid.is_some_and(|uid| world.sidecars.lose_store(&uid))
}

fn edit(world: &mut World, node: &Key, change: impl FnOnce(&mut spec::SeiNodeSpec)) {
    world.api.update(node, |object| {
        if let Object::Node(node) = object {
            change(&mut node.spec);
        }
    });
}

fn toggle_bootstrap(world: &mut World, node: &Key) {
    edit(world, node, |spec| {
        let Some(full) = &mut spec.full_node else { return };
        full.snapshot = match full.snapshot.take() {
            Some(snapshot) if snapshot.bootstrap_image.is_some() => None,
            Some(_) | None => Some(spec::Snapshot {
                s3: Some(spec::S3Snapshot { target_height: 7 }),
                bootstrap_image: Some("seid:boot".into()),
                ..spec::Snapshot::default()
            }),
        };
    });
}

fn annotate(world: &mut World, node: &Key, name: &str, value: &str) {
    world.api.update(node, |object| {
        object.meta_mut().annotations.get_or_insert_default().insert(name.into(), value.into());
    });
}

fn unannotate(world: &mut World, node: &Key, name: &str) {
    world.api.update(node, |object| {
        object.meta_mut().annotations.get_or_insert_default().remove(name);
    });
}

fn orphan_and_adopt(world: &mut World, node: &Key) {
    let Some(before) = world.api.get(node).map(Rc::clone) else { return };
    let Some(old) = before.node() else { return };
    world.api.delete(node, Propagation::Orphan, world.now);
    if world.api.get(node).is_some() {
        return;
    }
    let mut next = SeiNode::new(&node.name, old.spec.clone());
    next.metadata.namespace = Some(node.namespace.to_string());
    next.metadata.labels.clone_from(&old.metadata.labels);
    // Its pod may sign already, before it holds anything: that counts as a key that nobody has examined.
    world.ledger.people.unclaimed.insert(node.clone());
    let annotation = (names::ADOPT_ANNOTATION.to_owned(), before.uid().to_owned());
    next.metadata.annotations = Some([annotation].into());
    world.now += jiff::SignedDuration::from_secs(1);
    world.api.create(next.into(), world.now);
}

fn recreate(world: &mut World, node: &Key) {
    let Some(before) = world.api.get(node).map(Rc::clone) else { return };
    let Some(old) = before.node() else { return };
    // Its deletion would wait for us.
    if old.metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty()) {
        return;
    }
    let mut next = SeiNode::new(&node.name, old.spec.clone());
    next.metadata.namespace = Some(node.namespace.to_string());
    next.metadata.labels.clone_from(&old.metadata.labels);
    world.api.remove(node);
    world.now += jiff::SignedDuration::from_secs(1);
    world.api.create(next.into(), world.now);
}
