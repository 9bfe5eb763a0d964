//! Writes that may wait, and for how long.

use super::*;
use crate::{
    failure::Failure,
    ids::{PlanId, Target, TaskId},
    plan::Chances,
    sidecar::Unreachable,
    task_type::TaskType,
};
use seinode_api::status::{PlanStatus, SidecarStatus, TaskStatus};

fn at(millis: u64) -> Monotonic {
    Monotonic(Duration::from_millis(millis))
}

fn object(uid: &str, version: &str, status: SeiNodeStatus) -> SeiNode {
    let mut node = SeiNode::new("n0", Default::default());
    node.metadata.uid = Some(uid.to_owned());
    node.metadata.resource_version = Some(version.to_owned());
    node.status = Some(status);
    node
}

/// A plan under way that waits for something, and whose last attempt may have failed.
fn working(message: &str, error: Option<&str>) -> SeiNodeStatus {
    let id = PlanId::parse("11111111-2222-4333-8444-555555555555").unwrap();
    let task = TaskStatus {
        type_: "config-apply".into(),
        id: TaskId::derive(id, TaskType::ConfigApply, 0, 0).to_string(),
        status: "Pending".into(),
        error: error.map(str::to_owned),
        ..TaskStatus::default()
    };
    let plan = PlanStatus {
        id: id.to_string(),
        kind: Some("Init".into()),
        phase: "Active".into(),
        target: Some(id.to_string()),
        started_at: serde_json::from_value("2026-01-01T00:00:00Z".into()).unwrap(),
        message: Some(message.to_owned()),
        tasks: vec![task],
        ..PlanStatus::default()
    };
    SeiNodeStatus { plan: Some(plan), ..SeiNodeStatus::default() }
}

/// A node at rest whose sidecar was lost this often: readiness is all that differs.
fn lost(times: i64) -> SeiNodeStatus {
    let second = jiff::Timestamp::from_second(times).unwrap();
    let lost = k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(second);
    let sidecar = SidecarStatus { last_lost: Some(lost), ..SidecarStatus::default() };
    SeiNodeStatus { sidecar: Some(sidecar), ..SeiNodeStatus::default() }
}

fn opening() -> SeiNodeStatus {
    let target = Target::of(b"{}");
    let tasks = [TaskType::MarkReady];
    let plan = Plan::new(PlanKind::MarkReady, "u", target, jiff::Timestamp::UNIX_EPOCH, 0, &tasks);
    SeiNodeStatus { plan: Some(plan.write(None)), ..SeiNodeStatus::default() }
}

/// Tries to defer writes of one object.
struct Scene {
    writes: StatusWrites,
    object: SeiNode,
    until: Until,
    overtaken: bool,
    burst: bool,
    flapping: bool,
    deferred_writes: usize,
}

impl Scene {
    fn of(stored: SeiNodeStatus) -> Self {
        Self {
            writes: StatusWrites::default(),
            object: object("u", "1", stored),
            until: Until::Event,
            overtaken: false,
            burst: false,
            flapping: false,
            deferred_writes: 0,
        }
    }

    fn defer(&mut self, next: &SeiNodeStatus, millis: u64) -> Option<u128> {
        let rest = Rest { why: None, until: self.until };
        let write = Write {
            object: &self.object,
            next,
            rest: &rest,
            overtaken: self.overtaken,
            burst: self.burst,
            flapping: self.flapping,
            deferred_writes: self.deferred_writes,
        };
        defer(&mut self.writes, &write, at(millis)).map(|look| look.as_millis())
    }

    fn write(&mut self, next: &SeiNodeStatus, millis: u64) {
        let before = self.object.status.replace(next.clone()).unwrap_or_default();
        written(&mut self.writes, &before, next, at(millis));
    }
}

#[test]
fn another_wait_of_the_same_plan_may_come_later() {
    assert_eq!(Scene::of(working("a", None)).defer(&working("b", None), 0), Some(500));
}

#[test]
fn everything_else_is_written_at_once() {
    let stored = || working("a", None);
    let mut stuck = Scene { until: Until::Retry(Class::User), ..Scene::of(stored()) };
    assert_eq!(stuck.defer(&working("b", None), 0), None, "a person has to act");
    assert_eq!(Scene::of(stored()).defer(&working("b", Some("it failed")), 0), None, "an attempt failed");
    assert_eq!(Scene::of(SeiNodeStatus::default()).defer(&working("b", None), 0), None, "a new plan");
    assert_eq!(Scene::of(stored()).defer(&SeiNodeStatus::default(), 0), None, "its end");
    let released = SeiNodeStatus { observed_generation: Some(2), ..working("b", None) };
    assert_eq!(Scene::of(stored()).defer(&released, 0), None, "another generation");
}

#[test]
fn a_deferred_write_is_made_when_it_is_due_and_kept_meanwhile() {
    let mut scene = Scene::of(working("a", None));
    assert_eq!(scene.defer(&working("b", None), 0), Some(500));
    assert_eq!(scene.writes.status(&scene.object.clone()), Some(working("b", None)));
    assert_eq!(scene.defer(&working("c", None), 300), Some(200), "no longer than once");
    assert_eq!(scene.defer(&working("c", None), 500), None);
    assert!(!scene.writes.is_deferring());
    assert_eq!(scene.defer(&working("d", None), 600), Some(1_000), "the second wait is reported later");
}

#[test]
fn a_deferred_status_belongs_to_one_version_of_the_object() {
    let mut scene = Scene::of(working("a", None));
    scene.defer(&working("b", None), 0);
    assert_eq!(scene.writes.status(&object("u", "2", working("a", None))), None);
    assert!(!scene.writes.is_deferring(), "it is dropped");
}

#[test]
fn losing_a_race_is_no_news() {
    let mut scene = Scene { overtaken: true, ..Scene::of(SeiNodeStatus::default()) };
    let failure = Failure { class: Class::Conflict, message: Unreachable::Refused.to_string() };
    scene.until = Until::Retry(failure.class);
    assert!(scene.defer(&working("b", None), 0).is_some());
}

#[test]
fn no_write_of_five_thousand_waits_longer_than_the_bound() {
    let mut due = Vec::new();
    for index in 0..5_000 {
        let mut scene = Scene { deferred_writes: index, ..Scene::of(working("a", None)) };
        scene.object.metadata.uid = Some(format!("uid-{index}"));
        due.push(scene.defer(&working("b", None), 0).unwrap());
    }
    assert!(due.iter().all(|due| *due <= 30_000), "{:?}", due.iter().max());
    let busiest = (0..60).map(|half| due.iter().filter(|due| **due / 500 == half).count()).max().unwrap();
    assert!(busiest < 300, "they are spread: {busiest} in half a second");
}

#[test]
fn a_heal_in_a_burst_gives_way_and_not_for_ever() {
    let mut scene = Scene { burst: true, ..Scene::of(lost(1)) };
    assert_eq!(scene.defer(&lost(2), 0), Some(3_000));
    assert_eq!(scene.defer(&lost(2), 3_000), Some(3_000));
    assert_eq!(scene.defer(&lost(2), 6_000), Some(2_000));
    assert_eq!(scene.defer(&lost(2), 8_000), None);
}

#[test]
fn a_sidecar_that_flaps_is_written_ten_times_a_minute_at_most() {
    let mut scene = Scene { flapping: true, ..Scene::of(lost(0)) };
    let mut writes = 0;
    // A loss a second, and every second one ends in a plan that is still under way.
    for second in 0..60 {
        let next = if second % 2 == 0 { lost(second + 1) } else { opening() };
        let millis = u64::try_from(second).unwrap() * 1_000;
        if scene.defer(&next, millis).is_none() {
            writes += 1;
            scene.write(&next, millis);
        }
    }
    assert!((5..=10).contains(&writes), "{writes}");
}

#[test]
fn the_first_losses_are_written_at_once() {
    let mut scene = Scene::of(lost(0));
    for second in [1, 5, 10] {
        assert_eq!(scene.defer(&lost(second), u64::try_from(second).unwrap() * 1_000), None);
        scene.write(&lost(second), u64::try_from(second).unwrap() * 1_000);
    }
    assert_eq!(scene.defer(&lost(15), 15_000), Some(5_000), "ten seconds after the last one");
}

#[test]
fn another_attempt_is_stored_while_a_sidecar_flaps() {
    let mut scene = Scene { flapping: true, ..Scene::of(lost(0)) };
    for second in 1..8 {
        scene.write(&lost(second), u64::try_from(second).unwrap() * 100);
    }
    assert!(scene.defer(&opening(), 900).is_some(), "it flaps");
    scene.write(&opening(), 1_000);
    let mut plan = Plan::read(opening().plan.as_ref().unwrap()).unwrap();
    plan.fail_current("the gate is shut again", Chances::Retry, jiff::Timestamp::UNIX_EPOCH);
    let again = SeiNodeStatus { plan: Some(plan.write(None)), ..SeiNodeStatus::default() };
    assert_eq!(scene.defer(&again, 1_100), None);
}

fn with_peers(number: usize) -> SeiNodeStatus {
    let resolved_peers = (0..number).map(|peer| format!("n{peer}.sei.svc")).collect();
    SeiNodeStatus { resolved_peers, ..SeiNodeStatus::default() }
}

#[test]
fn peers_that_come_one_by_one_are_written_a_few_times() {
    let mut scene = Scene::of(SeiNodeStatus::default());
    let mut writes = 0;
    for peer in 1..=300 {
        let (next, now) = (with_peers(peer), 100 * u64::try_from(peer).unwrap());
        if scene.defer(&next, now).is_none() {
            scene.write(&next, now);
            writes += 1;
        }
    }
    assert!((2..=4).contains(&writes), "{writes} writes of 300 changes in 30 s");
}

#[test]
fn peers_are_written_at_once_with_anything_else() {
    let mut scene = Scene::of(SeiNodeStatus::default());
    assert_eq!(scene.defer(&with_peers(1), 0), None, "the first news of them");
    scene.write(&with_peers(1), 0);
    let more = SeiNodeStatus { node_id: Some("id".into()), ..with_peers(2) };
    assert_eq!(scene.defer(&more, 100), None, "others wait for the id");
    assert!(scene.defer(&with_peers(2), 100).is_some_and(|pause| (9_900..=15_000).contains(&pause)));
}
