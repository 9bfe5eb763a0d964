//! The settings of state sync survive another init plan (W39).

use super::*;

const SYNCED: &str = "  chainId: c\n  image: seid:1\n  fullNode: {snapshot: {stateSync: {}}}\n  peers: [{static: \
                      {addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}]\n";

fn with(overrides: &str) -> String {
    format!("{SYNCED}  overrides: {{{overrides}}}\n")
}

/// How config-apply was given each time: as an increment, or as a whole.
fn applied(world: &World) -> Vec<bool> {
    let given = world.params.iter().filter(|(task, _)| *task == TaskType::ConfigApply);
    given.map(|(_, params)| params.as_ref().unwrap()["incremental"] == true).collect()
}

#[test]
fn a_second_plan_keeps_the_settings_that_the_sidecar_writes_once() {
    let mut world = World::new(&with("evm.http_port: '1'"));
    world.slow.insert(TaskType::ConfigValidate);
    world.settle();
    assert_eq!(applied(&world), [false]);
    world.edit(&with("evm.http_port: '2'"));
    world.slow.clear();
    world.finish_running();
    world.settle();
    assert_eq!(applied(&world), [false, true]);
    assert_eq!(world.stored.phase, Some(Phase::Running));
    // It is in sync: the whole configuration may be written again.
    world.settle();
    world.edit(&with("evm.http_port: '3'"));
    world.settle();
    assert_eq!(applied(&world), [false, true, false]);
}

#[test]
fn a_plan_that_failed_before_state_sync_gives_the_whole_configuration_again() {
    let mut world = World::new(&with("evm.http_port: '1'"));
    world.failing.insert(TaskType::ConfigApply, "no".into());
    world.settle();
    world.failing.clear();
    world.edit(&with(""));
    world.settle();
    assert_eq!(applied(&world), [false, false]);
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn a_removed_override_is_reported_with_the_ways_out() {
    let mut world = World::new(&with("evm.http_port: '1'"));
    world.slow.insert(TaskType::ConfigValidate);
    world.settle();
    world.edit(&with(""));
    world.finish_running();
    world.settle();
    assert_eq!(applied(&world), [false]);
    let (truth, _, message) = condition(&world.stored, "Stalled");
    assert_eq!(truth, "True");
    assert!(message.contains("evm.http_port") && message.contains("delete its PVC"), "{message}");
    world.edit(&with("evm.http_port: '8545'"));
    world.slow.clear();
    world.settle();
    assert_eq!(applied(&world), [false, true]);
    assert_eq!(world.stored.phase, Some(Phase::Running));
}
