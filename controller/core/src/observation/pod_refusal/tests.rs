use serde_json::json;

use super::*;
use crate::observation::{StatefulSetView, examples};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn event(kind: &str, message: &str, seconds_ago: i64) -> Event {
    let at = now() - SignedDuration::from_secs(seconds_ago);
    let object = json!({
        "metadata": {},
        "involvedObject": { "kind": kind, "name": if kind == "Job" { "n0-bootstrap" } else { "n0" } },
        "reason": FAILED_CREATE,
        "message": message,
        "lastTimestamp": at.to_string(),
    });
    serde_json::from_value(object).unwrap()
}

fn refused(words: &str) -> PodRefusal {
    PodRefusal::Refused(words.into())
}

#[test]
fn the_newest_event_counts_in_the_api_servers_words() {
    let (quota, account) = (
        r#"pods "n0-0" is forbidden: exceeded quota: q"#,
        r#"pods "n0-0" is forbidden: error looking up service account sei/a: serviceaccount "a" not found"#,
    );
    let failed = |words: &str, ago| {
        event("StatefulSet", &format!("create Pod n0-0 in StatefulSet n0 failed error: {words}"), ago)
    };
    let events = [failed(account, 90), failed(quota, 3), failed(account, 60)];
    assert_eq!(PodRefusal::of(&events, now()), refused(quota));
    let combined =
        format!("(combined from similar events): create Pod n0-0 in StatefulSet n0 failed error: {quota}");
    assert_eq!(PodRefusal::of(&[event("StatefulSet", &combined, 0)], now()), refused(quota));
}

#[test]
fn an_event_of_the_last_attempt_but_none_of_long_ago_counts() {
    assert_eq!(PodRefusal::of(&[event("StatefulSet", "no", 1_000)], now()), refused("no"));
    assert_eq!(PodRefusal::of(&[event("StatefulSet", "no", 1_200)], now()), PodRefusal::NotReported);
    assert_eq!(PodRefusal::of(&[], now()), PodRefusal::NotReported);
}

#[test]
fn the_random_name_of_a_jobs_pod_is_not_repeated() {
    for name in ["n0-bootstrap-x2c4q", "n0-bootstrap-"] {
        let message = format!(r#"Error creating: pods "{name}" is forbidden: policy p denies {name}"#);
        let words = r#"pods "n0-bootstrap-…" is forbidden: policy p denies n0-bootstrap-…"#;
        assert_eq!(PodRefusal::of(&[event("Job", &message, 1)], now()), refused(words), "{name}");
    }
}

/// A node whose StatefulSet has made no pod.
fn seen() -> Observation {
    let bucket = crate::platform::Bucket { name: "b".into(), region: "r".into() };
    let export = crate::platform::ResultExport { bucket, prefix: "p".into() };
    let mut seen = Observation::empty(now(), export);
    seen.stateful_set = Some(examples::workload());
    seen
}

#[test]
fn a_controller_that_has_made_its_pod_or_is_to_make_none_is_not_podless() {
    assert_eq!(seen().podless(), Some("set"));
    let other = |change: &dyn Fn(&mut Observation)| {
        let mut seen = seen();
        change(&mut seen);
        seen.podless().map(str::to_owned)
    };
    assert_eq!(other(&|seen| seen.pods = vec![examples::pod()]), None);
    let set = |change: fn(&mut StatefulSetView)| other(&|seen| change(seen.stateful_set.as_mut().unwrap()));
    assert_eq!(set(|set| set.replicas = 0), None);
    assert_eq!(set(|set| set.generation = 2), None, "its controller has not seen it yet");
    assert_eq!(set(|set| set.deletion = Deletion::Requested), None);
    assert_eq!(set(|set| set.owner = Owner::Nobody), None);
}
