//! The reference of SeiNodes, written from the definition that is installed.

use serde_json::Value;

use super::{golden::assert_part, project::file};

const REFERENCE: &str = "docs/reference.md";

fn schema() -> Value {
    let text = file("charts/seinode-crds/files/seinodes.sei.io.yaml").text;
    let definition: Value = serde_norway::from_str(&text).expect("the definition is YAML");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[test]
fn the_reference_has_every_field_of_a_seinode() {
    for part in ["spec", "status"] {
        let schema = &schema()["properties"][part];
        let mut rows = vec!["| Field | Type | What it is |\n|---|---|---|\n".to_owned()];
        fields(part, schema, &mut rows);
        assert!(rows.len() > 20, "the schema was not found");
        assert_part(REFERENCE, part, &rows.concat());
    }
}

#[test]
fn the_reference_has_every_rule_of_a_seinode() {
    let mut rules = Vec::new();
    broken(&schema()["properties"]["spec"], "spec", &mut rules);
    assert!(rules.len() > 10, "the rules were not found");
    assert_part(REFERENCE, "rules", &rules.concat());
}

/// Schemas right below a schema, each with its place.
fn below<'a>(path: &str, schema: &'a Value) -> Vec<(String, &'a Value)> {
    let named = schema["properties"].as_object().into_iter().flatten();
    let named = named.map(|(name, schema)| (format!("{path}.{name}"), schema));
    let listed = schema.get("items").map(|schema| (format!("{path}[]"), schema));
    named.chain(listed).collect()
}

fn fields(path: &str, schema: &Value, rows: &mut Vec<String>) {
    for (path, schema) in below(path, schema) {
        // The entry of a list is told of with the list.
        if !path.ends_with("[]") {
            let what = schema["description"].as_str().unwrap_or_default();
            let cells = [&format!("`{path}`"), &kind(schema), what].map(escaped);
            rows.push(format!("| {} |\n", cells.join(" | ")));
        }
        fields(&path, schema, rows);
    }
}

fn kind(schema: &Value) -> String {
    let name = schema["type"].as_str().unwrap_or("integer or string");
    let bounds = match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", from {least}"),
        (None, Some(most)) => format!(", to {most}"),
        (None, None) => String::new(),
    };
    let default = schema.get("default").map_or_else(String::new, |value| format!(", default `{value}`"));
    match name {
        "array" => format!("list of {}s", schema["items"]["type"].as_str().unwrap_or("value")),
        "object" if schema["additionalProperties"].is_object() => "map".to_owned(),
        name => format!("{name}{bounds}{default}"),
    }
}

fn broken(schema: &Value, path: &str, rules: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let words = rule["message"].as_str().unwrap_or_default();
        rules.push(format!("- `{path}`: {}\n", escaped(words)));
    }
    for (path, schema) in below(path, schema) {
        broken(schema, &path, rules);
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('\n', " ")
}
