//! Pods and claims as a watch would tell of them.

use serde_json::{Map, json};

use super::*;
use crate::{
    behaviour::{Delay, Times},
    process::{ProcessState, VolumeSource},
    store::{TaskRow, TaskStatus},
    task_type::TaskType,
};

const ID: &str = "aaaaaaaa-0000-5000-8000-000000000000";

/// A world with one node, and whatever is due done at once.
struct Stage {
    world: World,
    key: NodeKey,
    now: Timestamp,
}

impl Stage {
    fn new() -> Self {
        Self {
            world: World::default(),
            key: NodeKey::new("ns", "a"),
            now: Timestamp::from_second(1_000_000).unwrap(),
        }
    }

    /// A node whose pod runs on the claim `claim-1`.
    fn running() -> Self {
        let mut stage = Self::new();
        stage.claim("data-a", "claim-1");
        stage.pod("pod-1", Some(0));
        assert!(stage.is_up());
        stage
    }

    fn claim(&mut self, name: &str, uid: &str) {
        self.world.claim_seen("ns", name, uid, self.now);
    }

    /// A pod whose name is its UID is seen; `restarts` of its sidecar, `None` while that has not started.
    fn pod(&mut self, uid: &str, restarts: Option<i32>) {
        let process = restarts.map_or(ProcessState::Starting, |restarts| {
            ProcessState::Running(ProcessId {
                pod_uid: uid.into(),
                container_id: None,
                restarts,
                started_at: None,
            })
        });
        let view = PodView {
            node: self.key.clone(),
            name: uid.into(),
            uid: uid.into(),
            created_at: None,
            terminating: false,
            process,
            volume: VolumeSource::Claim("data-a".into()),
        };
        self.world.pod_seen(view, self.now);
    }

    fn settle(&mut self) {
        loop {
            let timers = self.world.take_timers();
            if timers.is_empty() {
                break;
            }
            for timer in timers {
                self.world.fire(timer.due, self.now);
            }
        }
    }

    fn submit(&mut self, task: &str) {
        let body = json!({"id": ID, "type": task}).to_string();
        let incoming = Incoming { node: &self.key, method: "POST", path: "/v0/tasks", body: body.as_bytes() };
        assert!(matches!(self.world.receive(incoming, self.now), Arrival::Answered(..)));
    }

    fn row(&mut self) -> Option<TaskRow> {
        let key = self.key.clone();
        self.world.running(&key)?.1.store.get(ID).cloned()
    }

    fn overlaps(&mut self) -> Vec<(String, String)> {
        let key = self.key.clone();
        let overlaps = &self.world.node(&key).journal.overlaps;
        overlaps.iter().map(|overlap| (overlap.earlier.clone(), overlap.later.clone())).collect()
    }

    fn is_up(&self) -> bool {
        self.world.existing(&self.key).is_some_and(NodeState::is_up)
    }

    fn is_ready(&self) -> bool {
        self.world.existing(&self.key).is_some_and(NodeState::is_ready)
    }

    fn executions(&mut self) -> usize {
        let key = self.key.clone();
        self.world.node(&key).journal.executions.len()
    }
}

#[test]
fn a_pod_and_its_claim_may_be_seen_in_either_order() {
    let mut stage = Stage::new();
    stage.pod("pod-1", Some(0));
    assert!(!stage.is_up(), "whose store is it?");
    stage.claim("other", "claim-9");
    assert!(!stage.is_up());
    stage.claim("data-a", "claim-1");
    assert!(stage.is_up());
}

#[test]
fn a_process_is_there_while_its_container_runs() {
    let mut stage = Stage::new();
    stage.claim("data-a", "claim-1");
    stage.pod("pod-1", None);
    assert!(!stage.is_up());
    stage.pod("pod-1", Some(0));
    assert!(stage.is_up());
    let key = stage.key.clone();
    stage.world.pod_gone(&key, "another", stage.now);
    assert!(stage.is_up());
    stage.world.pod_gone(&key, "pod-1", stage.now);
    assert!(!stage.is_up());
}

#[test]
fn readiness_is_lost_with_every_process_and_the_store_is_kept() {
    let mut stage = Stage::running();
    stage.submit("mark-ready");
    stage.settle();
    assert!(stage.is_ready());
    stage.pod("pod-1", Some(0));
    assert!(stage.is_ready(), "seen again, nothing changed");
    stage.pod("pod-1", Some(1));
    assert!(stage.is_up() && !stage.is_ready(), "the container was restarted");
    assert_eq!(stage.row().map(|row| row.status), Some(TaskStatus::Completed));
    let key = stage.key.clone();
    stage.world.pod_gone(&key, "pod-1", stage.now);
    stage.pod("pod-2", Some(1));
    assert!(stage.is_up() && !stage.is_ready(), "the pod was replaced");
    assert_eq!(stage.row().map(|row| row.status), Some(TaskStatus::Completed));
    assert_eq!(stage.executions(), 1);
}

#[test]
fn what_was_running_is_run_again_and_the_lost_run_does_not_count() {
    let mut stage = Stage::running();
    stage.submit("mark-ready");
    let lost = stage.world.take_timers();
    stage.pod("pod-1", Some(1));
    for timer in lost {
        stage.world.fire(timer.due, stage.now);
    }
    assert!(!stage.is_ready());
    assert_eq!(stage.row().map(|row| (row.status, row.run)), Some((TaskStatus::Running, 1)));
    stage.settle();
    assert!(stage.is_ready());
    assert_eq!(stage.executions(), 2);
}

#[test]
fn the_store_goes_with_the_volume() {
    let mut stage = Stage::running();
    stage.submit("mark-ready");
    stage.settle();
    stage.claim("data-a", "claim-2");
    assert!(stage.is_up() && !stage.is_ready());
    assert_eq!(stage.row(), None);
    assert_eq!(stage.world.homes.len(), 1, "the old volume is forgotten");

    let mut stage = Stage::running();
    stage.submit("mark-ready");
    stage.settle();
    let key = stage.key.clone();
    stage.world.pod_gone(&key, "pod-1", stage.now);
    stage.world.claim_gone("ns", "data-a", "claim-9", stage.now);
    stage.world.claim_gone("ns", "data-a", "claim-1", stage.now);
    assert!(stage.world.homes.is_empty() && stage.world.claims.is_empty());
}

#[test]
fn a_run_in_flight_is_lost_with_the_store() {
    let mut stage = Stage::running();
    stage.submit("mark-ready");
    let key = stage.key.clone();
    stage.world.lose_store(&key);
    stage.settle();
    assert_eq!(stage.row(), None);
    assert!(stage.is_up() && !stage.is_ready());
}

#[test]
fn a_node_that_is_created_anew_on_its_old_volume_finds_its_old_store() {
    let mut stage = Stage::running();
    stage.submit("mark-ready");
    stage.settle();
    let key = stage.key.clone();
    stage.world.pod_gone(&key, "pod-1", stage.now);
    stage.claim("data-a", "claim-1");
    stage.pod("pod-2", Some(0));
    assert!(stage.row().is_some());
}

#[test]
fn a_start_delay_counts_for_the_process_it_was_drawn_for() {
    let mut stage = Stage::new();
    stage.world.settings(None).start_delay = Some(Delay::Fixed(Duration::from_secs(1)));
    stage.claim("data-a", "claim-1");
    stage.pod("pod-1", Some(0));
    let first = stage.world.take_timers();
    stage.pod("pod-1", Some(1));
    for timer in first {
        assert_eq!(timer.after, Duration::from_secs(1));
        stage.world.fire(timer.due, stage.now);
    }
    assert!(!stage.is_up(), "the first process is gone");
    stage.settle();
    assert!(stage.is_up());
}

#[test]
fn the_identity_comes_with_the_volume() {
    let mut stage = Stage::running();
    let node_id = |stage: &mut Stage| {
        let key = stage.key.clone();
        stage.world.running(&key).unwrap().1.node_id.clone()
    };
    let first = node_id(&mut stage);
    assert!(first.is_some());
    stage.pod("pod-1", Some(1));
    assert_eq!(node_id(&mut stage), first);
    stage.claim("data-a", "claim-2");
    assert_ne!(node_id(&mut stage), first);
}

#[test]
fn a_failure_is_drawn_when_the_run_begins() {
    let mut stage = Stage::running();
    let number = stage.world.number();
    let failure = Deviation::FailTask(TaskType::SnapshotUpload, "no bucket".into());
    stage.world.settings(None).add(number, failure, Times::Next(1));
    stage.submit("snapshot-upload");
    *stage.world.settings(None) = Settings::default();
    stage.settle();
    assert_eq!(stage.row().and_then(|row| row.error), Some("no bucket".into()), "endless tasks fail, too");
    stage.submit("snapshot-upload");
    stage.settle();
    assert_eq!(stage.row().map(|row| (row.status, row.run)), Some((TaskStatus::Running, 2)));
    assert_eq!(stage.row().map(|row| row.params), Some(Map::new()));
}

#[test]
fn two_pods_at_once_are_recorded_once_however_often_they_are_seen() {
    let mut stage = Stage::running();
    let key = stage.key.clone();
    stage.pod("pod-1", Some(1));
    stage.world.pod_gone(&key, "pod-1", stage.now);
    stage.pod("pod-2", None);
    assert_eq!(stage.overlaps(), []);
    stage.pod("pod-3", None);
    stage.pod("pod-2", Some(0));
    stage.pod("pod-3", Some(0));
    assert_eq!(stage.overlaps(), [("pod-2".into(), "pod-3".into())]);
    stage.world.pod_gone(&key, "pod-2", stage.now);
    stage.world.pod_gone(&key, "pod-3", stage.now);
    stage.pod("pod-4", None);
    assert_eq!(stage.overlaps().len(), 1);
}

#[test]
fn an_endless_run_ends_when_it_is_told_to_and_once() {
    let mut stage = Stage::running();
    let key = stage.key.clone();
    let end = |stage: &mut Stage, task, result| {
        let now = stage.now;
        stage.world.end_endless(&key, task, result, now)
    };
    stage.submit("snapshot-upload");
    stage.settle();
    assert_eq!(end(&mut stage, TaskType::ResultExport, Ok(())), 0);
    assert_eq!(stage.row().map(|row| row.status), Some(TaskStatus::Running));
    assert_eq!(end(&mut stage, TaskType::SnapshotUpload, Err("no space left")), 1);
    assert_eq!(stage.row().and_then(|row| row.error), Some("no space left".into()));
    assert_eq!(end(&mut stage, TaskType::SnapshotUpload, Ok(())), 0);
    stage.submit("snapshot-upload");
    assert_eq!(end(&mut stage, TaskType::SnapshotUpload, Ok(())), 1);
    assert_eq!(stage.row().map(|row| (row.status, row.run)), Some((TaskStatus::Completed, 2)));
}

#[test]
fn an_endless_run_is_lost_with_its_process_and_with_its_store() {
    let mut stage = Stage::running();
    let key = stage.key.clone();
    stage.submit("snapshot-upload");
    stage.world.lose_store(&key);
    assert_eq!(stage.world.end_endless(&key, TaskType::SnapshotUpload, Ok(()), stage.now), 0);
    stage.submit("snapshot-upload");
    stage.pod("pod-1", Some(1));
    assert_eq!(stage.executions(), 3, "the next process goes on with it");
    assert_eq!(stage.world.end_endless(&key, TaskType::SnapshotUpload, Ok(()), stage.now), 1);
}

#[test]
fn a_stop_by_hand_survives_an_unrelated_change_of_the_pod() {
    let mut stage = Stage::running();
    stage.world.move_by_hand(&stage.key, Move::StopProcess, stage.now);
    stage.pod("pod-1", Some(0));
    assert!(!stage.is_up(), "its readiness changed, not its process");
    stage.pod("pod-1", Some(1));
    assert!(stage.is_up(), "the container was started again");
}

#[test]
fn probes_of_seid_fail_until_the_gate_opened_in_that_pod() {
    let mut stage = Stage::running();
    let answers = |stage: &Stage, uid: &str, port: i32, path: &str| {
        stage.world.answers_probe(&stage.key, uid, port, path)
    };
    assert!(!answers(&stage, "pod-1", 7777, "/v0/healthz") && answers(&stage, "pod-1", 7777, "/v0/livez"));
    assert!(!answers(&stage, "pod-1", 26657, "/lag_status"));
    stage.submit("mark-ready");
    stage.settle();
    for (port, path) in [(7777, "/v0/healthz"), (26657, "/lag_status")] {
        assert!(answers(&stage, "pod-1", port, path) && !answers(&stage, "pod-2", port, path), "{path}");
    }
}
