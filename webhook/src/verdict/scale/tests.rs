use serde_json::json;

use super::*;
use crate::tests::given::{fields, update};

fn scale(replicas: Option<i64>, selector: &str) -> Value {
    let mut scale = json!({ "kind": "Scale", "spec": {}, "status": { "selector": selector } });
    if let Some(replicas) = replicas {
        scale["spec"]["replicas"] = json!(replicas);
    }
    scale
}

#[test]
fn a_second_replica_is_refused_for_nodes_and_for_nobody_else() {
    for (selector, before, after, refused) in [
        ("sei.io/node=a", Some(1), Some(2), true),
        ("x=y,sei.io/node=a", None, Some(2), true),
        ("sei.io/node=a", Some(3), Some(3), false),
        ("sei.io/node=a", Some(3), Some(2), true),
        ("sei.io/node=a", Some(3), Some(1), false),
        ("sei.io/node=a", Some(1), None, false),
        ("sei.io/nodes=a", Some(1), Some(2), false),
        ("my.sei.io/node=a", Some(1), Some(2), false),
        ("", Some(1), Some(2), false),
    ] {
        let verdict = validate(&update(scale(before, selector), scale(after, selector)));
        let expected = if refused { vec!["spec.replicas"] } else { vec![] };
        assert_eq!(fields(&verdict), expected, "{selector} {before:?} -> {after:?}");
        assert!(verdict.violations.iter().all(|it| it.rule.contains("SeiNode a is one pod")), "{verdict:#?}");
    }
}

#[test]
fn a_stop_is_allowed_and_explained() {
    let stop =
        |before| validate(&update(scale(before, "sei.io/node=a"), scale(None, "sei.io/node=a"))).warnings;
    assert!(stop(Some(1))[0].contains("SeiNode a stays stopped"));
    assert!(stop(None).is_empty());
}
