//! Every rule and every limit that a schema holds, as the words of a refusal that proves it: a case must have
//! been refused with them.

use seinode_api::crd;
use serde_json::Value;

/// A message that some rejection must contain, and its field.
#[derive(Debug)]
pub struct Demand {
    pub field: String,
    pub says: String,
}

/// The rules and limits on what users write. Items of lists have the index 0 in the field, values of maps the
/// key `memory`.
pub fn demands() -> Vec<Demand> {
    let crd = serde_json::to_value(crd::seinode()).unwrap();
    let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut found = Vec::new();
    rules("", root, &mut found);
    walk("spec", &root["properties"]["spec"], &mut found);
    found
}

fn walk(field: &str, schema: &Value, found: &mut Vec<Demand>) {
    rules(field, schema, found);
    for (limit, words) in [
        ("minimum", "greater than or equal to"),
        ("maximum", "less than or equal to"),
        ("minLength", "should be at least"),
        ("maxLength", "may not be more than"),
        ("minItems", "should have at least"),
        ("maxItems", "must have at most"),
        ("minProperties", "should have at least"),
    ] {
        if let Some(limit) = schema[limit].as_f64() {
            found.push(Demand { field: field.to_owned(), says: format!("{words} {limit}") });
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        found.push(Demand { field: field.to_owned(), says: format!("should match '{pattern}'") });
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        found.push(Demand { field: format!("{field}.{name}"), says: "Required value".to_owned() });
    }
    for keyword in ["enum", "oneOf", "anyOf", "allOf", "not", "maxProperties", "multipleOf"] {
        assert!(schema.get(keyword).is_none(), "{field}: no words are known for {keyword}");
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{field}.{name}"), property, found);
    }
    for (member, step) in [("items", "[0]"), ("additionalProperties", ".memory")] {
        if let Some(inner) = schema.get(member) {
            walk(&format!("{field}{step}"), inner, found);
        }
    }
}

fn rules(field: &str, schema: &Value, found: &mut Vec<Demand>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let below = rule["fieldPath"].as_str().unwrap_or_default();
        let field = format!("{field}{below}").trim_start_matches('.').to_owned();
        found.push(Demand { field, says: rule["message"].as_str().unwrap().to_owned() });
    }
}
