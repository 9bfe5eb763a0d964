//! Leftovers of an earlier operator in a status are read as far as they are understood, and never in the way.

use serde_json::{Value, json};

use super::{Phase, SeiNodeStatus};

fn read(status: Value) -> SeiNodeStatus {
    serde_json::from_value(status).unwrap()
}

#[test]
fn a_plan_of_the_original_is_read() {
    let status = read(json!({
        "phase": "Failed",
        "currentImage": "seid:v1",
        "phaseTransitionTime": "2026-05-08T10:00:00Z",
        "plan": {
            "id": "6f8e9a52-9f5d-4c0e-8f5c-1b2d7f0a1c11",
            "phase": "Failed",
            "targetPhase": "Running",
            "failedPhase": "Failed",
            "failedTaskIndex": 1,
            "failedTaskDetail": {
                "type": "config-apply", "id": "x", "error": "no", "retryCount": 0, "maxRetries": 0,
            },
            "tasks": [
                { "type": "ensure-data-pvc", "id": "a", "status": "Complete", "params": { "nodeName": "n" } },
                { "type": "config-apply", "id": "b", "status": "Failed", "error": "no", "maxRetries": 3 },
            ],
        },
    }));
    assert_eq!(status.phase, Some(Phase::Failed));
    let plan = status.plan.unwrap();
    assert_eq!((plan.phase.as_str(), plan.kind), ("Failed", None));
    assert_eq!(plan.tasks[0].type_, "ensure-data-pvc");
    assert_eq!((plan.tasks[1].status.as_str(), plan.tasks[1].max_retries), ("Failed", Some(3)));
}

#[test]
fn what_nobody_here_understands_counts_as_absent() {
    for plan in [json!("a plan"), json!([1]), json!(null), json!({ "tasks": { "a": 1 } })] {
        let status = read(json!({ "plan": plan, "phase": "Upgrading", "currentImage": "seid:v1" }));
        assert_eq!(
            (status.plan, status.phase, status.current_image.as_deref()),
            (None, None, Some("seid:v1")),
            "{plan}"
        );
    }
}

#[test]
fn an_empty_status_stays_empty() {
    assert_eq!(serde_json::to_value(read(json!({}))).unwrap(), json!({}));
}
