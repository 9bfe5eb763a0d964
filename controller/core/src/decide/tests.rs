//! Front door `decide`: what comes next, seen the facts; and whole runs in a small world of values.

mod failing;
mod invalid;
mod midway;
mod peers;
mod platform;
mod repairs;
mod restarts;
mod signing;
mod slots;
mod state_sync;
mod world;
mod writers;

use jiff::{SignedDuration, Timestamp};
use seinode_api::{conditions::find, status::PlanStatus};
use world::{World, full_node, volume};

use super::*;
use crate::{
    decision::Rest,
    failure::{Class, Failure},
    node::{Deletion, Owner},
    observation::Volume,
    plan::Plan,
    plan::PlanPhase,
    query::Query,
    sidecar::{Health, TaskReport, Unreachable},
    task_type::TaskType,
};

fn condition<'a>(status: &'a SeiNodeStatus, type_: &str) -> (&'a str, &'a str, &'a str) {
    let found =
        find(&status.conditions, type_).unwrap_or_else(|| panic!("no condition {type_}: {status:#?}"));
    (&found.status, &found.reason, &found.message)
}

fn plan(status: &SeiNodeStatus) -> Plan {
    Plan::read(status.plan.as_ref().unwrap()).unwrap()
}

#[test]
fn a_new_node_comes_up_in_the_order_of_the_reference() {
    let mut world = World::new(&full_node(""));
    world.settle();
    assert_eq!(
        world.done,
        [
            "create-volume",
            "apply-workload",
            "apply-service",
            "configure-genesis",
            "config-apply",
            "config-validate",
            "mark-ready"
        ]
    );
    let status = &world.stored;
    assert_eq!(status.phase, Some(Phase::Running));
    assert_eq!(status.plan, None);
    assert_eq!(status.current_image.as_deref(), Some("seid:1"));
    assert_eq!(status.mode.as_deref(), Some("fullNode"));
    assert_eq!(condition(status, "Ready").0, "True", "{:#?}", status.conditions);
    assert_eq!(condition(status, "Reconciling").0, "False");
    assert_eq!(
        condition(status, "SidecarReady"),
        ("True", "Ready", "the sidecar answered 200: its gate is open")
    );
}

#[test]
fn after_it_has_settled_nothing_more_is_done_or_written() {
    let mut world = World::new(&full_node(""));
    world.settle();
    let (done, writes) = (world.done.len(), world.writes);
    world.now += SignedDuration::from_hours(24);
    world.settle();
    assert_eq!((world.done.len(), world.writes), (done, writes));
}

#[test]
fn a_plan_is_stored_before_anything_is_touched() {
    let mut world = World::new(&full_node(""));
    let Decision { status, act } = world.decide();
    assert_eq!(act, Act::Store);
    assert_eq!(plan(&status).phase, PlanPhase::Active);
    assert_eq!(status.phase, Some(Phase::Pending), "nothing has been made yet");
    assert!(world.done.is_empty());
}

/// The operator dies before and after every effect, and right before every status write: the end is the
/// same, and the sidecar ran no task twice.
#[test]
fn a_crash_at_any_point_changes_nothing_about_the_end() {
    let mut undisturbed = World::new(&full_node(""));
    undisturbed.settle();
    let points = undisturbed.points;
    assert!(points > 15, "the world has {points} points to crash at");
    for point in 0..points {
        let mut world = World::new(&full_node(""));
        world.crash_at = Some(point);
        world.settle();
        assert_eq!(world.crashes, 1, "point {point} was never reached");
        assert_eq!(world.stored.phase, Some(Phase::Running), "point {point}");
        assert_eq!(condition(&world.stored, "Ready").0, "True", "point {point}");
        assert!(world.runs.values().all(|runs| *runs == 1), "point {point}: {:?}", world.runs);
    }
}

#[test]
fn a_foreign_volume_is_never_touched_and_the_refusal_names_it() {
    let mut world = World::new(&full_node(""));
    let volume = volume("v", Owner::Other("Database/prod".into()), Deletion::Absent);
    world.volume = Some(volume.clone());
    world.settle();
    assert_eq!(world.volume, Some(volume));
    assert!(!world.done.contains(&"apply-workload".to_owned()), "{:?}", world.done);
    let (status, reason, message) = condition(&world.stored, "DataVolumeReady");
    assert_eq!((status, reason), ("False", "Foreign"));
    for words in ["data-n0", "Database/prod", "spec.dataVolume.import.pvcName"] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(condition(&world.stored, "Stalled").0, "True");
}

#[test]
fn a_recreated_node_waits_until_its_predecessors_volume_is_gone() {
    let mut world = World::new(&full_node(""));
    world.volume = Some(volume("old", Owner::Predecessor, Deletion::Requested));
    world.settle();
    assert_eq!(condition(&world.stored, "DataVolumeReady").1, "Terminating");
    assert!(world.done.is_empty(), "{:?}", world.done);
    world.volume = None;
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn a_suspended_node_gets_no_effect_of_any_kind_until_it_is_resumed_or_deleted() {
    let mut world = World::new(&full_node(""));
    world.adopt();
    world.subject.suspension = Suspension::On;
    world.settle();
    assert!(world.done.is_empty() && world.plans.is_empty(), "{:?}", world.done);
    assert_eq!(condition(&world.stored, "Stalled").1, "Suspended");
    world.subject.suspension = Suspension::Off;
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));

    let mut going = World::new(&full_node(""));
    going.adopt();
    going.subject.suspension = Suspension::On;
    going.delete();
    going.settle();
    assert_eq!(going.done, ["remove-finalizer"], "deletion wins");
}

#[test]
fn a_new_spec_supersedes_the_plan_at_once() {
    let mut world = World::new(&full_node(""));
    world.slow.insert(TaskType::ConfigureGenesis);
    world.settle();
    let before = plan(&world.stored);
    world.slow.clear();
    world.edit(&full_node("  overrides: {evm.http_port: '1'}\n"));
    world.settle();
    assert_eq!(world.plans.len(), 2, "the earlier one is at an end, although its task is not");
    world.finish_running();
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
    assert!(world.plans.len() == 2 && world.plans[0] == before.id, "{:?}", world.plans);
}

#[test]
fn a_spec_that_breaks_rules_is_told_with_all_of_them_and_nothing_is_touched() {
    let mut world = World::new("  chainId: c\n  image: ''\n  sidecar: {port: -1}\n  fullNode: {}\n");
    world.settle();
    let (status, _, message) = condition(&world.stored, "SpecValid");
    assert_eq!(status, "False");
    assert!(message.contains("spec.image") && message.contains("spec.sidecar.port"), "{message}");
    assert!(world.done.is_empty());
    world.edit(&full_node(""));
    world.settle();
    assert_eq!(world.stored.phase, Some(Phase::Running));
}

#[test]
fn every_kind_of_node_comes_up_in_the_order_of_the_reference() {
    const CHILDREN: [&str; 3] = ["create-volume", "apply-workload", "apply-service"];
    const PEERS: &str = "peers: [{static: {addresses: ['x@h:1']}}]";
    let ceremony = "genesisCeremony: {chainId: c, stakingAmount: 1usei, accountBalance: 2usei, index: 0}";
    for (spec, tasks) in [
        (
            "archive: {}".to_owned(),
            vec!["configure-genesis", "config-apply", "config-validate", "mark-ready"],
        ),
        (
            format!("fullNode: {{snapshot: {{stateSync: {{}}}}}}\n  {PEERS}"),
            vec![
                "configure-genesis",
                "config-apply",
                "configure-state-sync",
                "config-validate",
                "mark-ready",
            ],
        ),
        (
            format!("replayer: {{snapshot: {{s3: {{targetHeight: 7}}}}}}\n  {PEERS}"),
            vec![
                "snapshot-restore",
                "configure-genesis",
                "config-apply",
                "configure-state-sync",
                "config-validate",
                "mark-ready",
            ],
        ),
        (
            "validator: {snapshot: {s3: {targetHeight: 7}}}".to_owned(),
            vec![
                "snapshot-restore",
                "configure-genesis",
                "config-apply",
                "configure-state-sync",
                "config-validate",
                "mark-ready",
            ],
        ),
        (
            format!("validator: {{{ceremony}}}"),
            vec![
                "generate-identity",
                "generate-gentx",
                "upload-genesis-artifacts",
                "configure-genesis",
                "config-apply",
                "set-genesis-peers",
                "config-validate",
                "mark-ready",
            ],
        ),
    ] {
        let mut world = World::new(&format!("  chainId: c\n  image: seid:1\n  {spec}\n"));
        world.settle();
        assert_eq!(world.stored.phase, Some(Phase::Running), "{spec}");
        assert_eq!(world.done, [CHILDREN.as_slice(), &tasks].concat(), "{spec}");
    }
}

#[test]
fn a_node_that_is_being_deleted_gets_no_child() {
    let mut world = World::new(&full_node(""));
    world.delete();
    world.settle();
    assert!(world.done.is_empty(), "{:?}", world.done);
    assert_eq!(world.stored.phase, Some(Phase::Terminating));
}

#[test]
fn the_earlier_operators_finalizer_comes_off_first_also_when_the_node_is_being_deleted() {
    for delete in [false, true] {
        let mut world = World::new(&full_node(""));
        world.adopt();
        if delete {
            world.delete();
        }
        world.settle();
        assert_eq!(world.done[0], "remove-finalizer");
        assert_eq!(world.done.len() == 1, delete, "{:?}", world.done);
    }
}

#[test]
fn a_foreign_plan_is_replaced_on_a_new_node_and_dropped_on_a_running_one() {
    let foreign = PlanStatus { id: "x".into(), phase: "Active".into(), ..PlanStatus::default() };
    let mut new = World::new(&full_node(""));
    new.stored.plan = Some(foreign.clone());
    new.stored.phase = Some(Phase::Initializing);
    new.settle();
    assert_eq!(new.stored.phase, Some(Phase::Running));

    let mut running = World::new(&full_node(""));
    running.settle();
    let done = running.done.len();
    running.stored.plan = Some(foreign);
    running.settle();
    assert_eq!((running.stored.plan.as_ref(), running.done.len()), (None, done));
}

#[test]
fn a_gate_that_is_shut_again_is_opened_by_a_plan_of_one_task() {
    let mut world = World::new(&full_node(""));
    world.settle();
    let before = world.done.len();
    world.gate = Health::NotReady;
    world.settle();
    assert_eq!(world.done[before..], ["mark-ready"]);
    assert_eq!((world.plans.len(), world.gate), (2, Health::Ready));
    assert_eq!(condition(&world.stored, "Ready").0, "True");
}

#[test]
fn a_new_image_is_rolled_out_by_a_plan_of_its_own_and_other_changes_are_not() {
    let mut world = World::new(&full_node(""));
    world.settle();
    assert_eq!(world.settle().until, Until::Event);
    world.edit(&full_node("").replace("fullNode: {}", "fullNode: {snapshot: {stateSync: {}}}"));
    world.settle();
    assert_eq!(world.plans.len(), 1, "a snapshot is of no concern to a node that runs");
    world.edit(&full_node("").replace("seid:1", "seid:2"));
    world.settle();
    let (_, reason, message) = condition(&world.stored, "Ready");
    assert_eq!((world.plans.len(), reason), (2, "Updating"));
    assert!(message.contains("the new pod has image seid:1 instead of seid:2"), "{message}");
    assert_eq!(condition(&world.stored, "NodeUpdateInProgress").1, "UpdateStarted");
    assert_eq!(world.stored.current_image.as_deref(), Some("seid:1"), "the pod does not run it yet (W4)");
}

#[test]
fn a_condition_moves_its_transition_time_only_with_its_status() {
    let mut world = World::new(&full_node(""));
    world.settle();
    let ready = |world: &World| find(&world.stored.conditions, "Ready").unwrap().last_transition_time.0;
    let before = ready(&world);
    world.now += SignedDuration::from_hours(1);
    world.edit(&full_node("").replace("fullNode: {}", "fullNode: {snapshot: {stateSync: {}}}"));
    world.settle();
    assert_eq!(ready(&world), before);
    assert_eq!(find(&world.stored.conditions, "Ready").unwrap().observed_generation, Some(2));
}

#[test]
fn conditions_of_other_writers_stay() {
    let mut world = World::new(&full_node(""));
    let mut foreign = k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
        type_: "StateSyncReady".into(),
        status: "True".into(),
        reason: "PVCValidated".into(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH),
    };
    world.stored.conditions.push(foreign.clone());
    foreign.type_ = "Custom".into();
    world.stored.conditions.push(foreign);
    world.settle();
    let types: Vec<_> = world.stored.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(&types[types.len() - 2..], ["StateSyncReady", "Custom"]);
}

#[test]
fn an_answer_about_one_task_is_not_taken_for_another() {
    let mut world = World::new(&full_node(""));
    world.slow.insert(TaskType::ConfigureGenesis);
    world.settle();
    let mut seen = world.observe();
    let stranger = crate::ids::TaskId::derive(plan(&world.stored).id, TaskType::MarkReady, 9, 0);
    seen.report = Some((stranger, Ok(TaskReport::Completed)));
    let Decision { act, .. } = decide(&world.subject, &world.stored, &seen);
    assert!(matches!(act, Act::Fetch(Query::Task(id)) if id != stranger), "{act:?}");
}
