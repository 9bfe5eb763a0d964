//! Requests to a node's sidecar and their execution: the evidence for tests. Append only; outlives pods and
//! volumes.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::task_type::TaskType;

/// One request, whether answered or not. Requests that a black hole ate are not recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Time of arrival.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path without the prefix that names the node.
    pub path: String,
    /// Body as sent.
    pub body: String,
    /// The outcome.
    pub answer: Answer,
    /// The pod that ran or was starting then, if any.
    pub pod_uid: Option<String>,
}

/// Outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was answered with this status. The body may have been garbled on the way.
    Status(u16),
    /// The connection was reset without an answer.
    Dropped,
    /// It got no answer.
    Withheld,
}

/// One accepted submission of a task, in order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The task's id, as submitted or made by the sidecar.
    pub id: String,
    /// The type that was submitted.
    pub task: TaskType,
    /// The parameters exactly as on the wire; `None` when they were omitted.
    pub params: Option<Map<String, Value>>,
    /// Time of arrival.
    pub at: Timestamp,
    /// The pod that accepted it.
    pub pod_uid: String,
    /// The run that the submission began, or the run that the store already knew.
    pub run: u64,
    /// Effect on the node.
    pub effect: SubmissionEffect,
}

/// Effect of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmissionEffect {
    /// The task was executed.
    Executed,
    /// The id was running or completed already: nothing happened.
    AlreadyKnown,
}

/// One execution of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The task's id.
    pub id: String,
    /// Its type.
    pub task: TaskType,
    /// Its run, from 1.
    pub run: u64,
    /// Start time.
    pub at: Timestamp,
    /// The pod that executed it.
    pub pod_uid: String,
    /// Why it was executed.
    pub cause: Cause,
}

/// Why a task was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was submitted.
    Submitted,
    /// Its row was `running` when the process started.
    Resumed,
}

/// Two pods of one node that were there at the same time, whether their containers ran or not: both could have mounted
/// the same volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Time at which the later one was first seen.
    pub at: Timestamp,
    /// Name of the one that was there.
    pub earlier: String,
    /// Name of the one that came.
    pub later: String,
}

/// Everything recorded about one node.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Times at which processes began to answer.
    pub(crate) starts: Vec<Timestamp>,
    pub(crate) requests: Vec<Request>,
    pub(crate) submissions: Vec<Submission>,
    pub(crate) executions: Vec<Execution>,
    pub(crate) overlaps: Vec<Overlap>,
}
