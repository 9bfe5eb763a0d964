//! Fuzzing: answers of sidecars of which a few members are others. Never a panic, and words that fit a status.

use hostile::{Choices, Effort, Target, mutate};
use seinode_core::{
    effect::{Outcome, Submission},
    ids::TaskId,
    sidecar::TaskReport,
    task_type::TaskType,
};
use serde_json::{Value, json};

use super::wire;

/// Most bytes of an input: each is a choice.
const CHOICES: usize = 64;
const TARGET: Target =
    Target { corpus: concat!(env!("CARGO_MANIFEST_DIR"), "/src/sidecar/fuzz/corpus"), longest: CHOICES };
/// Inputs in the ordinary `cargo test`.
const FEW: Effort = Effort::Inputs(2000);
/// Most bytes of a sidecar's words in a status.
const WORDS: usize = 5_000;

const ID: &str = "0b6ad0a9-3c1e-5f0e-9a5d-6a1c1c1f7f5e";

fn play(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let body = |mut answer: Value, choices: &mut Choices<'_>| {
        mutate(&mut answer, choices);
        let mut body = answer.to_string().into_bytes();
        if choices.below(4) == 3 {
            body.truncate(choices.below(body.len()));
        }
        body
    };
    let status = choices.pick(&["running", "completed", "failed"]).copied();
    let task = json!({"id": ID, "type": "config-apply", "status": status, "error": "no such key", "result": {"a": [1]}});
    let said = match wire::report(&body(task, choices)) {
        Ok(TaskReport::Failed(words)) => words,
        other => format!("{other:?}"),
    };
    assert!(said.len() < WORDS, "{said}");
    let refusal = format!("{:?}", wire::refusal(&body(json!({"error": "bad params", "code": 400}), choices)));
    assert!(refusal.len() < WORDS, "{refusal}");
    let id = wire::node_id(&body(json!({"nodeId": "a1".repeat(20)}), choices));
    assert!(id.is_err() || id.is_ok_and(|id| id.to_string().len() == 40));
    let listed =
        json!([{"id": ID, "type": "config-apply", "status": status, "submittedAt": "2027-01-15T08:00:00Z"}]);
    let running = wire::running(&body(listed, choices));
    assert!(running.is_err() || running.is_ok_and(|running| running.len() < WORDS));
    let Some(id) = TaskId::parse(ID) else { panic!("{ID} is no id") };
    let submission = Submission { id, task: TaskType::ConfigApply, params: None };
    let accepted = wire::accepted(&body(json!({"id": ID}), choices), &submission);
    assert!(matches!(accepted, Ok(Outcome::Submitted(TaskType::ConfigApply)) | Err(_)), "{accepted:?}");
}

#[test]
fn hostile_answers_are_words_or_none() {
    TARGET.play(FEW, play);
}

#[test]
#[ignore = "cargo prove tries for a minute"]
fn hostile_answers_are_words_or_none_for_a_minute() {
    TARGET.play(Effort::MINUTE, play);
}
