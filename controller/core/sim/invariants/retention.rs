//! Invariants of data that is to outlive its node.

use seinode_api::{SeiNode, names};
use seinode_core::{retention::Retention, retention::RetentionWish};

use super::Violation;
use crate::{
    objects::{Key, Kind, Object},
    operator::settings,
    world::World,
};

/// Remembers the nodes whose volume must outlive them: their volume was let loose, or cannot go before the operator has seen
/// the deletion. A person may change their mind.
pub fn remember(world: &mut World) {
    let nodes: Vec<_> = world.api.list(Kind::Node).cloned().collect();
    for object in nodes {
        let Some(node) = object.node() else { continue };
        if !is_kept(node) {
            world.ledger.keeps.remove(object.uid());
        } else if is_protected(world, &object.key(), node) {
            world.ledger.keeps.insert(object.uid().to_owned());
        }
    }
}

/// Checks every volume of a node that is gone.
///
/// # Errors
/// A volume that goes with its node although it is retained.
pub fn hold(world: &World) -> Result<(), Violation> {
    let goes = |volume: &&std::rc::Rc<Object>| {
        let owner = volume.controller().map(|owner| owner.uid.as_str());
        owner.is_some_and(|uid| world.ledger.keeps.contains(uid) && !world.api.has_uid(uid))
    };
    match world.api.list(Kind::Volume).find(goes) {
        None => Ok(()),
        Some(volume) => {
            let invariant = "no volume that is retained is tied when its SeiNode goes";
            Err(Violation { invariant, message: volume.key().to_string() })
        }
    }
}

fn is_kept(node: &SeiNode) -> bool {
    let imports = node.spec.data_volume.as_ref().is_some_and(|volume| volume.import.is_some());
    !imports && settings().retention.decide(&RetentionWish::of(&node.spec)) == Retention::Kept
}

fn is_protected(world: &World, key: &Key, node: &SeiNode) -> bool {
    let waits_for_us =
        node.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == names::LEGACY_FINALIZER);
    let volume = world.api.get(&key.beside(Kind::Volume, &names::data_volume(&key.name)));
    waits_for_us || volume.is_some_and(|volume| volume.controller().is_none())
}
