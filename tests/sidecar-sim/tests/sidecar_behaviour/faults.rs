//! Answers that do not come, or come wrong.

use std::pin::pin;

use reqwest::StatusCode;
use sidecar_sim::{Answer, Endpoint, Fault, Scope, Times};

use super::*;

fn disturb(setup: &Setup, fault: Fault, times: Times) {
    setup.node.behaviour().disturb(fault, Scope::Everything, times);
}

#[tokio::test]
async fn a_hanging_process_answers_nothing_and_drops_the_request_with_its_end() {
    let setup = Setup::running().await;
    setup.node.behaviour().disturb(Fault::Hang, Scope::Only(Endpoint::SubmitTask), Times::Always);
    let mut submission = pin!(setup.submit(A, "mark-ready"));
    let others_answer = async {
        setup.node.until(DEADLINE, |node| !node.requests().is_empty()).await.unwrap();
        assert_eq!(setup.status("/v0/livez").await, Some(200));
    };
    tokio::select! {
        biased;
        answer = &mut submission => panic!("the process lives and yet {answer:?}"),
        () = others_answer => setup.node.replace_pod(),
    }
    let error = submission.await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
    assert_eq!(setup.node.requests()[0].answer, Answer::Withheld);
    assert_eq!(setup.node.submissions(), []);
}

#[tokio::test]
async fn a_black_hole_swallows_requests_without_a_trace() {
    let setup = Setup::empty().await;
    disturb(&setup, Fault::BlackHole, Times::Next(2));
    let patience = Duration::from_millis(100);
    for process in ["no", "a"] {
        let error = setup.request(Method::GET, "/v0/livez").timeout(patience).send().await.unwrap_err();
        assert!(error.is_timeout(), "with {process} process: {error:?}");
        setup.node.start_process();
    }
    assert_eq!(setup.node.requests(), []);
    assert_eq!(setup.status("/v0/livez").await, Some(200), "the network is back");
}

#[tokio::test]
async fn a_reset_does_nothing_and_a_lost_answer_hides_what_was_done() {
    let setup = Setup::running().await;
    disturb(&setup, Fault::Reset, Times::Next(1));
    disturb(&setup, Fault::AnswerLost, Times::Next(1));
    assert!(setup.submit(A, "mark-ready").await.is_err());
    assert_eq!(setup.node.submissions(), []);
    assert!(setup.submit(A, "mark-ready").await.is_err());
    setup.node.settled(DEADLINE).await.unwrap();
    assert_eq!(setup.progress(A).await, ("completed".into(), 1, None));
    let answers: Vec<_> = setup.node.requests().iter().map(|request| request.answer).collect();
    assert_eq!(answers, [Answer::Dropped, Answer::Dropped, Answer::Status(200)]);
}

#[tokio::test]
async fn an_injected_status_does_nothing() {
    let setup = Setup::running().await;
    disturb(&setup, Fault::Status(StatusCode::INTERNAL_SERVER_ERROR), Times::Next(1));
    assert_eq!(setup.submit(A, "mark-ready").await.unwrap().status(), 500);
    assert_eq!(setup.node.submissions(), []);
    assert_eq!(setup.submit(A, "mark-ready").await.unwrap().status(), 201);
}

#[tokio::test]
async fn garbage_hides_a_true_answer() {
    let setup = Setup::running().await;
    disturb(&setup, Fault::NotJson, Times::Next(1));
    let answer = setup.submit(A, "mark-ready").await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (201, "application/json")
    );
    assert!(answer.json::<Value>().await.is_err());
    assert_eq!(setup.node.submissions().len(), 1);

    disturb(&setup, Fault::WrongContentType, Times::Next(1));
    let answer = setup.get("/v0/status").await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert!(answer.json::<Value>().await.unwrap()["status"].is_string());

    disturb(&setup, Fault::Truncated, Times::Next(1));
    let mut answer = setup.get("/v0/status").await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut received = 0;
    let error = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => received += chunk.len(),
            Ok(None) => panic!("the body is complete"),
            Err(error) => break error,
        }
    };
    assert!(received > 0, "{error:?}");
}

#[tokio::test]
async fn a_slow_answer_comes_byte_by_byte() {
    let setup = Setup::running().await;
    let pause = Duration::from_millis(2);
    disturb(&setup, Fault::SlowDrip(pause), Times::Next(1));
    let began = std::time::Instant::now();
    let body = setup.get("/v0/status").await.unwrap().text().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"status": "Initializing"}));
    assert!(began.elapsed() >= pause * u32::try_from(body.len()).unwrap());

    // The end of the process cuts it short.
    disturb(&setup, Fault::SlowDrip(Duration::from_secs(3600)), Times::Next(1));
    let slow = setup.get("/v0/status").await.unwrap();
    setup.node.stop_process();
    let error = slow.text().await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn unknown_paths_and_a_reset_behaviour_follow_the_contract() {
    let setup = Setup::running().await;
    disturb(&setup, Fault::Status(StatusCode::SERVICE_UNAVAILABLE), Times::Always);
    assert_eq!(setup.status("/v0/nothing").await, Some(503));
    setup.node.behaviour().reset();
    assert_eq!(setup.status("/v0/nothing").await, Some(404));
    let refused = setup.request(Method::PUT, "/v0/tasks").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["allow"].to_str().unwrap()),
        (405, "GET, HEAD, POST")
    );
}
