//! A node that runs and whose spec becomes invalid.

use super::*;
use crate::peers::tests::peer;

/// A node that runs, and has an override that nobody knows.
fn invalid() -> World {
    let mut world = World::new(&full_node(""));
    world.settle();
    world.edit(&full_node("  overrides: {no.such: x}\n"));
    assert!(world.subject.intent.is_err());
    world.settle();
    world
}

#[test]
fn the_gate_of_a_node_with_an_invalid_spec_is_opened() {
    let mut world = invalid();
    let before = world.done.len();
    world.gate = Health::NotReady;
    world.settle();
    assert_eq!(world.done[before..], ["mark-ready"]);
    assert_eq!((world.gate, world.stored.plan.as_ref()), (Health::Ready, None));
    assert_eq!(condition(&world.stored, "Ready").1, "SpecInvalid");
}

#[test]
fn an_invalid_spec_is_neither_rolled_out_nor_rendered() {
    let mut world = invalid();
    let before = world.done.clone();
    world.edit(&full_node("  overrides: {no.such: x}\n").replace("seid:1", "seid:2"));
    world.settle();
    assert_eq!((world.stored.plan.as_ref(), &world.done), (None, &before));
}

#[test]
fn conditions_that_do_not_depend_on_the_invalid_part_stay() {
    let mut world = World::new(&full_node("  peers: [{label: {selector: {role: a}}}]\n"));
    world.others = vec![peer("sei", "n1", "a", Some("2bfcc8af7412d87ce35ece1cebe7813b011cb3d1"))];
    world.settle();
    let types = |world: &World| -> Vec<String> {
        world.stored.conditions.iter().map(|it| it.type_.clone()).collect()
    };
    let mut before = types(&world);
    world.volume.as_mut().unwrap().deletion = Deletion::Requested;
    world.edit(&full_node("  peers: [{}]\n"));
    world.settle();
    let mut after = types(&world);
    before.sort();
    after.sort();
    assert_eq!(after, before);
    assert_eq!(condition(&world.stored, "SpecValid").0, "False");
    assert_eq!(condition(&world.stored, "PeersResolved").1, "Resolved", "as it was told last");
    assert_eq!(condition(&world.stored, "DataVolumeReady").0, "False", "it is looked at");
}
