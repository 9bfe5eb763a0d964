//! Reads the sidecar's answers from the wire: bounded in size, and never believed when they are malformed.

use jiff::Timestamp;
use reqwest::{RequestBuilder, Response, StatusCode};
use seinode_core::{
    effect::{Outcome, Submission},
    ids::TaskId,
    node::NodeId,
    sidecar::{Answer, RunningTask, TaskReport, Unreachable},
    text::shortened,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// More than any answer of the contract; config-validate's diagnostics are the largest.
const MAX_BODY: usize = 1 << 20;
/// More than any message that a person wants to read in status.
const MAX_WORDS: usize = 1_000;

/// Report of the sidecar on a task.
#[derive(Deserialize)]
struct Task {
    status: String,
    #[serde(default)]
    error: String,
}

/// A task in its list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    submitted_at: Timestamp,
}

/// Its answer to a hand-over.
#[derive(Deserialize)]
struct Accepted {
    id: String,
}

/// The id of its node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    node_id: String,
}

/// Its words when it refuses.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

pub(super) fn body_of(submission: &Submission) -> Value {
    let mut body = json!({ "id": submission.id.to_string(), "type": submission.task.as_str() });
    if let (Some(params), Some(members)) = (&submission.params, body.as_object_mut()) {
        members.insert("params".to_owned(), params.clone());
    }
    body
}

pub(super) async fn send(request: RequestBuilder) -> Answer<Response> {
    request.send().await.map_err(|error| unreachable(&error))
}

pub(super) async fn body(response: Response) -> Answer<Vec<u8>> {
    let body = beginning(response).await?;
    match body.len() > MAX_BODY {
        true => Err(Unreachable::Unexpected("more than 1 MiB".into())),
        false => Ok(body),
    }
}

/// A body as far as it is read: one that is longer than `MAX_BODY` goes on.
pub(super) async fn beginning(mut response: Response) -> Answer<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() <= MAX_BODY
        && let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(super) fn node_id(body: &[u8]) -> Answer<NodeId> {
    let Identity { node_id } = parse(body)?;
    NodeId::parse(&node_id)
        .ok_or_else(|| Unreachable::Unexpected("a node id that is not 40 hexadecimal digits".into()))
}

pub(super) fn report(body: &[u8]) -> Answer<TaskReport> {
    let task: Task = parse(body)?;
    match task.status.as_str() {
        "running" => Ok(TaskReport::Running),
        "completed" => Ok(TaskReport::Completed),
        "failed" if task.error.is_empty() => Ok(TaskReport::Failed("the sidecar gave no reason".to_owned())),
        "failed" => Ok(TaskReport::Failed(shortened(&task.error, MAX_WORDS))),
        _ => Err(Unreachable::Unexpected("a task status that the contract does not know".into())),
    }
}

/// The running ones of its list, which has the newest hundred tasks with their parameters. Of a list that is too long, those
/// at its beginning: a node whose tasks are large must not wait for ever.
pub(super) fn running(beginning: &[u8]) -> Answer<Vec<RunningTask>> {
    let listed = match beginning.len() > MAX_BODY {
        true => whole_rows(beginning),
        false => parse(beginning)?,
    };
    let running = listed.into_iter().filter(|task| task.status == "running");
    let read = running.map(|Listed { id, kind, status: _, submitted_at }| {
        let id = TaskId::parse(&id)
            .ok_or_else(|| Unreachable::Unexpected("a task id that is not a UUID".into()))?;
        Ok(RunningTask { id, kind, submitted_at })
    });
    read.collect()
}

/// The rows of a list that are there as a whole.
fn whole_rows(beginning: &[u8]) -> Vec<Listed> {
    let mut rest = beginning.trim_ascii_start().strip_prefix(b"[").unwrap_or_default();
    std::iter::from_fn(|| {
        let mut rows = serde_json::Deserializer::from_slice(rest).into_iter();
        let row = rows.next()?.ok()?;
        let behind = rest.get(rows.byte_offset()..)?.trim_ascii_start();
        rest = behind.strip_prefix(b",").unwrap_or_default();
        Some(row)
    })
    .collect()
}

pub(super) fn accepted(body: &[u8], sent: &Submission) -> Answer<Outcome> {
    let accepted: Accepted = parse(body)?;
    match accepted.id == sent.id.to_string() {
        true => Ok(Outcome::Submitted(sent.task)),
        false => Err(Unreachable::Unexpected("it accepted the task under another id".into())),
    }
}

pub(super) fn refusal(body: &[u8]) -> Answer<String> {
    parse::<Refusal>(body).map(|refusal| shortened(&refusal.error, MAX_WORDS))
}

pub(super) fn unexpected(status: StatusCode) -> Unreachable {
    Unreachable::Unexpected(format!("HTTP {}", status.as_u16()))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|_| Unreachable::Unexpected("not the JSON of the contract".into()))
}

/// Classifies a failed request, without ports or times that would change the words (W30).
fn unreachable(error: &reqwest::Error) -> Unreachable {
    if error.is_timeout() {
        return Unreachable::Timeout;
    }
    if error.is_connect() {
        return match chain(error).any(|cause| cause.to_string().contains("dns error")) {
            true => Unreachable::NoSuchHost,
            false => Unreachable::Refused,
        };
    }
    let io_failed = chain(error).any(|cause| cause.is::<std::io::Error>());
    let cut = chain(error).any(|cause| {
        let words = cause.to_string();
        words.contains("connection closed") || words.contains("connection reset")
    });
    match io_failed || cut {
        true => Unreachable::Refused,
        false => Unreachable::Unexpected("not HTTP".into()),
    }
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}
