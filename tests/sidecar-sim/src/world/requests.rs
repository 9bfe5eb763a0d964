//! Requests: what one meets, and what the endpoints of the contract answer.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::World;
use crate::{
    address::NodeKey,
    behaviour::{Endpoint, Fault},
    journal::{Answer, Request},
    reply::Reply,
    route::route,
    settings::Deviation,
    task_type::TaskType,
};

/// A request as it arrived at a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) node: &'a NodeKey,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

/// Fate of a request.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Nothing, for ever.
    Swallowed,
    /// A reset connection.
    Cut,
    /// Silence until the process ends; then a reset connection.
    Hung(CancellationToken),
    /// An answer, if the process lives until it is out.
    Answered(Reply, Garble, CancellationToken),
}

/// Corruption of an answer on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Garble {
    /// Not at all.
    None,
    /// It ends in the middle of the body.
    Truncate,
    /// A pause before each byte of the body.
    Drip(Duration),
}

impl World {
    /// Receives a request, records it and does what it asks for.
    pub(crate) fn receive(&mut self, incoming: Incoming<'_>, now: Timestamp) -> Arrival {
        let routed = route(incoming.method, incoming.path);
        let endpoint = routed.ok().map(|(endpoint, _)| endpoint);
        if self.fault(incoming.node, endpoint, Reach::Network).is_some() {
            return Arrival::Swallowed;
        }
        let Some(ended) = self.running_process(incoming.node) else {
            self.record(incoming, Answer::Dropped, now);
            return Arrival::Cut;
        };
        match self.fault(incoming.node, endpoint, Reach::Process) {
            Some(Fault::BlackHole) => Arrival::Swallowed,
            Some(Fault::Hang) => {
                self.record(incoming, Answer::Withheld, now);
                Arrival::Hung(ended)
            }
            Some(Fault::Reset) => {
                self.record(incoming, Answer::Dropped, now);
                Arrival::Cut
            }
            Some(Fault::Status(status)) => {
                self.record(incoming, Answer::Status(status.as_u16()), now);
                let reply = Reply::error(status, "injected by the simulated sidecar");
                Arrival::Answered(reply, Garble::None, ended)
            }
            fault => {
                let reply = match routed {
                    Ok((endpoint, id)) => self.serve(incoming, endpoint, id, now),
                    Err(misrouted) => misrouted.into(),
                };
                self.send(incoming, reply, fault, ended, now)
            }
        }
    }

    /// Records an answer and spoils it as the fault says.
    fn send(
        &mut self,
        incoming: Incoming<'_>,
        mut reply: Reply,
        fault: Option<Fault>,
        ended: CancellationToken,
        now: Timestamp,
    ) -> Arrival {
        if fault == Some(Fault::AnswerLost) {
            self.record(incoming, Answer::Dropped, now);
            return Arrival::Cut;
        }
        self.record(incoming, Answer::Status(reply.status.as_u16()), now);
        let garble = match fault {
            Some(Fault::Truncated) => Garble::Truncate,
            Some(Fault::SlowDrip(pause)) => Garble::Drip(pause),
            Some(Fault::NotJson) => {
                reply.body = "{\"id\": <garbage>".to_owned();
                Garble::None
            }
            Some(Fault::WrongContentType) => {
                reply.content_type = Some("text/html");
                Garble::None
            }
            _ => Garble::None,
        };
        Arrival::Answered(reply, garble, ended)
    }

    fn serve(&mut self, incoming: Incoming<'_>, endpoint: Endpoint, id: &str, now: Timestamp) -> Reply {
        if endpoint == Endpoint::SubmitTask {
            let refused = |message: String| Reply::error(StatusCode::BAD_REQUEST, &message);
            return self.submission(incoming, now).unwrap_or_else(refused);
        }
        let Some((memory, home)) = self.running(incoming.node) else {
            return Reply::empty(StatusCode::SERVICE_UNAVAILABLE);
        };
        match endpoint {
            Endpoint::Healthz if memory.ready => Reply::empty(StatusCode::OK),
            Endpoint::Healthz => Reply::empty(StatusCode::SERVICE_UNAVAILABLE),
            Endpoint::Status => {
                let status = if memory.ready { "Ready" } else { "Initializing" };
                Reply::json(StatusCode::OK, &json!({ "status": status }))
            }
            Endpoint::Metrics => Reply::typed(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                memory.metrics.render(),
            ),
            Endpoint::NodeId => match &home.node_id {
                Some(node_id) => Reply::json(StatusCode::OK, &json!({ "nodeId": node_id })),
                None => Reply::error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "node_key.json not found — generate-identity may not have run yet",
                ),
            },
            Endpoint::ListTasks => Reply::json(StatusCode::OK, &home.store.newest()),
            Endpoint::ReadTask => match home.store.get(id) {
                Some(row) => Reply::json(StatusCode::OK, row),
                None => Reply::error(StatusCode::NOT_FOUND, "task not found"),
            },
            Endpoint::RemoveTask => match home.store.remove(id) {
                Some(_) => Reply::empty(StatusCode::NO_CONTENT),
                None => Reply::error(StatusCode::NOT_FOUND, "task not found"),
            },
            // A submission was answered above.
            Endpoint::Livez | Endpoint::SubmitTask => Reply::empty(StatusCode::OK),
        }
    }

    /// The checks at the door, in the order of the original. Parameters are looked at only when the task runs.
    fn submission(&mut self, incoming: Incoming<'_>, now: Timestamp) -> Result<Reply, String> {
        let Some(Submitted { id, task, params }) = parse_submission(incoming.body) else {
            return Err("invalid request body".to_owned());
        };
        if task.is_empty() {
            return Err("type is required".to_owned());
        }
        let task = TaskType::parse(&task).ok_or_else(|| format!("unknown task type: {task}"))?;
        if !id.is_empty() && Uuid::parse_str(&id).is_err() {
            return Err(format!("task ID must be a valid UUID: {id:?}"));
        }
        let refusal = self.deviation(incoming.node, |deviation| match deviation {
            Deviation::RefuseSubmit(refused, message) if *refused == task => Some(message.clone()),
            _ => None,
        });
        if let Some(message) = refusal {
            return Err(message);
        }
        let id = if id.is_empty() { Uuid::new_v4().to_string() } else { id };
        self.submit(incoming.node, &id, task, params, now);
        Ok(Reply::json(StatusCode::CREATED, &json!({ "id": id })))
    }

    fn fault(&mut self, key: &NodeKey, endpoint: Option<Endpoint>, reach: Reach) -> Option<Fault> {
        self.deviation(key, |deviation| match deviation {
            Deviation::Disturb(fault, scope) if scope.covers(endpoint) && Reach::of(*fault) == reach => {
                Some(*fault)
            }
            _ => None,
        })
    }

    fn running_process(&self, key: &NodeKey) -> Option<CancellationToken> {
        let process = self.nodes.get(key)?.process.as_ref()?;
        process.memory.as_ref().map(|_| process.ended.clone())
    }

    fn record(&mut self, incoming: Incoming<'_>, answer: Answer, at: Timestamp) {
        let node = self.node(incoming.node);
        let pod_uid = node.pod_uid();
        node.journal.requests.push(Request {
            at,
            method: incoming.method.to_owned(),
            path: incoming.path.to_owned(),
            body: String::from_utf8_lossy(incoming.body).into_owned(),
            answer,
            pod_uid,
        });
    }
}

/// Action of a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Only a network.
    Network,
    /// A process that answers.
    Process,
}

impl Reach {
    fn of(fault: Fault) -> Self {
        match fault {
            Fault::BlackHole => Self::Network,
            _ => Self::Process,
        }
    }
}

/// The body of a submission: id and type are empty when absent.
struct Submitted {
    id: String,
    task: String,
    params: Option<Map<String, Value>>,
}

/// `None` when the body is no such object. What follows the object is ignored, as are unknown fields.
fn parse_submission(body: &[u8]) -> Option<Submitted> {
    let mut documents = serde_json::Deserializer::from_slice(body).into_iter::<Map<String, Value>>();
    let mut fields = documents.next()?.ok()?;
    let mut text = |name| match fields.remove(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text),
        Some(_) => None,
    };
    let (id, task) = (text("id")?, text("type")?);
    let params = match fields.remove("params") {
        None | Some(Value::Null) => None,
        Some(Value::Object(params)) => Some(params),
        Some(_) => return None,
    };
    Some(Submitted { id, task, params })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Option<(&str, &str, bool)>) {
        let parsed = parse_submission(body.as_bytes());
        let parsed = parsed.as_ref().map(|new| (new.id.as_str(), new.task.as_str(), new.params.is_some()));
        assert_eq!(parsed, expected, "{body}");
    }

    #[test]
    fn bodies_are_read_as_leniently_as_by_the_original_and_no_more() {
        check(r#"{"id": "1", "type": "t", "params": {}, "more": 1}"#, Some(("1", "t", true)));
        check(r#"{"id": null, "params": null} trailing"#, Some(("", "", false)));
        for body in ["", "{", "[]", r#"["1", "t"]"#, r#"{"id": 1}"#, r#"{"type": 1}"#, r#"{"params": []}"#] {
            check(body, None);
        }
    }
}
