//! A status can be stored, whatever is said.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use seinode_api::{SeiNode, conditions::find, status::PlanStatus};
use serde_json::json;

use super::*;
use crate::{
    decide::decide,
    failure::{Class, Failure},
    observation::Observation,
    platform::{Bucket, ResultExport},
    subject::Subject,
};

/// Far below what the API server stores.
const STORABLE: usize = 256 * 1024;
/// Kubernetes: the longest message of a condition.
const LONGEST_MESSAGE: usize = 32_768;

fn object(spec: &serde_json::Value) -> SeiNode {
    let metadata = json!({"name": "n0", "namespace": "sei", "uid": "u", "generation": 1});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn nothing() -> Observation {
    let export = ResultExport { bucket: Bucket { name: "b".into(), region: "r".into() }, prefix: "p".into() };
    Observation::empty(Timestamp::from_second(1_000).unwrap(), export)
}

#[track_caller]
fn is_storable(status: &SeiNodeStatus) {
    let size = serde_json::to_vec(status).unwrap().len();
    assert!(size < STORABLE, "{size} bytes");
    let longest = status.conditions.iter().map(|it| it.message.chars().count()).max();
    assert!(longest < Some(LONGEST_MESSAGE), "{longest:?}");
}

#[test]
fn ten_thousand_violations_have_a_storable_status() {
    let long = "x".repeat(60);
    let overrides: serde_json::Map<_, _> =
        (0..10_000).map(|number| (format!("{long}.{number}"), "1".into())).collect();
    let object = object(&json!({"chainId": "c", "image": "i", "fullNode": {}, "overrides": overrides}));
    let status = decide(&Subject::of(&object), &SeiNodeStatus::default(), &nothing()).status;
    is_storable(&status);
    let said = &find(&status.conditions, "SpecValid").unwrap().message;
    assert!(said.contains(&format!("spec.overrides[{long}.0]")), "{said}");
    assert!(said.ends_with(" more"), "{said}");
}

#[test]
fn words_of_others_of_any_length_have_a_storable_status() {
    let object = object(&json!({"chainId": "c", "image": "i", "fullNode": {}}));
    let mut seen = nothing();
    let message = "ü".repeat(1 << 20);
    seen.failed_request = Some(Failure { class: Class::User, message: message.clone() });
    let plan = PlanStatus { message: Some(message), ..PlanStatus::default() };
    let status = SeiNodeStatus { plan: Some(plan), ..SeiNodeStatus::default() };
    let status = decide(&Subject::of(&object), &status, &seen).status;
    is_storable(&status);
    let again = decide(&Subject::of(&object), &status, &seen).status;
    assert_eq!(again, status, "what is cut down once stays as it is");
}

#[test]
fn a_thousand_peers_are_listed() {
    let mut status = SeiNodeStatus { resolved_peers: vec!["n0".into(); 9_000], ..SeiNodeStatus::default() };
    apply(&mut status);
    assert_eq!(status.resolved_peers.len(), 1_000);
}

#[test]
fn conditions_of_other_writers_are_left_as_they_are() {
    let theirs = Condition {
        type_: "Theirs".into(),
        status: "True".into(),
        reason: "R".into(),
        message: "x".repeat(9_000),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    };
    let mut status = SeiNodeStatus { conditions: vec![theirs.clone()], ..SeiNodeStatus::default() };
    apply(&mut status);
    assert_eq!(status.conditions, [theirs]);
}
