//! The task store: what the real sidecar keeps in `sidecar.db` on the data volume. Pure; time is an argument.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{journal::SubmissionEffect, task_type::TaskType};

/// The list endpoint shows no more tasks than this.
const LIST_LIMIT: usize = 100;

/// A stored task; serialises as the contract's `TaskResult`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRow {
    /// Identity.
    pub id: String,
    /// Type.
    #[serde(rename = "type")]
    pub task: TaskType,
    /// Its state.
    pub status: TaskStatus,
    /// Number of the present run, from 1.
    pub run: u64,
    /// Parameters as submitted for this run; omitted when empty.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Submission time of this run.
    pub submitted_at: Timestamp,
    /// End time of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Breaks ties between equal times.
    #[serde(skip)]
    order: u64,
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// It is being executed, or was when the process ended.
    Running,
    /// It succeeded.
    Completed,
    /// It failed.
    Failed,
}

/// All tasks of one volume.
#[derive(Debug, Default)]
pub(crate) struct Store {
    rows: BTreeMap<String, TaskRow>,
    next_order: u64,
}

impl Store {
    /// Takes in a submission. An unknown id begins run 1, a failed one its next run with the new type and
    /// parameters; a running or completed one is left as it is.
    pub(crate) fn submit(
        &mut self,
        id: &str,
        task: TaskType,
        params: Map<String, Value>,
        now: Timestamp,
    ) -> (TaskRow, SubmissionEffect) {
        let run = match self.rows.get(id) {
            None => 1,
            Some(row) if row.status == TaskStatus::Failed => row.run + 1,
            Some(row) => return (row.clone(), SubmissionEffect::AlreadyKnown),
        };
        let row = TaskRow {
            id: id.to_owned(),
            task,
            status: TaskStatus::Running,
            run,
            params,
            error: None,
            submitted_at: now,
            completed_at: None,
            order: self.next_order,
        };
        self.next_order += 1;
        self.put(row.clone());
        (row, SubmissionEffect::Executed)
    }

    /// Saves a row, also one that was removed meanwhile: the real sidecar does not cancel a removed task, and
    /// its end brings the row back.
    pub(crate) fn put(&mut self, row: TaskRow) {
        self.rows.insert(row.id.clone(), row);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&TaskRow> {
        self.rows.get(id)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<TaskRow> {
        self.rows.remove(id)
    }

    /// The newest tasks, newest first.
    pub(crate) fn newest(&self) -> Vec<&TaskRow> {
        let mut rows: Vec<_> = self.rows.values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.submitted_at, row.order)));
        rows.truncate(LIST_LIMIT);
        rows
    }

    /// Tasks that were running, oldest first.
    pub(crate) fn running(&self) -> Vec<TaskRow> {
        let mut rows: Vec<_> =
            self.rows.values().filter(|row| row.status == TaskStatus::Running).cloned().collect();
        rows.sort_by_key(|row| (row.submitted_at, row.order));
        rows
    }
}

impl TaskRow {
    /// The row at the end of its run.
    pub(crate) fn ended(mut self, result: Result<(), String>, now: Timestamp) -> Self {
        self.completed_at = Some(now);
        match result {
            Ok(()) => self.status = TaskStatus::Completed,
            Err(error) => {
                self.status = TaskStatus::Failed;
                self.error = Some(error);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn params(mode: &str) -> Map<String, Value> {
        Map::from_iter([("mode".to_owned(), json!(mode))])
    }

    #[test]
    fn running_and_completed_ids_are_not_run_again() {
        let mut store = Store::default();
        let (row, effect) = store.submit("a", TaskType::ConfigApply, params("full"), at(1));
        assert_eq!((row.run, effect), (1, SubmissionEffect::Executed));
        let (row, effect) = store.submit("a", TaskType::MarkReady, Map::new(), at(2));
        assert_eq!((row.task, effect), (TaskType::ConfigApply, SubmissionEffect::AlreadyKnown));
        store.put(row.ended(Ok(()), at(3)));
        let (row, effect) = store.submit("a", TaskType::ConfigApply, params("archive"), at(4));
        assert_eq!((row.run, effect), (1, SubmissionEffect::AlreadyKnown));
        assert_eq!((row.params, row.submitted_at), (params("full"), at(1)));
    }

    #[test]
    fn a_failed_id_runs_again_with_the_new_parameters() {
        let mut store = Store::default();
        let (row, _) = store.submit("a", TaskType::ConfigApply, params("full"), at(1));
        store.put(row.ended(Err("no".into()), at(2)));
        let (row, effect) = store.submit("a", TaskType::ConfigApply, params("archive"), at(3));
        assert_eq!((row.run, effect), (2, SubmissionEffect::Executed));
        assert_eq!(
            serde_json::to_value(store.get("a")).unwrap(),
            json!({
                "id": "a", "type": "config-apply", "status": "running", "run": 2,
                "params": {"mode": "archive"}, "submittedAt": "1970-01-01T00:00:03Z",
            })
        );
    }

    #[test]
    fn the_list_is_newest_first_and_short() {
        let mut store = Store::default();
        for n in 0..150 {
            store.submit(&format!("id-{n}"), TaskType::MarkReady, Map::new(), at(n / 2));
        }
        let newest = store.newest();
        assert_eq!(newest.len(), 100);
        assert_eq!((newest[0].id.as_str(), newest[99].id.as_str()), ("id-149", "id-50"));
    }

    #[test]
    fn a_removed_task_comes_back_when_its_run_ends() {
        let mut store = Store::default();
        let (row, _) = store.submit("a", TaskType::MarkReady, Map::new(), at(1));
        assert!(store.remove("a").is_some());
        assert!(store.remove("a").is_none());
        store.put(row.ended(Ok(()), at(2)));
        assert_eq!(store.get("a").map(|row| row.status), Some(TaskStatus::Completed));
    }
}
