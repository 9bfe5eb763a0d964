//! The memory of one review: a small multiple of its body, whatever stands in it and wherever.
//!
//! A JSON tree of such bodies takes up to a hundred times their length. One test, so that nothing else allocates meanwhile.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking what is wrong")]

use peak_alloc::PeakAlloc;
use seinode_webhook::{endpoint::Endpoint, review::respond};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Length of a hostile body in bytes.
const BODY: usize = 256 << 10;
/// Bytes that a review may allocate for each byte of its body, and beside that.
const FACTOR: usize = 3;
const BASE: usize = 2 << 20;

/// Objects with a place for items.
const LISTS: [&str; 11] = [
    r#"[@]"#,
    r#"{"unknown":[@]}"#,
    r#"{"metadata":{"managedFields":[@]}}"#,
    r#"{"metadata":{"ownerReferences":[@]}}"#,
    r#"{"spec":[@]}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"peers":[@]}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"peers":[{"static":{"addresses":[@]}}]}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"entrypoint":{"command":[@]}}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"sidecar":{"resources":{"claims":[@]}}}}"#,
    r#"{"spec":{"template":{"spec":{"containers":[@]}},"updateStrategy":{"rollingUpdate":[@]}}}"#,
    r#"{"status":{"conditions":[@],"selector":"sei.io/node=a"}}"#,
];
const ITEMS: [&str; 6] =
    ["0", "[0]", "{}", r#"{"":0}"#, r#""""#, r#"{"kind":"SeiNode","apiVersion":"sei.io/v1"}"#];

/// Objects with a place for members.
const MAPS: [&str; 8] = [
    r#"{@}"#,
    r#"{"metadata":{@}}"#,
    r#"{"metadata":{"annotations":{@},"labels":{@}}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"overrides":{@}}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"podLabels":{@}}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"sidecar":{"resources":{"limits":{@}}}}}"#,
    r#"{"spec":{"selector":{"matchLabels":{@}},"template":{"metadata":{"labels":{@}}}}}"#,
    r#"{"spec":{@},"status":{@}}"#,
];

/// Objects with a place for a long text.
const TEXTS: [&str; 5] = [
    r#"{"metadata":{"name":"@","labels":{"sei.io/node":"@"}}}"#,
    r#"{"spec":{"chainId":"@","image":"i","fullNode":{}}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"overrides":{"@":"@"}}}"#,
    r#"{"spec":{"chainId":"c","image":"i","fullNode":{},"sidecar":{"port":"@"}}}"#,
    r#"{"status":{"selector":"sei.io/node=@"}}"#,
];

#[test]
fn a_review_allocates_a_small_multiple_of_its_body() {
    let mut objects = Vec::new();
    for list in LISTS {
        objects.extend(ITEMS.map(|item| filled(list, |_| format!("{item},"))));
    }
    for map in MAPS {
        objects.push(filled(map, |number| format!(r#""{number}":"","#)));
        objects.push(filled(map, |number| format!(r#""sei.io/{number}":{{}},"#)));
    }
    objects.extend(TEXTS.map(|text| filled(text, |_| "x".repeat(1024))));
    objects.push(format!(r#"{{"spec":{}{}}}"#, "[".repeat(BODY / 4), "]".repeat(BODY / 4)));
    for (index, object) in objects.iter().enumerate() {
        for endpoint in Endpoint::ALL {
            // One endpoint of each kind and operation for each object: the whole product takes minutes.
            let by_turns = Endpoint::ALL.iter().position(|it| *it == endpoint).unwrap() % 2 == index % 2;
            if endpoint != Endpoint::ValidateSeiNode && by_turns {
                continue;
            }
            let bytes = peak_of(endpoint, object);
            let begin = object.chars().take(120).collect::<String>();
            assert!(bytes <= FACTOR * 2 * object.len() + BASE, "{bytes} bytes at {endpoint:?} for {begin}");
        }
    }
}

/// The object with its places filled, to half the length of a body.
fn filled(object: &str, part: impl Fn(usize) -> String) -> String {
    let (mut text, places) = (String::new(), object.matches('@').count());
    for number in 0.. {
        text.push_str(&part(number));
        if text.len() * places >= BODY / 2 {
            break;
        }
    }
    object.replace('@', text.trim_end_matches(','))
}

/// Bytes that are allocated at the peak of a review, beside the body itself.
fn peak_of(endpoint: Endpoint, object: &str) -> usize {
    let (group, resource, subresource) = endpoint.resource();
    let operation = if endpoint.name().starts_with('d') { "DELETE" } else { "UPDATE" };
    let body = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","name":"a",
        "operation":"{operation}","resource":{{"group":"{group}","resource":"{resource}"}},
        "subResource":"{subresource}","object":{object},"oldObject":{object}}}}}"#
    );
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let response = respond(endpoint, body.as_bytes());
    assert!([200, 400].contains(&response.status));
    ALLOCATED.peak_usage().saturating_sub(before)
}
