use serde_json::{Value, json};

use crate::{
    endpoint::Endpoint,
    tests::fixtures::{Call, applied, creation, deletion, fields, node, update},
    verdict::{Patch, Verdict},
};

fn mutate(call: &Call) -> Verdict {
    call.verdict(Endpoint::MutateSeiNode)
}

fn validate(call: &Call) -> Verdict {
    call.verdict(Endpoint::ValidateSeiNode)
}

/// The warning of a deletion, of a node whose condition `VolumeRetained` has this status.
fn warning_of_deletion(spec: Value, retained: &str) -> String {
    let mut node = node(spec);
    let other = json!({ "type": "Ready", "status": "True" });
    node["status"] = json!({ "conditions": [other, { "type": "VolumeRetained", "status": retained }] });
    deletion(node).verdict(Endpoint::WarnSeiNodeDeletion).warnings.join("\n")
}

#[test]
fn chain_and_mode_become_labels() {
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
        assert_eq!(creation(object).mutated(Endpoint::MutateSeiNode), expected_object);
    }
}

#[test]
fn mutation_leaves_an_invalid_spec_to_validation() {
    for spec in [
        json!({ "chainId": "-", "fullNode": {}, "archive": {} }),
        json!({ "chainId": 7, "fullNode": null }),
        json!({ "chainId": "x".repeat(64) }),
        json!([]),
        Value::Null,
    ] {
        let call = creation(node(spec));
        assert_eq!(mutate(&call).patch.to_json(), None, "{}", call.object);
    }
    let mut labelled = node(json!({ "chainId": "c", "fullNode": {} }));
    labelled["metadata"]["labels"] = json!({ "sei.io/chain": "c", "sei.io/mode": "fullNode" });
    assert_eq!(mutate(&creation(labelled)).patch, Patch::default());
}

#[test]
fn every_error_of_a_new_node_is_reported_at_once() {
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
fn an_update_is_denied_only_for_errors_it_introduces() {
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

    // An object that could not be read before can be repaired, and edited otherwise.
    let unreadable = node(json!({ "chainId": 7 }));
    for after in [&unreadable, &broken] {
        let verdict = validate(&update(unreadable.clone(), after.clone()));
        assert!(verdict.violations.is_empty() && !verdict.warnings.is_empty(), "{verdict:#?}");
    }
    let verdict = validate(&update(broken, unreadable));
    assert_eq!(fields(&verdict), ["spec.chainId"], "{verdict:#?}");
}

#[test]
fn a_valid_but_doubtful_spec_is_a_warning() {
    let spec = json!({ "chainId": "c", "image": "seid:latest", "validator": {} });
    let verdict = validate(&creation(node(spec)));
    assert!(verdict.violations.is_empty());
    assert!(verdict.warnings[0].contains("seid:latest may be another image"), "{verdict:#?}");
    assert_eq!(applied(&verdict, &Value::Null), Value::Null);
}

#[test]
fn a_deletion_warns_about_the_volume_and_is_allowed() {
    let spec = json!({ "chainId": "c", "image": "i", "fullNode": {} });
    let import = json!({ "chainId": "c", "dataVolume": { "import": { "pvcName": "b" } } });
    for (spec, retained, words) in [
        (
            spec.clone(),
            "False",
            "data-a and its data go with SeiNode a; to retain them, set spec.dataVolume.retain: true",
        ),
        (spec.clone(), "True", "PVC data-a stays"),
        (spec, "Unknown", "ownerReferences"),
        (import, "True", "PVC b stays, because it was imported"),
        (json!({ "chainId": 7 }), "False", "data-a and its data go"),
    ] {
        let warning = warning_of_deletion(spec, retained);
        assert!(warning.contains(words), "{warning}");
    }
    let unknown = deletion(json!({})).verdict(Endpoint::WarnSeiNodeDeletion);
    assert!(unknown.violations.is_empty() && unknown.warnings[0].contains("ownerReferences"), "{unknown:#?}");
}

#[test]
fn a_spec_with_too_many_values_is_denied_before_it_is_read() {
    let spec = |peers: usize| {
        let peers = vec![json!({}); peers];
        node(json!({ "chainId": "c", "image": "i", "fullNode": {}, "peers": peers }))
    };
    let verdict = validate(&creation(spec(4100)));
    assert_eq!(fields(&verdict), ["spec"], "{verdict:#?}");
    assert!(verdict.violations[0].rule.contains("more than 4096 values"), "{verdict:#?}");
    assert_eq!(fields(&validate(&creation(spec(2)))), ["spec.peers[0]", "spec.peers[1]"]);
    // One that is stored already can be edited.
    let verdict = validate(&update(spec(4100), spec(4101)));
    assert!(verdict.violations.is_empty() && verdict.warnings.len() == 1, "{verdict:#?}");
}

#[test]
fn a_member_of_another_type_is_named_by_its_path() {
    for (spec, field, reason) in [
        (
            json!({ "chainId": "c", "image": "i", "sidecar": { "port": "x" } }),
            "spec.sidecar.port",
            "expected i32",
        ),
        (json!({ "image": "i" }), "spec.chainId", "missing field `chainId`"),
        (
            json!({ "chainId": "c", "image": "i", "peers": [{ "static": {} }] }),
            "spec.peers[0].static.addresses",
            "missing",
        ),
        (json!(7), "spec", "invalid type"),
    ] {
        let verdict = validate(&creation(node(spec)));
        assert_eq!(fields(&verdict), [field], "{verdict:#?}");
        let rule = &verdict.violations[0].rule;
        assert!(rule.contains(reason) && !rule.contains("column"), "{rule}");
    }
}
