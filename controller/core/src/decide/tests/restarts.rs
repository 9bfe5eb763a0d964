//! A restart that somebody asks for.

use super::*;
use crate::observation::StatefulSetView;

/// Number of pods that were deleted.
fn deleted(world: &World) -> usize {
    world.done.iter().filter(|what| *what == "delete-pod").count()
}

/// `status.restart`: what was requested, and what is done.
#[track_caller]
fn check(world: &World, requested: Option<&str>, done: Option<&str>) {
    let restart = world.stored.restart.clone().unwrap();
    assert_eq!((restart.requested.as_deref(), restart.done.as_deref()), (requested, done));
    assert_eq!(condition(&world.stored, "Ready").0, "True", "{:#?}", world.stored);
}

fn asked(world: &mut World, value: &str) {
    world.subject.restart = Some(value.into());
    world.settle();
}

#[test]
fn a_value_that_was_there_at_first_sight_restarts_nobody() {
    let mut world = World::new(&full_node(""));
    asked(&mut world, "before");
    check(&world, Some("before"), Some("before"));
    // A node that an earlier version has brought up.
    world.stored.restart = None;
    asked(&mut world, "meanwhile");
    check(&world, Some("meanwhile"), Some("meanwhile"));
    assert_eq!(deleted(&world), 0);
}

#[test]
fn each_new_value_replaces_the_pod_once() {
    let mut world = World::new(&full_node(""));
    world.settle();
    check(&world, None, None);
    asked(&mut world, "now");
    check(&world, Some("now"), Some("now"));
    assert_eq!(deleted(&world), 1);
    assert_eq!(world.stored.restart.as_ref().unwrap().pod, None);
    world.subject.restart = None;
    world.settle();
    asked(&mut world, "now");
    assert_eq!(deleted(&world), 1, "it is no new value");
    asked(&mut world, "again");
    assert_eq!(deleted(&world), 2);
}

#[test]
fn a_restart_by_kubectl_replaces_the_pod_once_and_is_no_edit() {
    let mut world = World::new(&full_node(""));
    world.settle();
    let now = |set: &mut StatefulSetView| set.restarted_at = Some("12:00".into());
    world.change_set(now);
    world.settle();
    check(&world, Some("12:00"), Some("12:00"));
    assert_eq!(deleted(&world), 1);
    assert!(world.stored.repairs.is_empty());
    world.change_set(now);
    world.settle();
    assert_eq!(deleted(&world), 1);
}

/// A node that runs, is to be restarted, and finds no slot.
fn waiting() -> (World, Observation) {
    let mut world = World::new(&full_node(""));
    world.settle();
    world.subject.restart = Some("now".into());
    let mut seen = world.observe();
    seen.slot = Some(crate::observation::Slot::Taken("sei/other".into()));
    seen.gate = Some(Ok(Health::Ready));
    (world, seen)
}

#[test]
fn a_restart_is_reported_and_waits_for_a_slot() {
    let (world, mut seen) = waiting();
    let Decision { status, .. } = decide(&world.subject, &world.stored, &seen);
    assert_eq!(condition(&status, "NodeUpdateInProgress").1, "WaitingForSlot");
    assert_eq!(status.restart.as_ref().unwrap().requested.as_deref(), Some("now"));
    seen.slot = Some(crate::observation::Slot::Granted);
    let Decision { status, act } = decide(&world.subject, &status, &seen);
    assert_eq!(act, Act::Store);
    let (truth, reason, message) = condition(&status, "NodeUpdateInProgress");
    assert_eq!((truth, reason), ("True", "RestartRequested"));
    assert!(message.contains("now"), "{message}");
}

#[test]
fn a_pod_that_was_replaced_meanwhile_is_not_replaced_again() {
    let (mut world, seen) = waiting();
    world.stored = decide(&world.subject, &world.stored, &seen).status;
    world.pod_uid.push('+');
    world.settle();
    check(&world, Some("now"), Some("now"));
    assert_eq!(deleted(&world), 0);
}

#[test]
fn a_crash_at_any_point_of_a_restart_replaces_the_pod_once() {
    let begin = || {
        let mut world = World::new(&full_node(""));
        world.settle();
        world.points = 0;
        world.subject.restart = Some("now".into());
        world
    };
    let mut undisturbed = begin();
    undisturbed.settle();
    assert!(undisturbed.points > 5, "{} points", undisturbed.points);
    for point in 0..undisturbed.points {
        let mut world = begin();
        world.crash_at = Some(point);
        world.settle();
        check(&world, Some("now"), Some("now"));
        assert_eq!(deleted(&world), 1, "point {point}");
    }
}
