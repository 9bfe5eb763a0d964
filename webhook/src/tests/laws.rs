//! Laws of mutation, on 5,000 objects of each kind.

use serde_json::Value;

use super::{
    generate::{self, Chance},
    given::{creation, fields, mutated, sent, update},
};
use crate::{
    endpoint::Endpoint,
    request::Request,
    review::answer,
    verdict::{Verdict, judge},
};

const OBJECTS: u64 = 5_000;

fn requests(make: fn(&mut Chance) -> Value) -> impl Iterator<Item = Request> {
    (0..OBJECTS).map(move |seed| {
        let chance = &mut Chance::new(seed + 1);
        let object = make(chance);
        if chance.one_in(2) { creation(object) } else { update(make(chance), object) }
    })
}

fn mutations() -> impl Iterator<Item = (Endpoint, Request)> {
    let nodes = requests(generate::node).map(|request| (Endpoint::MutateSeiNode, request));
    nodes.chain(requests(generate::set).map(|request| (Endpoint::MutateStatefulSet, request)))
}

#[test]
fn mutating_twice_is_mutating_once() {
    for (endpoint, request) in mutations() {
        let once = mutated(endpoint, &request);
        let again = Request { object: once.clone(), ..request };
        assert_eq!(judge(endpoint, &again).patch.to_json(), None, "{once:#}");
    }
}

#[test]
fn what_nobody_asked_to_change_survives() {
    let ours = |path: &str| {
        path.starts_with("/metadata/labels/sei.io/")
            || path.starts_with("/spec/updateStrategy/type")
            || path.starts_with("/spec/updateStrategy/rollingUpdate")
            || path == "/spec/template/metadata/annotations/karpenter.sh/do-not-disrupt"
            || path == "/spec/template/spec/terminationGracePeriodSeconds"
    };
    for (endpoint, request) in mutations() {
        let after = mutated(endpoint, &request);
        let (mut before_leaves, mut after_leaves) = (Vec::new(), Vec::new());
        leaves("", &request.object, &mut before_leaves);
        leaves("", &after, &mut after_leaves);
        before_leaves.retain(|(path, _)| !ours(path));
        after_leaves.retain(|(path, _)| !ours(path));
        assert_eq!(before_leaves, after_leaves);
    }
}

/// Every value that has no members, as text; empty objects aside, which a new member fills.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(&format!("{path}/{name}"), value, found));
        }
        other => found.push((path.to_owned(), other.to_string())),
    }
}

#[test]
fn what_was_stamped_is_accepted() {
    for request in requests(generate::set) {
        let object = mutated(Endpoint::MutateStatefulSet, &request);
        let verdict = judge(Endpoint::ValidateStatefulSet, &Request { object, ..request.clone() });
        let strategy = verdict.violations.iter().filter(|it| it.field == "spec.updateStrategy.type");
        let is_way_back = request.old["spec"]["updateStrategy"]["type"] == "OnDelete";
        assert!(is_way_back || strategy.count() == 0, "{request:#?}: {verdict:#?}");
    }
    for request in requests(generate::node) {
        let before = judge(Endpoint::ValidateSeiNode, &request);
        let object = mutated(Endpoint::MutateSeiNode, &request);
        let after = judge(Endpoint::ValidateSeiNode, &Request { object, ..request });
        assert_eq!(before, after, "stamping changes no verdict");
    }
}

#[test]
fn whether_a_node_is_read_from_bytes_or_from_raw_json_the_answer_is_the_same() {
    let (mut refused, mut warned) = (0, 0);
    for request in requests(generate::node) {
        let verdict = judge(Endpoint::ValidateSeiNode, &request);
        let answer = answer(Endpoint::ValidateSeiNode, &sent(Endpoint::ValidateSeiNode, &request));
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let list = |pointer: &str, member: &str| {
            let items = said["response"].pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            let text = items.map(|item| if member.is_empty() { item } else { &item[member] });
            text.map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list("/warnings", ""), verdict.warnings);
        assert_eq!(list("/status/details/causes", "field"), fields(&verdict));
        refused += u32::from(!answer.facts.allowed);
        warned += u32::from(!verdict.warnings.is_empty());
    }
    assert!(refused > 500 && warned > 500, "{refused} {warned}");
}

#[test]
fn nothing_but_mutating_endpoints_patches() {
    for (_, request) in mutations().step_by(7) {
        for endpoint in Endpoint::ALL {
            let Verdict { patch, violations, .. } = judge(endpoint, &request);
            let mutates = matches!(endpoint, Endpoint::MutateSeiNode | Endpoint::MutateStatefulSet);
            assert!(mutates || patch.to_json().is_none(), "{endpoint:?}");
            assert!(!mutates || violations.is_empty(), "{endpoint:?}");
        }
    }
}
