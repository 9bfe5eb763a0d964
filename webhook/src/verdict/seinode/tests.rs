use serde_json::json;

use super::*;
use crate::{
    endpoint::Endpoint,
    tests::given::{applied, creation, fields, mutated, node, update},
};

fn deletion_of(spec: Value) -> String {
    deletion(&crate::tests::given::deletion(node(spec))).warnings.join("\n")
}

#[test]
fn chain_and_mode_are_stamped_as_labels_and_nothing_else_is_touched() {
    for (labels, expected) in [
        (Value::Null, json!({ "sei.io/chain": "c", "sei.io/mode": "archive" })),
        (json!({ "a": "b" }), json!({ "a": "b", "sei.io/chain": "c", "sei.io/mode": "archive" })),
        (
            json!({ "sei.io/chain": "other", "sei.io/x": "y" }),
            json!({ "sei.io/chain": "c", "sei.io/mode": "archive", "sei.io/x": "y" }),
        ),
    ] {
        let mut object =
            node(json!({ "chainId": "c", "image": "i", "archive": { "unknown": [1.50, null] } }));
        object["metadata"]["labels"] = labels;
        let mut expected_object = object.clone();
        expected_object["metadata"]["labels"] = expected;
        assert_eq!(mutated(Endpoint::MutateSeiNode, &creation(object)), expected_object);
    }
}

#[test]
fn what_cannot_be_stamped_is_left_to_validation() {
    for spec in [
        json!({ "chainId": "-", "fullNode": {}, "archive": {} }),
        json!({ "chainId": 7, "fullNode": null }),
        json!({ "chainId": "x".repeat(64) }),
        json!([]),
        Value::Null,
    ] {
        let request = creation(node(spec));
        assert_eq!(mutate(&request).patch.to_json(), None, "{}", request.object);
    }
    let mut stamped = node(json!({ "chainId": "c", "fullNode": {} }));
    stamped["metadata"]["labels"] = json!({ "sei.io/chain": "c", "sei.io/mode": "fullNode" });
    assert_eq!(mutate(&creation(stamped)).patch, Patch::default());
}

#[test]
fn a_new_node_is_told_everything_at_once() {
    let mut object = node(json!({
        "chainId": "", "image": "", "fullNode": { "snapshot": {} }, "sidecar": { "port": 0 },
    }));
    object["metadata"]["name"] = json!("0.a");
    let verdict = validate(&creation(object));
    let expected =
        ["spec.chainId", "spec.image", "spec.fullNode.snapshot", "metadata.name", "spec.sidecar.port"];
    assert_eq!(fields(&verdict), expected, "{verdict:#?}");
    assert_eq!(verdict.code(), 422);
    let verdict =
        validate(&creation(node(json!({ "chainId": "c", "image": "i", "sidecar": { "port": "x" } }))));
    assert_eq!(fields(&verdict), ["spec.sidecar.port"], "{verdict:#?}");
}

#[test]
fn an_update_is_refused_for_what_it_introduces_and_warned_of_the_rest() {
    let spec = |image: &str, rest: Value| {
        let mut spec = json!({ "chainId": "c", "image": image, "fullNode": { "snapshot": {} } });
        for (name, value) in rest.as_object().into_iter().flatten() {
            spec[name] = value.clone();
        }
        node(spec)
    };
    let broken = spec("i:v1", json!({}));
    let verdict = validate(&update(broken.clone(), spec("i:v2", json!({}))));
    assert_eq!(fields(&verdict), Vec::<&str>::new(), "{verdict:#?}");
    assert!(verdict.warnings[0].starts_with("not new, and still wrong: spec.fullNode.snapshot"));

    let verdict = validate(&update(broken.clone(), spec("", json!({ "chainId": "d" }))));
    assert_eq!(fields(&verdict), ["spec.image", "spec.chainId"], "{verdict:#?}");

    // What could not be read before locks nobody out, neither of a mending nor of another edit.
    let unreadable = node(json!({ "chainId": 7 }));
    for after in [&unreadable, &broken] {
        let verdict = validate(&update(unreadable.clone(), after.clone()));
        assert!(verdict.violations.is_empty() && !verdict.warnings.is_empty(), "{verdict:#?}");
    }
    let verdict = validate(&update(broken, unreadable));
    assert_eq!(fields(&verdict), ["spec.chainId"], "{verdict:#?}");
}

#[test]
fn what_is_legal_and_likely_wrong_is_a_warning() {
    let spec = json!({ "chainId": "c", "image": "seid:latest", "validator": {} });
    let verdict = validate(&creation(node(spec)));
    assert!(verdict.violations.is_empty());
    assert!(verdict.warnings[0].contains("seid:latest may be another image"), "{verdict:#?}");
    assert_eq!(applied(&verdict, &Value::Null), Value::Null);
}

#[test]
fn a_deletion_is_told_what_becomes_of_the_volume_and_never_refused() {
    let said = deletion_of(json!({ "chainId": "c", "image": "i", "fullNode": {} }));
    assert!(
        said.contains("data-a and its data go") && said.contains("spec.dataVolume.retain: true"),
        "{said}"
    );
    let said = deletion_of(json!({ "chainId": 7 }));
    assert!(said.contains("ownerReferences"), "{said}");
    let request = crate::tests::given::deletion(json!({}));
    assert!(deletion(&request).violations.is_empty());
}
