//! Values that nobody expects: extreme numbers and times, texts of any length and alphabet, things of another kind.

use serde_json::{Number, Value, json};

use crate::Choices;

/// Members that may appear where there were none.
pub(crate) const OPTIONAL: &[&str] = &[
    "/metadata/deletionTimestamp",
    "/metadata/deletionGracePeriodSeconds",
    "/metadata/creationTimestamp",
    "/metadata/generation",
    "/metadata/uid",
    "/metadata/resourceVersion",
    "/metadata/finalizers",
    "/metadata/ownerReferences",
    "/metadata/managedFields",
    "/metadata/labels/sei.io~1node",
    "/metadata/labels/sei.io~1component",
    "/metadata/labels/controller-revision-hash",
    "/metadata/annotations/sei.io~1retry",
    "/metadata/annotations/sei.io~1suspend",
    "/metadata/annotations/sei.io~1owner-uid",
    "/metadata/annotations/sei.io~1template-hash",
    "/spec/replicas",
    "/spec/ordinals/start",
    "/spec/updateStrategy",
    "/spec/paused",
    "/spec/peers",
    "/spec/overrides",
    "/spec/dataVolume",
    "/spec/sidecar",
    "/spec/volumeName",
    "/spec/resources/requests/storage",
    "/spec/activeDeadlineSeconds",
    "/spec/backoffLimit",
    "/spec/volumes",
    "/spec/ports",
    "/status/observedGeneration",
    "/status/updateRevision",
    "/status/phase",
    "/status/startTime",
    "/status/completionTime",
    "/status/failed",
    "/status/succeeded",
    "/status/active",
    "/status/capacity/storage",
    "/status/podIP",
    "/status/conditions",
    "/status/containerStatuses",
    "/status/initContainerStatuses",
    "/status/plan/nextAttempt",
    "/status/plan/startedAt",
    "/status/plan/failures",
    "/status/plan/tasks",
    "/status/repairs",
    "/status/background",
    "/status/claims",
    "/status/bootstrap/completedAt",
    "/status/sidecar/lastLost",
    "/status/sidecar/lastHealed",
    "/status/scaledByHand/since",
];

const NUMBERS: [i64; 16] = [
    0,
    -1,
    1,
    2,
    60,
    65_535,
    65_536,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64 + 1,
    1_000_000_000_000,
    253_402_300_800,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
];

const TIMES: [&str; 10] = [
    "0001-01-01T00:00:00Z",
    "-009999-01-02T01:59:59Z",
    "9999-12-30T22:00:00.999999999Z",
    "9999-12-30T21:59:59Z",
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2027-01-15T08:00:00Z",
    "2027-01-15T08:00:01.000001Z",
    "2148-01-01T00:00:00Z",
    "2262-04-11T23:47:17Z",
];

const TEXTS: [&str; 40] = [
    "",
    " ",
    "-",
    ".",
    "..",
    "/",
    "~",
    "%s",
    "\u{0}",
    "a\nb",
    "é💥\u{2028}\u{202e}",
    "0",
    "-1",
    "9999999999999999999999",
    "1e400",
    "9223372036854775807E",
    "-5Gi",
    "0.0000001",
    "999999999999999999999Ki",
    "True",
    "False",
    "Unknown",
    "Running",
    "Failed",
    "Succeeded",
    "Bound",
    "Lost",
    "OnDelete",
    "RollingUpdate",
    "Active",
    "Pending",
    "Complete",
    "SigningKey",
    "Held",
    "n0",
    "n0-0",
    "::1",
    "256.1.1.1",
    "f:spec",
    "k:{\"name\":\"seid\"}",
];

/// Another value of the same kind, mostly.
pub(crate) fn like(value: &Value, choices: &mut Choices<'_>) -> Value {
    if choices.below(8) == 7 {
        return any(choices);
    }
    match value {
        Value::Null => any(choices),
        Value::Bool(is) => json!(!is),
        Value::Number(_) => number(choices),
        Value::String(text) if is_time(text) => time(choices),
        Value::String(text) => self::text(text, choices),
        Value::Array(items) => match choices.below(3) {
            0 => json!([]),
            1 => items.iter().rev().cloned().collect(),
            _ => items.iter().map(|item| like(item, choices)).collect(),
        },
        Value::Object(members) => match choices.below(3) {
            0 => json!({}),
            _ => members.iter().map(|(name, value)| (name.clone(), like(value, choices))).collect(),
        },
    }
}

/// Anything at all.
pub(crate) fn any(choices: &mut Choices<'_>) -> Value {
    match choices.below(9) {
        0 | 1 => number(choices),
        2 | 3 => time(choices),
        4 | 5 => text("x", choices),
        6 => Value::Null,
        7 => json!([text("x", choices), number(choices)]),
        _ => json!({ "name": text("x", choices), "value": number(choices), "time": time(choices) }),
    }
}

fn number(choices: &mut Choices<'_>) -> Value {
    match choices.below(NUMBERS.len() + 2) {
        0 => json!(u64::MAX),
        1 => Number::from_f64(-1e300).map_or(Value::Null, Value::Number),
        _ => json!(choices.pick(&NUMBERS)),
    }
}

fn time(choices: &mut Choices<'_>) -> Value {
    json!(choices.pick(&TIMES))
}

fn text(before: &str, choices: &mut Choices<'_>) -> Value {
    match choices.below(6) {
        0 => json!("x".repeat(5_000)),
        1 => json!("ü".repeat(3_000)),
        2 => json!(format!("{before}x")),
        3 => json!(before.chars().rev().collect::<String>()),
        _ => json!(choices.pick(&TEXTS)),
    }
}

/// `2027-01-15T08:00:00Z` and the like.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20 && bytes.get(4) == Some(&b'-') && bytes.get(10) == Some(&b'T') && text.ends_with('Z')
}
