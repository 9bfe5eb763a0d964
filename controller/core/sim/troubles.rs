//! What may come in between: faults of the machinery, and people who change their minds.

use std::rc::Rc;

use seinode_api::{SeiNode, names, spec};

use crate::{
    actors::{self, Exit},
    api_server::Propagation,
    objects::{Key, Kind, Object, PodFacts},
    operator::{Fault, Operator},
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
    /// A person changes the spec.
    Edit,
    /// A person adds or removes `bootstrapImage`.
    ToggleBootstrap,
    /// A person pauses the node, and later lets it run again.
    Pause,
    /// A person suspends the node, and later lets the operator act again.
    Suspend,
    /// A person asks for another attempt.
    Retry,
    /// A person deletes the node.
    Delete(Propagation),
    /// A person deletes the node and creates it anew at once.
    Recreate,
}

impl Trouble {
    /// All but those that concern one request.
    pub const ALL: [Self; 16] = [
        Self::Takeover,
        Self::Evict,
        Self::RestartSidecar(Farewell::InTime),
        Self::RestartSidecar(Farewell::AtOnce),
        Self::LoseStore,
        Self::Deafen,
        Self::FailJob,
        Self::LoseJob,
        Self::Edit,
        Self::ToggleBootstrap,
        Self::Pause,
        Self::Suspend,
        Self::Retry,
        Self::Delete(Propagation::Background),
        Self::Delete(Propagation::Foreground),
        Self::Recreate,
    ];

    /// Strikes a node; says whether there was anything to strike.
    pub fn strike(self, world: &mut World, node: &Key) -> bool {
        world.say(|| format!("--- {self:?} {node}"));
        let before = world.stirrings();
        match self {
            Self::Request(fault) => {
                world.fault = Some(fault);
                return true;
            }
            Self::Takeover => return take_over(world),
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
            Self::Edit => edit(world, node, |spec| {
                let value = spec.overrides.len().to_string();
                spec.overrides.insert("evm.http_port".into(), format!("80{value}"));
            }),
            Self::ToggleBootstrap => toggle_bootstrap(world, node),
            Self::Pause => edit(world, node, |spec| spec.paused = Some(true)),
            Self::Suspend => annotate(world, node, names::SUSPEND_ANNOTATION, "true"),
            Self::Retry => {
                let value = world.api.version().to_string();
                annotate(world, node, names::RETRY_ANNOTATION, &value);
            }
            Self::Delete(how) => world.api.delete(node, how, world.now),
            Self::Recreate => recreate(world, node),
        }
        self == Self::Deafen || world.stirrings() != before
    }

    /// What follows once the world has come to rest.
    pub fn lift(self, world: &mut World, node: &Key) -> bool {
        let before = world.stirrings();
        match self {
            Self::Pause => edit(world, node, |spec| spec.paused = None),
            Self::Suspend => annotate(world, node, names::SUSPEND_ANNOTATION, "false"),
            Self::Deafen => world.sidecars.deaf = 0,
            _ => {}
        }
        world.stirrings() != before
    }
}

/// A node whose plan waits for a person gets one.
pub fn people_help(world: &mut World) -> bool {
    let stuck = |node: &SeiNode| {
        let plan = node.status.as_ref().and_then(|status| status.plan.as_ref());
        plan.is_some_and(|plan| plan.phase == "Failed" && plan.next_attempt.is_none())
    };
    let nodes = world.api.list(Kind::Node).filter(|object| object.node().is_some_and(stuck));
    let nodes: Vec<Key> = nodes.map(|node| node.key()).collect();
    nodes.iter().for_each(|node| {
        Trouble::Retry.strike(world, node);
    });
    !nodes.is_empty()
}

fn take_over(world: &mut World) -> bool {
    world.operators.iter_mut().for_each(Operator::retire);
    let mut next = Operator::default();
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

fn recreate(world: &mut World, node: &Key) {
    let Some(before) = world.api.get(node).map(Rc::clone) else { return };
    let Some(old) = before.node() else { return };
    let mut next = SeiNode::new(&node.name, old.spec.clone());
    next.metadata.namespace = Some(node.namespace.to_string());
    next.metadata.labels.clone_from(&old.metadata.labels);
    world.api.remove(node);
    world.now += jiff::SignedDuration::from_secs(1);
    world.api.create(next.into(), world.now);
}
