//! A node as the earlier operator left it: children without what only we write, and a status of another shape.

use std::rc::Rc;

use seinode_api::{
    SeiNodeStatus, names,
    status::{Phase, PlanStatus},
};
use seinode_core::{
    observation::{KEY_COPY, SEID, SIGNING_KEY},
    subject::Subject,
};

use crate::{
    actors::{self, Deed},
    fields,
    invariants::Violation,
    objects::{Key, Kind, Object},
    operator::Operator,
    run::settle,
    world::{Order, World},
};

/// Makes a node that runs one of the earlier operator, with a pod of this image, and starts our operator anew.
///
/// # Errors
/// The invariant that is violated on the way.
pub fn by_the_earlier_operator(world: &mut World, node: &Key, image: &str) -> Result<(), Violation> {
    world.operators.clear();
    world.ledger.people.adopted.insert(node.clone());
    world.ledger.people.unclaimed.insert(node.clone());
    let set = node.beside(Kind::Set, &node.name);
    world.api.update(&set, |set| {
        as_it_was(set, image);
        // The earlier operator applied all of it, under our name.
        fields::created(set, names::FIELD_MANAGER);
    });
    actors::carry_out(world, Deed::ObserveSet(set));
    world.api.update(node, |object| {
        if let Object::Node(node) = object {
            node.metadata.finalizers = Some(vec![names::LEGACY_FINALIZER.to_owned()]);
            let plan = PlanStatus { id: "foreign".into(), phase: "Complete".into(), ..PlanStatus::default() };
            node.status = Some(SeiNodeStatus {
                phase: Some(Phase::Running),
                current_image: Some(image.to_owned()),
                plan: Some(plan),
                ..SeiNodeStatus::default()
            });
        }
    });
    let volume = node.beside(Kind::Volume, &names::data_volume(&node.name));
    let owner =
        world.api.get(node).and_then(|object| Some(Subject::of(object.node()?).node.owner_reference()));
    world.api.update(&volume, |volume| {
        volume.meta_mut().annotations = None;
        volume.meta_mut().owner_references = owner.map(|owner| vec![owner]);
    });
    let pod = node.beside(Kind::Pod, &format!("{}-0", node.name));
    let gone = world.api.get(&pod).map(Rc::clone);
    world.api.remove(&pod);
    if let Some(gone) = gone {
        world.sidecars.end(gone.uid(), crate::sidecars::Farewell::InTime);
    }
    // The pod has run for long when our operator begins.
    world.ledger.ran_image(node, image);
    settle(world, Order::WorldFirst)?;
    let uid = world.api.get(&pod).map(|pod| pod.uid().to_owned()).unwrap_or_default();
    world.sidecars.open(&uid);
    world.ledger.released(&uid);
    actors::carry_out(world, Deed::Probe(pod));
    let mut next = Operator::default();
    next.deliver(&world.api, world.now);
    world.operators.push(next);
    Ok(())
}

/// The StatefulSet without our marks.
fn as_it_was(object: &mut Object, image: &str) {
    let Object::Set(set) = object else { return };
    set.metadata.annotations = None;
    let Some(spec) = &mut set.spec else { return };
    if let Some(meta) = &mut spec.template.metadata
        && let Some(annotations) = &mut meta.annotations
    {
        annotations.remove(names::CONFIG_HASH_ANNOTATION);
    }
    let Some(pod) = &mut spec.template.spec else { return };
    // It mounts the key straight from the Secret.
    pod.volumes.iter_mut().for_each(|volumes| volumes.retain(|volume| volume.name != KEY_COPY));
    pod.init_containers.iter_mut().for_each(|all| all.retain(|container| container.name != KEY_COPY));
    for seid in pod.containers.iter_mut().filter(|it| it.name == SEID) {
        seid.image = Some(image.to_owned());
        let mounts = seid.volume_mounts.iter_mut().flatten();
        mounts.filter(|it| it.name == KEY_COPY).for_each(|it| it.name = SIGNING_KEY.into());
    }
}
