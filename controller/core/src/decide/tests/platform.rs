//! A node that does not come up follows what is corrected around it.

use super::*;

/// A node whose pod finds no machine.
fn pending() -> World {
    let mut world = World::new(&full_node(""));
    world.rendering = Some("t".into());
    world.pending = true;
    world.settle();
    assert_eq!(world.done, ["create-volume", "apply-workload", "apply-service"]);
    world.done.clear();
    world
}

#[test]
fn a_pod_that_finds_no_machine_follows_corrected_settings() {
    let mut world = pending();
    world.rendering = Some("corrected".into());
    world.settle();
    assert_eq!(world.done[..3], ["apply-workload", "apply-service", "delete-pod"], "{:?}", world.done);
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert_eq!(condition(&world.stored, "Ready").0, "True");
}

#[test]
fn a_pod_that_runs_is_left_alone_by_other_settings() {
    let mut world = World::new(&full_node(""));
    world.rendering = Some("t".into());
    world.slow.insert(TaskType::ConfigureGenesis);
    world.settle();
    let before = world.done.clone();
    world.rendering = Some("other".into());
    world.settle();
    assert_eq!(world.done, before);
    world.finish_running();
    world.settle();
    assert!(!world.done.contains(&"delete-pod".to_owned()), "{:?}", world.done);
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn a_pvc_that_was_deleted_before_any_pod_used_it_is_made_again() {
    let mut world = pending();
    world.volume = None;
    world.settle();
    assert_eq!(world.done[0], "create-volume", "{:?}", world.done);
    world.pending = false;
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert_eq!(world.done.iter().filter(|what| *what == "create-volume").count(), 1);
}

#[test]
fn a_node_that_was_up_and_finds_no_machine_is_rolled_out_with_corrected_settings() {
    let mut world = World::new(&full_node(""));
    world.rendering = Some("t".into());
    world.settle();
    world.done.clear();
    // Its pod was evicted, and the pool is gone.
    world.pending = true;
    world.pod_uid.push('+');
    world.settle();
    assert!(world.done.is_empty(), "{:?}", world.done);
    world.rendering = Some("corrected".into());
    world.settle();
    assert_eq!(world.done[..3], ["apply-workload", "apply-service", "delete-pod"], "{:?}", world.done);
    assert_eq!(condition(&world.stored, "Ready").0, "True");
}
