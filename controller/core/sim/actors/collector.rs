//! Garbage collection: what has lost its owner goes, and what waits for its dependents goes after them.

use crate::{
    actors::Deed,
    api_server::{Propagation, waits_for_dependents},
    objects::{Key, Kind, Object, PodFacts},
    world::World,
};

pub fn offers(world: &World) -> Vec<Deed> {
    world.api.all().filter_map(|object| offer(world, object)).collect()
}

fn offer(world: &World, object: &Object) -> Option<Deed> {
    let key = object.key();
    if !object.is_going() {
        let mut owners = object.meta().owner_references.iter().flatten().peekable();
        owners.peek()?;
        let lost = owners.all(|owner| {
            let owner = world.api.all().find(|it| it.uid() == owner.uid);
            owner.is_none_or(|owner| waits_for_dependents(owner))
        });
        return lost.then_some(Deed::Collect(key));
    }
    let free = match key.kind {
        Kind::Pod => false,
        Kind::Volume => !is_mounted(world, &key),
        Kind::Node | Kind::Set | Kind::Service | Kind::Job => {
            waits_for_dependents(object)
                && object.meta().finalizers.iter().flatten().count() == 1
                && !has_dependents(world, object.uid())
        }
    };
    free.then_some(Deed::Release(key))
}

/// A pod that was never scheduled uses nothing.
fn is_mounted(world: &World, volume: &Key) -> bool {
    let mounts = |pod: &Object| {
        let here = pod.meta().namespace.as_deref() == Some(&*volume.namespace);
        let pod = pod.pod().filter(|pod| here && pod.has_started() && !pod.has_ended());
        pod.and_then(PodFacts::claim) == Some(&*volume.name)
    };
    world.api.list(Kind::Pod).any(|pod| mounts(pod))
}

fn has_dependents(world: &World, uid: &str) -> bool {
    let blocks = |object: &Object| {
        let mut owners = object.meta().owner_references.iter().flatten();
        owners.any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true))
    };
    world.api.all().any(|object| blocks(object))
}

/// Deletes an object whose owner is deleted: for an owner that waits, with its own dependents first.
pub fn collect(world: &mut World, key: &Key) {
    let Some(object) = world.api.get(key) else { return };
    let mut owners = object.meta().owner_references.iter().flatten();
    let awaited = owners.any(|owner| world.api.has_uid(&owner.uid));
    let how = if awaited { Propagation::Foreground } else { Propagation::Background };
    world.say(|| format!("{key} is collected"));
    world.api.delete(key, how, world.now);
}
