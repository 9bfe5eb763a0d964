//! A node that the earlier operator was bringing up.

use super::*;
use crate::ids::TaskId;

/// A node of the earlier operator whose sidecar restores a snapshot.
fn midway() -> World {
    let mut world =
        World::new("  chainId: c\n  image: seid:1\n  fullNode: {snapshot: {s3: {targetHeight: 7}}}\n");
    world.volume = Some(volume("v", Owner::Us, Deletion::Absent));
    world.original();
    let plan = PlanStatus { id: "theirs".into(), phase: "Active".into(), ..PlanStatus::default() };
    world.stored.plan = Some(plan);
    world.stored.phase = Some(Phase::Initializing);
    let id = TaskId::parse("3f6c1d0a-9b2e-4f58-8a1b-2c3d4e5f6071").unwrap();
    world.reports.insert(id, TaskReport::Running);
    world.kinds.insert(id, ("snapshot-restore".into(), world.now));
    world
}

#[test]
fn a_restore_of_the_earlier_operator_is_waited_for_in_its_pod() {
    let mut world = midway();
    world.settle();
    world.now += SignedDuration::from_hours(3);
    world.settle();
    assert!(
        !world.done.iter().any(|what| what == "delete-pod" || what == "snapshot-restore"),
        "{:?}",
        world.done
    );
    assert!(
        condition(&world.stored, "Ready").2.contains("at work on snapshot-restore"),
        "{:#?}",
        world.stored
    );
    world.finish_running();
    world.settle();
    assert!(!world.done.contains(&"delete-pod".to_owned()), "{:?}", world.done);
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert_eq!(condition(&world.stored, "Ready").0, "True");
}

#[test]
fn a_pod_of_another_image_than_the_spec_asks_for_is_replaced() {
    let mut world = midway();
    world.reports.clear();
    world.edit("  chainId: c\n  image: seid:2\n  fullNode: {snapshot: {s3: {targetHeight: 7}}}\n");
    world.decide();
    let Decision { status, .. } = world.decide();
    assert!(plan(&status).tasks.iter().any(|task| task.kind == TaskType::ReplacePod));
}
