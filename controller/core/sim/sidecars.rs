//! The sidecars: one process in each running pod, and on each volume the store of its tasks.
//!
//! What a process forgets when it ends is its gate; what it keeps is the store (contract: plans-tasks-sidecar §5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use seinode_core::{
    configuration::PERSISTENT_PEERS,
    effect::Submission,
    ids::TaskId,
    node::NodeId,
    sidecar::{Health, RunningTask, TaskReport, Unreachable},
    task_type::{By, TaskType, Writes},
};
use serde_json::Value;

/// Every sidecar there is.
#[derive(Clone, Debug, Default)]
pub struct Sidecars {
    /// By UID of the pod.
    processes: BTreeMap<String, Process>,
    /// By UID of the PVC.
    stores: BTreeMap<String, BTreeMap<TaskId, Record>>,
    /// Parameters that each task last wrote into the configuration, by UID of the PVC.
    written: BTreeMap<(String, TaskType), Option<Value>>,
    /// Number of times that tasks of a type are still to fail.
    pub failing: BTreeMap<TaskType, u32>,
    /// Number of requests that are not answered.
    pub deaf: u32,
    changes: u64,
}

/// The process of a sidecar.
#[derive(Clone, Debug)]
struct Process {
    volume: String,
    gate: Health,
}

/// A task in a store.
#[derive(Clone, Debug)]
struct Record {
    kind: TaskType,
    params: Option<Value>,
    state: TaskReport,
    /// Number of times that a POST has run it.
    runs: u32,
    submitted_at: Timestamp,
    /// Its row is deleted, and it is at work all the same.
    dropped: bool,
}

/// End of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// On SIGTERM: what was under way is stored as failed.
    InTime,
    /// At once: what was under way is taken up again by the next process.
    AtOnce,
}

/// True if a task asks the `seid` of peers for their ids: it fails unless one runs.
fn asks_peers(record: &Record) -> bool {
    record.kind == TaskType::DiscoverPeers
        && record.params.as_ref().is_some_and(|params| params.to_string().contains("dnsEndpoints"))
}

/// The id of a node with this volume.
fn node_id(volume: &str) -> NodeId {
    let digits: String = volume.bytes().map(|byte| format!("{byte:02x}")).collect();
    NodeId::parse(&format!("{:0>40}", &digits[digits.len().saturating_sub(40)..])).unwrap()
}

/// Parameters of config-apply but for the list of peers.
pub fn besides_peers(params: &Option<Value>) -> Option<Value> {
    let mut params = params.clone()?;
    if let Some(overrides) = params.pointer_mut("/overrides").and_then(Value::as_object_mut) {
        overrides.remove(PERSISTENT_PEERS);
    }
    Some(params)
}

impl Sidecars {
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// A process starts, with its gate shut.
    pub fn start(&mut self, pod: &str, volume: &str) {
        self.changes += 1;
        let process = Process { volume: volume.to_owned(), gate: Health::NotReady };
        self.processes.insert(pod.to_owned(), process);
    }

    /// Somebody has opened the gate of a pod.
    pub fn open(&mut self, pod: &str) {
        self.changes += 1;
        if let Some(process) = self.processes.get_mut(pod) {
            process.gate = Health::Ready;
        }
    }

    /// A process ends.
    pub fn end(&mut self, pod: &str, farewell: Farewell) {
        self.changes += 1;
        let Some(process) = self.processes.remove(pod) else { return };
        let store = self.stores.entry(process.volume.clone()).or_default();
        store.retain(|_, record| !record.dropped);
        if farewell == Farewell::InTime {
            let store = self.stores.entry(process.volume).or_default();
            for record in store.values_mut().filter(|record| record.state == TaskReport::Running) {
                record.state = TaskReport::Failed("context canceled".into());
            }
        }
    }

    /// The container is started anew in the same pod.
    pub fn restart(&mut self, pod: &str, farewell: Farewell) {
        if let Some(volume) = self.processes.get(pod).map(|process| process.volume.clone()) {
            self.end(pod, farewell);
            self.start(pod, &volume);
        }
    }

    /// The store of a volume is lost.
    pub fn lose_store(&mut self, volume: &str) -> bool {
        self.changes += 1;
        self.stores.remove(volume).is_some_and(|store| !store.is_empty())
    }

    pub fn is_open(&self, pod: &str) -> bool {
        self.processes.get(pod).is_some_and(|process| process.gate == Health::Ready)
    }

    pub fn has(&self, pod: &str) -> bool {
        self.processes.contains_key(pod)
    }

    /// Answer of a sidecar about its gate.
    pub fn gate(&mut self, pod: &str) -> Result<Health, Unreachable> {
        self.listens()?;
        self.processes.get(pod).map(|process| process.gate).ok_or(Unreachable::Refused)
    }

    /// Answer of a sidecar about the id of its node: `seid` need not run for it.
    pub fn node_id(&mut self, pod: &str) -> Result<NodeId, Unreachable> {
        self.listens()?;
        self.process_id(pod).ok_or(Unreachable::Refused)
    }

    /// The id that the key on the volume of a pod gives its node.
    pub fn process_id(&self, pod: &str) -> Option<NodeId> {
        self.processes.get(pod).map(|process| node_id(&process.volume))
    }

    /// Answer of a sidecar about a task.
    pub fn report(&mut self, pod: &str, id: TaskId) -> Result<TaskReport, Unreachable> {
        self.listens()?;
        let process = self.processes.get(pod).ok_or(Unreachable::Refused)?;
        let record = self.stores.get(&process.volume).and_then(|store| store.get(&id));
        let record = record.filter(|record| !record.dropped);
        Ok(record.map_or(TaskReport::Unknown, |record| record.state.clone()))
    }

    /// The tasks that a sidecar is at work on, as far as their rows are there.
    pub fn running(&mut self, pod: &str) -> Result<Vec<RunningTask>, Unreachable> {
        self.listens()?;
        let process = self.processes.get(pod).ok_or(Unreachable::Refused)?;
        let store = self.stores.get(&process.volume).into_iter().flatten();
        let running = store.filter(|(_, it)| it.state == TaskReport::Running && !it.dropped);
        let read = |(id, it): (&TaskId, &Record)| RunningTask {
            id: *id,
            kind: it.kind.as_str().to_owned(),
            submitted_at: it.submitted_at,
        };
        Ok(running.map(read).collect())
    }

    /// The row of a task is deleted; what is at work goes on until its process ends.
    pub fn drop_task(&mut self, pod: &str, id: TaskId) -> Result<(), Unreachable> {
        self.listens()?;
        self.changes += 1;
        let process = self.processes.get(pod).ok_or(Unreachable::Refused)?;
        let record = self.stores.get_mut(&process.volume).and_then(|store| store.get_mut(&id));
        record.into_iter().for_each(|record| record.dropped = true);
        Ok(())
    }

    /// The other tasks that write to the volume of a pod now.
    pub fn writers_beside(&self, pod: &str, id: TaskId) -> Vec<TaskType> {
        let store = self.processes.get(pod).and_then(|process| self.stores.get(&process.volume));
        let writes = |it: &Record| it.kind.writes() == Writes::Data && it.kind.by() == By::Sidecar;
        let others = store.into_iter().flatten().filter(|(other, it)| **other != id && writes(it));
        others.filter(|(_, it)| it.state == TaskReport::Running).map(|(_, it)| it.kind).collect()
    }

    /// A sidecar takes a task, and says how often this id has been run by now. One that it knows is not run again,
    /// unless it failed.
    pub fn submit(&mut self, pod: &str, submission: &Submission, now: Timestamp) -> Result<u32, Unreachable> {
        self.listens()?;
        let process = self.processes.get(pod).ok_or(Unreachable::Refused)?;
        let store = self.stores.entry(process.volume.clone()).or_default();
        let record = store.entry(submission.id).or_insert(Record {
            kind: submission.task,
            params: submission.params.clone(),
            state: TaskReport::Failed(String::new()),
            runs: 0,
            submitted_at: now,
            dropped: false,
        });
        if let TaskReport::Failed(_) = record.state {
            record.state = TaskReport::Running;
            record.runs += 1;
            self.changes += 1;
        }
        Ok(record.runs)
    }

    fn listens(&mut self) -> Result<(), Unreachable> {
        if self.deaf == 0 {
            return Ok(());
        }
        self.deaf -= 1;
        Err(Unreachable::Timeout)
    }

    /// The tasks that a sidecar can bring to an end now.
    pub fn under_way(&self) -> impl Iterator<Item = (&String, TaskId)> {
        self.processes.iter().flat_map(|(pod, process)| {
            let store = self.stores.get(&process.volume).into_iter().flatten();
            let running =
                store.filter(|(_, it)| it.state == TaskReport::Running && it.kind.by() == By::Sidecar);
            running.map(move |(id, _)| (pod, *id))
        })
    }

    /// A task comes to its end.
    pub fn finish(&mut self, pod: &str, id: TaskId) -> Option<(TaskType, TaskReport)> {
        self.changes += 1;
        let serving = self.processes.values().any(|process| process.gate == Health::Ready);
        let process = self.processes.get_mut(pod)?;
        let record = self.stores.get_mut(&process.volume)?.get_mut(&id)?;
        let still = self.failing.entry(record.kind).or_default();
        record.state = match still.checked_sub(1) {
            Some(less) => {
                *still = less;
                TaskReport::Failed(format!("{} does not work today", record.kind))
            }
            None if !serving && asks_peers(record) => TaskReport::Failed("no reachable peers found".into()),
            None => TaskReport::Completed,
        };
        if record.state == TaskReport::Completed {
            let volume = &process.volume;
            match record.kind {
                TaskType::MarkReady => process.gate = Health::Ready,
                TaskType::ConfigApply if is_incremental(record.params.as_ref()) => {
                    let whole = self.written.entry((volume.clone(), record.kind)).or_default();
                    merge(whole, record.params.as_ref());
                }
                TaskType::ConfigApply => {
                    // It overwrites the peers.
                    self.written.remove(&(volume.clone(), TaskType::DiscoverPeers));
                    self.written.remove(&(volume.clone(), TaskType::SetGenesisPeers));
                    self.written.insert((volume.clone(), record.kind), record.params.clone());
                }
                TaskType::DiscoverPeers | TaskType::SetGenesisPeers => {
                    self.written.insert((volume.clone(), record.kind), record.params.clone());
                }
                _ => {}
            }
        }
        Some((record.kind, record.state.clone()))
    }

    /// Parameters that a task last wrote into the configuration on a volume.
    pub fn written(&self, volume: &str, kind: TaskType) -> Option<&Option<Value>> {
        self.written.get(&(volume.to_owned(), kind))
    }

    /// The volume that a pod's processes run on.
    pub fn volume(&self, pod: &str) -> Option<&str> {
        self.processes.get(pod).map(|process| process.volume.as_str())
    }

    /// Answer that a sidecar would give about its gate, without being asked.
    pub fn would_say(&self, pod: &str) -> Result<Health, Unreachable> {
        self.processes.get(pod).map(|process| process.gate).ok_or(Unreachable::Refused)
    }

    /// True if a store has a task of this type that failed.
    pub fn has_failed(&self, volume: &str, kind: TaskType) -> bool {
        let store = self.stores.get(volume).into_iter().flatten();
        store.into_iter().any(|(_, it)| it.kind == kind && matches!(it.state, TaskReport::Failed(_)))
    }
}

fn is_incremental(params: Option<&Value>) -> bool {
    params.is_some_and(|params| params["incremental"] == true)
}

/// Changes the configuration that there is by an increment.
fn merge(whole: &mut Option<Value>, increment: Option<&Value>) {
    let overrides = increment.and_then(|it| it["overrides"].as_object());
    if let (Some(whole), Some(overrides)) =
        (whole.as_mut().and_then(|whole| whole["overrides"].as_object_mut()), overrides)
    {
        whole.extend(overrides.clone());
    }
}
