use serde_json::{Value, json};

use crate::{
    endpoint::Endpoint,
    tests::fixtures::{fields, update},
    verdict::Verdict,
};

fn validate(old: Value, new: Value) -> Verdict {
    update(old, new).verdict(Endpoint::ValidateScale)
}

fn scale(replicas: Option<i64>, selector: &str) -> Value {
    let mut scale = json!({ "kind": "Scale", "spec": {}, "status": { "selector": selector } });
    if let Some(replicas) = replicas {
        scale["spec"]["replicas"] = json!(replicas);
    }
    scale
}

#[test]
fn a_second_replica_is_denied_for_nodes_only() {
    for (selector, before, after, denied) in [
        ("sei.io/node=a", Some(1), Some(2), true),
        ("x=y,sei.io/node=a", None, Some(2), true),
        ("sei.io/node in (a)", Some(1), Some(2), true),
        ("sei.io/node in (a,b),x=y", Some(1), Some(2), true),
        ("sei.io/node=a", Some(3), Some(3), false),
        ("sei.io/node=a", Some(3), Some(2), true),
        ("sei.io/node=a", Some(3), Some(1), false),
        ("sei.io/node=a", Some(1), None, false),
        ("sei.io/nodes=a", Some(1), Some(2), false),
        ("my.sei.io/node=a", Some(1), Some(2), false),
        ("", Some(1), Some(2), false),
    ] {
        let verdict = validate(scale(before, selector), scale(after, selector));
        let expected = if denied { vec!["spec.replicas"] } else { vec![] };
        assert_eq!(fields(&verdict), expected, "{selector} {before:?} -> {after:?}");
        assert!(verdict.violations.iter().all(|it| it.rule.contains("SeiNode a is one pod")), "{verdict:#?}");
    }
}

#[test]
fn scaling_to_zero_is_allowed_with_a_warning() {
    let stop = |before| validate(scale(before, "sei.io/node=a"), scale(None, "sei.io/node=a")).warnings;
    assert!(stop(Some(1))[0].contains("SeiNode a stays stopped"));
    assert!(stop(None).is_empty());
}
