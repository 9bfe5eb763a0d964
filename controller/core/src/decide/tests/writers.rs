//! One writer in a data directory at a time, whatever becomes of the spec.

use super::*;
use crate::ids::{PlanId, TaskId};

fn restoring(height: u32) -> String {
    let snapshot = format!("snapshot: {{s3: {{targetHeight: {height}}}}}");
    format!("  chainId: c\n  image: seid:1\n  fullNode: {{{snapshot}}}\n")
}

/// A node that restores a snapshot and is to restore another one now.
fn changed() -> World {
    let mut world = World::new(&restoring(100));
    world.slow.insert(TaskType::SnapshotRestore);
    world.settle();
    world.edit(&restoring(200));
    world.slow.clear();
    world
}

fn count(world: &World, what: &str) -> usize {
    world.done.iter().filter(|done| *done == what).count()
}

#[test]
fn a_writer_of_a_superseded_plan_is_waited_for() {
    let mut world = changed();
    world.settle();
    assert_eq!(count(&world, "snapshot-restore"), 1, "{:?}", world.done);
    let message = plan_message(&world);
    assert_eq!(message, "the sidecar is still at work on snapshot-restore of an earlier plan");
    world.finish_running();
    world.settle();
    assert_eq!(count(&world, "snapshot-restore"), 2);
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert_eq!(count(&world, "drop-task") + count(&world, "delete-pod"), 0, "nothing is replaced for it");
}

fn plan_message(world: &World) -> String {
    world.stored.plan.as_ref().and_then(|plan| plan.message.clone()).unwrap_or_default()
}

#[test]
fn a_writer_past_its_deadline_loses_its_row_and_its_pod() {
    let undisturbed = past_the_deadline(None);
    assert!(undisturbed > 10);
    for point in 0..undisturbed {
        past_the_deadline(Some(point));
    }
}

/// Runs past the deadline; the operator may die at a point. Returns how many points there were.
fn past_the_deadline(crash: Option<usize>) -> usize {
    let mut world = changed();
    world.settle();
    world.now += TaskType::SnapshotRestore.deadline() + SignedDuration::from_secs(1);
    world.points = 0;
    world.crash_at = crash;
    world.settle();
    // The kubelet makes another pod, and its sidecar has nothing to take up.
    world.settle();
    let order: Vec<_> = world.done.iter().skip_while(|done| *done != "drop-task").collect();
    let deleted = order.iter().position(|done| *done == "delete-pod");
    let begun = order.iter().position(|done| *done == "snapshot-restore");
    assert!(deleted.is_some() && deleted < begun, "{crash:?}: {:?}", world.done);
    assert_eq!(world.stored.phase, Some(Phase::Running), "{crash:?}");
    world.points
}

#[test]
fn a_row_that_survives_in_the_next_pod_is_waited_for_again() {
    let mut world = changed();
    let id = TaskId::derive(
        PlanId::derive("other", "Init", world.subject.intent.as_ref().unwrap().target(), world.now),
        TaskType::ConfigApply,
        0,
        0,
    );
    world.finish_running();
    world.reports.insert(id, TaskReport::Running);
    world.kinds.insert(id, ("config-patch".into(), world.now));
    world.settle();
    assert_eq!(plan_message(&world), "the sidecar is still at work on a task of an earlier plan");
    world.now += SignedDuration::from_mins(11);
    world.settle();
    assert_eq!((count(&world, "drop-task"), count(&world, "delete-pod")), (1, 1));
}

#[test]
fn a_task_that_never_ends_is_not_waited_for() {
    let mut world = changed();
    world.finish_running();
    let plan = PlanId::derive("other", "Init", world.subject.intent.as_ref().unwrap().target(), world.now);
    for (index, kind) in ["snapshot-upload", "result-export", "mark-ready"].into_iter().enumerate() {
        let id = TaskId::derive(plan, TaskType::parse(kind).unwrap(), index, 0);
        world.reports.insert(id, TaskReport::Running);
        world.kinds.insert(id, (kind.into(), world.now));
    }
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running), "{}", plan_message(&world));
}
