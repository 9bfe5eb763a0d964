//! Runs of tasks: how they begin, how long they take, how they end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Due, Timer, World};
use crate::{
    address::NodeKey,
    behaviour::Delay,
    home::Home,
    journal::{Cause, Execution, Submission, SubmissionEffect},
    run::{Mark, Outcome, outcome},
    settings::Deviation,
    store::{TaskRow, TaskStatus},
    task_type::TaskType,
};

/// A run that is about to end.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    node: NodeKey,
    number: u64,
    row: TaskRow,
    began: Timestamp,
    /// The failure that a test asked for.
    failure: Option<String>,
}

impl World {
    /// Takes in a submission that passed the checks at the door. `None` when no process runs.
    pub(super) fn submit(
        &mut self,
        key: &NodeKey,
        id: &str,
        task: TaskType,
        params: Option<Map<String, Value>>,
        now: Timestamp,
    ) -> Option<()> {
        let (memory, home) = self.running(key)?;
        memory.metrics.submitted(task);
        let (row, effect) = home.store.submit(id, task, params.clone().unwrap_or_default(), now);
        let pod_uid = self.node(key).pod_uid()?;
        let submission =
            Submission { id: id.to_owned(), task, params, at: now, pod_uid, run: row.run, effect };
        self.node(key).journal.submissions.push(submission);
        if effect == SubmissionEffect::Executed {
            self.begin_run(key, row, Cause::Submitted, now);
        }
        Some(())
    }

    pub(super) fn begin_run(&mut self, key: &NodeKey, row: TaskRow, cause: Cause, now: Timestamp) {
        let Some(pod_uid) = self.node(key).pod_uid() else { return };
        let TaskRow { id, task, run, .. } = row.clone();
        let executions = &mut self.node(key).journal.executions;
        executions.push(Execution { id, task, run, at: now, pod_uid, cause });
        let label = format!("{key}/{task}/{}", executions.len());

        let failure = self.deviation(key, |deviation| match deviation {
            Deviation::FailTask(failing, message) if *failing == task => Some(message.clone()),
            _ => None,
        });
        let duration = self.setting(key, |settings| settings.task_durations.get(&task).copied());
        let is_endless =
            failure.is_none() && duration.is_none() && self.outcome(key, &row) == Outcome::Endless;
        let number = self.number();
        let Some((memory, _)) = self.running(key) else { return };
        let ending = Ending { node: key.clone(), number, row, began: now, failure };
        if is_endless {
            memory.endless.push(ending);
        } else {
            memory.in_flight.insert(number);
            let after = duration.unwrap_or(Delay::NONE).draw(&label);
            self.timers.push(Timer { after, due: Due::End(ending) });
        }
    }

    /// Ends the runs of `task` on one node that would not end by themselves, and says how many there were.
    pub(crate) fn end_endless(
        &mut self,
        key: &NodeKey,
        task: TaskType,
        result: Result<(), &str>,
        now: Timestamp,
    ) -> usize {
        let Some((memory, _)) = self.running(key) else { return 0 };
        let (ended, kept): (Vec<_>, _) =
            std::mem::take(&mut memory.endless).into_iter().partition(|ending| ending.row.task == task);
        memory.endless = kept;
        let count = ended.len();
        for ending in ended {
            self.conclude(Ending { failure: result.err().map(str::to_owned), ..ending }, now);
        }
        count
    }

    /// A run is over, unless its process or store is gone, or its type is held back.
    pub(super) fn end_of_run(&mut self, ending: Ending, now: Timestamp) {
        let key = ending.node.clone();
        let is_held = self.is_held(&key, ending.row.task);
        let Some((memory, _)) = self.running(&key) else { return };
        if !memory.in_flight.remove(&ending.number) {
            return;
        }
        if is_held {
            memory.held.push(ending);
        } else {
            self.conclude(ending, now);
        }
    }

    /// Ends the runs of `task` that were held back.
    pub(crate) fn release(&mut self, task: TaskType, now: Timestamp) {
        let keys: Vec<_> = self.nodes.keys().filter(|key| !self.is_held(key, task)).cloned().collect();
        for key in keys {
            let Some((memory, _)) = self.running(&key) else { continue };
            let held = std::mem::take(&mut memory.held);
            let (released, kept) = held.into_iter().partition(|ending| ending.row.task == task);
            memory.held = kept;
            let released: Vec<Ending> = released;
            for ending in released {
                self.conclude(ending, now);
            }
        }
    }

    fn is_held(&self, key: &NodeKey, task: TaskType) -> bool {
        let own = self.nodes.get(key).is_some_and(|node| node.settings.held.contains(&task));
        own || self.defaults.held.contains(&task)
    }

    fn conclude(&mut self, ending: Ending, now: Timestamp) {
        let Ending { node: key, row, began, failure, .. } = ending;
        let outcome = failure.map_or_else(|| self.outcome(&key, &row), Outcome::Failed);
        let (result, mark) = match outcome {
            Outcome::Completed(mark) => (Ok(()), mark),
            Outcome::Failed(message) => (Err(message), Mark::None),
            // A test gave an endless task an end.
            Outcome::Endless => (Ok(()), Mark::None),
        };
        let Some((memory, home)) = self.running(&key) else { return };
        let row = row.ended(result, now);
        let took = Duration::try_from(now.duration_since(began)).unwrap_or_default();
        memory.metrics.ended(row.task, row.status == TaskStatus::Completed, took);
        home.store.put(row);
        let opens_gate = mark == Mark::GateOpen;
        mark.leave_on(home);
        if opens_gate {
            memory.ready = true;
            let node = self.node(&key);
            node.seid_runs_in = node.pod_uid();
        }
    }

    fn outcome(&self, key: &NodeKey, row: &TaskRow) -> Outcome {
        let empty = Home::default();
        let process = self.nodes.get(key).and_then(|node| node.process.as_ref());
        let home = process.and_then(|process| self.homes.get(&process.volume)).unwrap_or(&empty);
        outcome(row.task, &row.params, home, &self.reachable_peers())
    }
}
