//! Slots of rollouts over whole lives.

use super::*;
use crate::node::Suspension;

/// A node whose update is under way: its `seid` is up and not Ready.
fn updating() -> World {
    let mut world = World::new(&full_node(""));
    world.settle();
    assert_eq!(world.stored.slot, None);
    world.unready = true;
    world.edit(&full_node("  overrides: {evm.http_port: '8545'}\n"));
    world.settle();
    assert_eq!(condition(&world.stored, "SlotHeld").1, "RollingOut");
    world
}

#[test]
fn a_node_keeps_its_slot_until_it_serves() {
    let mut world = updating();
    let slot = world.stored.slot.clone();
    world.now += SignedDuration::from_hours(1);
    world.settle();
    assert_eq!(world.stored.plan, None, "the plan is over: seid has been up for long");
    assert_eq!(world.stored.slot, slot, "no deadline frees it");
    let (status, reason, message) = condition(&world.stored, "SlotHeld");
    assert_eq!((status, reason), ("True", "NotServing"), "{message}");
    world.unready = false;
    world.settle();
    assert_eq!(world.stored.slot, None);
    assert_eq!(condition(&world.stored, "SlotHeld").0, "False");
}

#[test]
fn another_target_takes_a_slot_of_its_own() {
    let mut world = updating();
    let first = world.stored.slot.clone().unwrap();
    world.now += SignedDuration::from_mins(1);
    world.edit(&full_node("  overrides: {evm.http_port: '8546'}\n"));
    world.settle();
    let second = world.stored.slot.clone().unwrap();
    assert_ne!((second.target, second.since), (first.target, first.since));
}

#[test]
fn a_node_that_nobody_waits_for_gives_its_slot_back() {
    let gives_back = |what: &str, out: fn(&mut World)| {
        let mut world = updating();
        out(&mut world);
        world.settle();
        assert_eq!(world.stored.slot, None, "{what}");
    };
    gives_back("suspended", |world| world.subject.suspension = Suspension::On);
    gives_back("being deleted", World::delete);
    gives_back("invalid", |world| world.edit("  chainId: c\n  image: seid:1\n"));
}

#[test]
fn a_paused_node_gives_its_slot_back_before_its_pod_goes() {
    let mut world = updating();
    world.edit(&full_node("  overrides: {evm.http_port: '8545'}\n  paused: true\n"));
    assert_eq!(world.decide().status.slot, None);
}
