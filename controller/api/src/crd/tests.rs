//! The definition as a file, and what must not come back into it. That the API server takes it, and that
//! every rule does what it says, is shown on a real one (`tests/it/crd`).

use std::{env, fs};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::Value;

use super::{fingerprint, seinode, yaml};
use crate::names;

const GOLDEN: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/seinode-crds/files/seinodes.sei.io.yaml");

#[test]
fn the_golden_file_is_what_the_types_say() {
    let said = yaml().unwrap();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(GOLDEN, &said).unwrap();
    }
    assert!(
        said == fs::read_to_string(GOLDEN).unwrap_or_default(),
        "{GOLDEN} is stale; write it anew with: UPDATE_GOLDEN=1 cargo test -p seinode-api"
    );
}

#[test]
fn nothing_is_required_of_an_object_that_the_original_let_in_without_a_spec() {
    assert_eq!(root().required, None);
    let rules = root().x_kubernetes_validations.unwrap();
    assert!(rules.iter().all(|rule| rule.optional_old_self == Some(true)), "{rules:?}");
}

#[test]
fn the_schema_lets_no_null_in_and_writes_only_the_default_port() {
    let mut defaults = Vec::new();
    walk("", &serde_json::to_value(root()).unwrap(), &mut |path, node| {
        assert_eq!(node.get("nullable"), None, "{path}");
        assert_eq!(node.get("title"), None, "{path}");
        if let Some(default) = node.get("default") {
            defaults.push((path.to_owned(), default.clone()));
        }
    });
    assert_eq!(defaults, [("/spec/sidecar/port".to_owned(), Value::from(7777))]);
}

#[test]
fn every_field_is_explained() {
    walk("", &serde_json::to_value(root()).unwrap(), &mut |path, node| {
        let of_a_list_or_map = path.ends_with("[]") || path.ends_with("{}");
        let text = node.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(of_a_list_or_map || text.ends_with('.'), "{path}: `{text}`");
        // kubectl wraps lines by itself and shows markup as it is.
        assert!(!text.contains(['\n', '`', '\\']), "{path}: `{text}`");
    });
}

#[test]
fn every_message_names_a_remedy() {
    walk("", &serde_json::to_value(root()).unwrap(), &mut |path, node| {
        for rule in node.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
            let message = rule.get("message").and_then(Value::as_str).unwrap_or_default();
            let (broken, remedy) = message.split_once("; ").unwrap_or_default();
            assert!(!broken.is_empty() && !remedy.is_empty(), "{path}: `{message}`");
        }
    });
}

#[test]
fn the_hash_follows_the_spec() {
    let crd = seinode();
    let said = crd.metadata.annotations.unwrap()[names::SCHEMA_HASH_ANNOTATION].clone();
    assert_eq!(said, fingerprint(&serde_json::to_vec(&crd.spec).unwrap()));
    // From the authors of FNV.
    assert_eq!(fingerprint(b""), "cbf29ce484222325");
    assert_eq!(fingerprint(b"foobar"), "85944171f73967e8");
}

fn root() -> JSONSchemaProps {
    let version = seinode().spec.versions.remove(0);
    version.schema.unwrap().open_api_v3_schema.unwrap()
}

/// Visits each node of a schema with its path, as `/spec/peers[]/label/selector{}`.
fn walk(path: &str, node: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        walk(&format!("{path}/{name}"), property, visit);
    }
    for (member, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = node.get(member) {
            walk(&format!("{path}{suffix}"), inner, visit);
        }
    }
}
