//! The table of cases: what is let in and what is not (`cases.yaml`), made into objects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const TABLE: &str = include_str!("cases.yaml");

/// One case at one place.
pub struct Case {
    pub label: String,
    /// The stored object, if any. The next two are then merge patches of it, otherwise new objects.
    pub stored: Option<Value>,
    pub accept: Value,
    pub refuse: Value,
    /// Path of the values. A rejection concerns nothing else.
    pub at: String,
    /// Field of the rejection, and a part of its message.
    pub field: String,
    pub says: String,
    /// Reaction of the original CRD to `refuse`.
    pub original: Original,
    /// A merge patch of an object that is refused now and was stored before.
    pub edit: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Original {
    Accepted,
    Refused,
}

#[derive(Deserialize)]
struct Table {
    objects: BTreeMap<String, Value>,
    cases: Vec<Row>,
    parser_only: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default = "whole_spec")]
    at: Vec<String>,
    base: Option<String>,
    stored: Option<Value>,
    accept: Value,
    refuse: Value,
    #[serde(default)]
    field: String,
    says: String,
    #[serde(default)]
    new: bool,
    edit: Option<Value>,
}

fn whole_spec() -> Vec<String> {
    vec!["spec".to_owned()]
}

/// All cases, each at each of its places.
pub fn cases() -> Vec<Case> {
    let Table { objects, cases, .. } = table();
    placed(&objects, &cases, 0)
}

/// Cases that only the parser rejects.
pub fn parser_only() -> Vec<Case> {
    let Table { objects, cases, parser_only } = table();
    placed(&objects, &parser_only, cases.len())
}

fn table() -> Table {
    let table: Value = serde_norway::from_str(TABLE).unwrap();
    serde_json::from_value(expanded(table)).unwrap()
}

/// Numbered from `first` on: objects are named by number.
fn placed(objects: &BTreeMap<String, Value>, rows: &[Row], first: usize) -> Vec<Case> {
    let places =
        rows.iter().enumerate().flat_map(|(number, row)| row.at.iter().map(move |at| (number, row, at)));
    places.map(|(number, row, at)| case(objects, first + number, row, at)).collect()
}

fn case(objects: &BTreeMap<String, Value>, number: usize, row: &Row, at: &str) -> Case {
    let mode = at.split('.').nth(1).filter(|mode| objects.contains_key(*mode)).unwrap_or("fullNode");
    let spec = &objects[row.base.as_deref().unwrap_or(mode)];
    let name = format!("{}-case{number}", at.replace('.', "-").to_lowercase());
    let base = json!({ "metadata": { "name": name.trim_start_matches('-') }, "spec": spec });
    let object = |values: &Value| merged(base.clone(), &nested(at, values));
    let change = |values: &Value| if row.stored.is_some() { nested(at, values) } else { object(values) };
    Case {
        label: format!("case {number} at `{at}`: {}", row.says),
        stored: row.stored.as_ref().map(object),
        accept: change(&row.accept),
        refuse: change(&row.refuse),
        at: at.to_owned(),
        field: format!("{at}{}", row.field),
        says: row.says.clone(),
        original: if row.new { Original::Accepted } else { Original::Refused },
        edit: row.edit.as_ref().map(|values| nested(at, values)),
    }
}

/// The values below a dotted path.
fn nested(at: &str, values: &Value) -> Value {
    at.rsplit('.').filter(|name| !name.is_empty()).fold(values.clone(), |inner, name| json!({ name: inner }))
}

/// RFC 7386.
pub fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(members) = patch else { return patch.clone() };
    let mut target = if let Value::Object(target) = target { target } else { Map::new() };
    for (name, value) in members {
        let before = target.remove(name).unwrap_or_default();
        if !value.is_null() {
            target.insert(name.clone(), merged(before, value));
        }
    }
    Value::Object(target)
}

/// The table with repetitions written out.
fn expanded(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(expanded).collect(),
        Value::Object(members) => {
            let times =
                members.get("times").and_then(Value::as_u64).and_then(|times| usize::try_from(times).ok());
            match (members.get("string").and_then(Value::as_str), members.get("item"), times) {
                (Some(text), _, Some(times)) => text.repeat(times).into(),
                (_, Some(item), Some(times)) => vec![item.clone(); times].into(),
                _ => members.into_iter().map(|(name, value)| (name, expanded(value))).collect(),
            }
        }
        other => other,
    }
}
