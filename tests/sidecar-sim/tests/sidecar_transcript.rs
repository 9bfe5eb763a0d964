//! Replays the recording of the real sidecar v0.0.47 against the simulated one: what this test accepts, a client
//! of the real one cannot tell apart.

#![allow(clippy::unwrap_used, reason = "this is a test, and a failed step of its set-up fails it")]

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use sidecar_sim::{Node, Sidecars};

const RECORDING: &str = include_str!("../fixtures/sidecar-v0.0.47.json");
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Exchange {
    note: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    path: String,
    body: Option<Value>,
    raw_body: Option<String>,
}

#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u16,
    content_type: String,
    body: Value,
}

impl Exchange {
    /// The recording notes where the process was restarted before the request.
    fn follows_a_restart(&self) -> bool {
        self.note.starts_with("after a restart of the process on the same volume")
    }
}

fn recording() -> Vec<Exchange> {
    serde_json::from_str(RECORDING).unwrap()
}

/// Every difference between the recording and what the simulated sidecar does.
async fn differences(exchanges: &[Exchange]) -> Vec<String> {
    let sidecars = Sidecars::standalone().await.unwrap();
    let node = sidecars.node("ns", "recorded");
    node.start_process();
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
    let base = sidecars.url("ns", "recorded");
    let mut times = Times::default();
    let mut differences = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        if exchange.follows_a_restart() {
            node.restart_process();
        }
        let actual = send(&client, &base, &exchange.request, &node).await;
        for difference in times.compare(&exchange.response, &actual) {
            let Request { method, path, .. } = &exchange.request;
            differences.push(format!("{index}: {method} {path} ({}): {difference}", exchange.note));
        }
    }
    differences
}

async fn send(client: &reqwest::Client, base: &str, request: &Request, node: &Node) -> Response {
    // The recorder let half a second pass after each submission: what can end has ended then.
    node.settled(DEADLINE).await.unwrap();
    let method = request.method.parse().unwrap();
    let mut builder = client.request(method, format!("{base}{}", request.path));
    if let Some(body) = &request.body {
        builder = builder.json(body);
    } else if let Some(body) = &request.raw_body {
        builder = builder.header("content-type", "application/json").body(body.clone());
    }
    let response = builder.send().await.unwrap();
    let status = response.status().as_u16();
    let content_type =
        response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let text = response.text().await.unwrap();
    let body = match content_type.as_str() {
        "application/json" => serde_json::from_str(&text).unwrap(),
        _ => Value::String(text),
    };
    Response { status, content_type, body }
}

/// Times differ, but what was one time in the recording must be one time here.
#[derive(Default)]
struct Times(BTreeMap<String, String>);

impl Times {
    fn compare(&mut self, recorded: &Response, actual: &Response) -> Vec<String> {
        let mut actual = actual.clone();
        let mut problems = Vec::new();
        for field in ["submittedAt", "completedAt"] {
            // One that is present here only, or there only, is left for the comparison below.
            let pair = (recorded.body.get(field), actual.body.get(field));
            let (Some(Value::String(there)), Some(Value::String(here))) = pair else { continue };
            if here.parse::<jiff::Timestamp>().is_err() || !here.ends_with('Z') {
                problems.push(format!("{field} is {here}, not an RFC 3339 time in UTC"));
            }
            let first = self.0.entry(there.clone()).or_insert_with(|| here.clone());
            if first != here {
                problems.push(format!("{field} was {first} and is now {here}"));
            }
            actual.body[field] = Value::String(there.clone());
        }
        if *recorded != actual {
            problems.push(format!("\n  recorded {recorded:?}\n  but is   {actual:?}"));
        }
        problems
    }
}

#[tokio::test]
async fn the_simulated_sidecar_answers_as_the_recorded_one() {
    let exchanges = recording();
    assert!(exchanges.iter().any(Exchange::follows_a_restart), "the recording has lost its restart");
    let differences = differences(&exchanges).await;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A change to a recorded answer.
type Change = fn(&mut Response);

/// The replay must be able to fail: each change to the recording is noticed, and nothing else.
#[tokio::test]
async fn every_deviation_from_the_recording_is_noticed() {
    let changes: [(&str, Change); 8] = [
        ("fresh process: gate shut", |response| response.status = 200),
        ("wrong method", |response| response.content_type = "application/json".into()),
        ("unknown type", |response| response.body["error"] = "unknown type".into()),
        ("completed", |response| drop(response.body.as_object_mut().unwrap().remove("completedAt"))),
        ("running", |response| response.body["completedAt"] = "2026-11-21T01:25:24.53815819Z".into()),
        ("run 2", |response| response.body["run"] = 1.into()),
        ("run 2", |response| response.body["params"]["mode"] = "archive".into()),
        ("the store survived", |response| {
            // The time of another task.
            response.body["submittedAt"] = "2026-11-21T01:25:24.53815819Z".into();
        }),
    ];
    for (note, change) in changes {
        let mut exchanges = recording();
        let changed = exchanges.iter_mut().find(|exchange| exchange.note == note).unwrap();
        change(&mut changed.response);
        let differences = differences(&exchanges).await;
        assert_eq!(differences.len(), 1, "{note}: {differences:?}");
        assert!(differences[0].contains(note), "{note}: {differences:?}");
    }
}
