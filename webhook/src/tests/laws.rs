//! Laws of mutation, on 5,000 objects of each kind.

use serde_json::Value;

use super::{
    fixtures::{Call, creation, update},
    generate::{self, Chance},
};
use crate::{endpoint::Endpoint, verdict::Verdict};

const OBJECTS: u64 = 5_000;

fn calls(make: fn(&mut Chance) -> Value) -> impl Iterator<Item = Call> {
    (0..OBJECTS).map(move |seed| {
        let chance = &mut Chance::new(seed + 1);
        let object = make(chance);
        if chance.one_in(2) { creation(object) } else { update(make(chance), object) }
    })
}

fn mutations() -> impl Iterator<Item = (Endpoint, Call)> {
    let nodes = calls(generate::node).map(|call| (Endpoint::MutateSeiNode, call));
    nodes.chain(calls(generate::set).map(|call| (Endpoint::MutateStatefulSet, call)))
}

#[test]
fn mutating_twice_is_mutating_once() {
    for (endpoint, call) in mutations() {
        let object = call.mutated(endpoint);
        let again = Call { object, ..call };
        assert_eq!(again.verdict(endpoint).patch.to_json(), None, "{:#}", again.object);
    }
}

#[test]
fn mutation_keeps_every_other_field() {
    let ours = |path: &str| {
        path.starts_with("/metadata/labels/sei.io/")
            || path.starts_with("/spec/updateStrategy/type")
            || path.starts_with("/spec/updateStrategy/rollingUpdate")
            || path == "/spec/template/metadata/annotations/karpenter.sh/do-not-disrupt"
            || path == "/spec/template/spec/terminationGracePeriodSeconds"
    };
    for (endpoint, call) in mutations() {
        let after = call.mutated(endpoint);
        let (mut before_leaves, mut after_leaves) = (Vec::new(), Vec::new());
        leaves("", &call.object, &mut before_leaves);
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
fn mutated_objects_pass_validation() {
    for call in calls(generate::set) {
        let object = call.mutated(Endpoint::MutateStatefulSet);
        let verdict = Call { object, ..call.clone() }.verdict(Endpoint::ValidateStatefulSet);
        let strategy = verdict.violations.iter().filter(|it| it.field == "spec.updateStrategy.type");
        let is_way_back = call.old["spec"]["updateStrategy"]["type"] == "OnDelete";
        assert!(is_way_back || strategy.count() == 0, "{call:#?}: {verdict:#?}");
    }
    for call in calls(generate::node) {
        let before = call.verdict(Endpoint::ValidateSeiNode);
        let object = call.mutated(Endpoint::MutateSeiNode);
        let after = Call { object, ..call }.verdict(Endpoint::ValidateSeiNode);
        assert_eq!(before, after, "labels change no verdict");
    }
}

#[test]
fn only_mutating_endpoints_patch() {
    for (_, call) in mutations().step_by(7) {
        for endpoint in Endpoint::ALL {
            let Verdict { patch, violations, .. } = call.verdict(endpoint);
            let mutates = matches!(endpoint, Endpoint::MutateSeiNode | Endpoint::MutateStatefulSet);
            assert!(mutates || patch.to_json().is_none(), "{endpoint:?}");
            assert!(!mutates || violations.is_empty(), "{endpoint:?}");
        }
    }
}
