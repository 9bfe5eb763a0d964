//! Who changed what of a child: read from its `metadata.managedFields` (Kubernetes: server-side apply, field management).
//!
//! A field that somebody else changed is owned by their field manager from then on, and no longer by ours. What is owned
//! by both has the value that we gave it, and is no edit.

use std::collections::{BTreeMap, BTreeSet};

use seinode_api::names;
use serde_json::{Map, Value};

/// A field of a child that somebody else changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// Kind of the child.
    pub object: &'static str,
    /// Path of the field, such as `spec.template.spec.containers[seid].image`.
    pub field: String,
    /// Who changed it.
    pub manager: String,
}

/// Where in an object a field is.
type Place = Vec<String>;

/// A field that a manager owns.
struct Owned {
    place: Place,
    path: String,
    value: Value,
}

/// The manager of an edit that left no trace of who made it: a field that is gone has no owner.
const UNKNOWN: &str = "somebody";

/// Members of a StatefulSet's `spec` that are reverted when somebody else changes them. Admission announces the revert of
/// these, and of no others.
pub const REVERTED: [&str; 6] =
    ["ordinals", "replicas", "selector", "serviceName", "template", "updateStrategy"];

/// Members of a Service's `spec` that are reverted.
const REVERTED_OF_SERVICE: [&str; 4] = ["clusterIP", "ports", "publishNotReadyAddresses", "selector"];

/// The fields of a child that we rendered and that somebody else has changed since, or added to its pod template.
/// `rendered` is what we would apply.
#[must_use]
pub fn of(object: &'static str, live: &Value, rendered: &Value) -> Vec<Edit> {
    let (ours, others) = owners(live);
    let labels = rendered["metadata"]["labels"].as_object();
    let is_of_concern = |place: &Place| match place.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["spec", member, ..] => REVERTED.contains(&member) || REVERTED_OF_SERVICE.contains(&member),
        ["metadata", "labels", key] => labels.is_some_and(|labels| labels.contains_key(key)),
        _ => false,
    };
    let changed = others
        .into_iter()
        .filter(|(manager, _)| manager != names::REPAIR_MANAGER)
        .flat_map(|(manager, fields)| fields.into_iter().map(move |field| (manager.clone(), field)));
    let changed = changed.filter(|(_, field)| {
        let is_as_rendered = rendered.pointer(&pointer(&field.place)) == Some(&field.value);
        is_of_concern(&field.place)
            && !is_port_of_theirs(live, rendered, &field.place)
            && !covers(&ours, &field.place)
            && !is_as_rendered
    });
    let mut all: BTreeSet<Edit> =
        changed.map(|(manager, field)| Edit { object, field: field.path, manager }).collect();
    let mut gone = Vec::new();
    for part in ["spec", "metadata"] {
        missing(&rendered[part], &live[part], part, &mut gone);
    }
    // What is gone because somebody put something else in the place of the whole is no edit of its own.
    let is_told = |path: &String| all.iter().any(|edit| path.starts_with(&format!("{}.", edit.field)));
    gone.retain(|path| !path.contains("ownerReferences") && !is_told(path));
    all.extend(gone.into_iter().map(|field| Edit { object, field, manager: UNKNOWN.to_owned() }));
    all.into_iter().collect()
}

/// Whether a place is in a port of a Service that others added under a name of their own.
fn is_port_of_theirs(live: &Value, rendered: &Value, place: &Place) -> bool {
    let [spec, ports, index, ..] = &place[..] else { return false };
    let name = |port: &Value| port["name"].as_str().map(str::to_owned);
    let port = index.parse().ok().and_then(|index: usize| live["spec"]["ports"].get(index)).and_then(name);
    let mut ours = rendered["spec"]["ports"].as_array().into_iter().flatten().map(name);
    spec == "spec" && ports == "ports" && ours.all(|ours| ours != port)
}

/// JSON pointers of what others put into the pod template or the ordinals, or left in the update strategy; those that come
/// later in a list first, so that each can be removed after the one before.
#[must_use]
pub fn foreign(live: &Value) -> Vec<String> {
    let (ours, others) = owners(live);
    let places: BTreeSet<Place> = others.into_values().flatten().map(|field| field.place).collect();
    let is_foreign = |place: &&Place| {
        let strings: Vec<_> = place.iter().map(String::as_str).collect();
        matches!(
            strings[..],
            ["spec", "template", _, _, ..]
                | ["spec", "updateStrategy", "rollingUpdate", ..]
                | ["spec", "ordinals", ..]
        ) && !covers(&ours, place)
    };
    let foreign: BTreeSet<&Place> = places.iter().filter(is_foreign).collect();
    let outermost =
        |place: &&&Place| !(1..place.len()).any(|length| foreign.contains(&place[..length].to_vec()));
    let mut kept: Vec<_> = foreign.iter().filter(outermost).map(|place| (*place).clone()).collect();
    kept.sort_by_key(|place| std::cmp::Reverse(place.iter().map(|it| index_first(it)).collect::<Vec<_>>()));
    kept.iter().map(pointer).collect()
}

/// The field manager that set `spec.replicas` last; `None` when that was us.
#[must_use]
pub fn who_scaled(live: &Value) -> Option<String> {
    let (ours, others) = owners(live);
    if covers(&ours, &vec!["spec".to_owned(), "replicas".to_owned()]) {
        return None;
    }
    let scaled = |fields: &Vec<Owned>| fields.iter().any(|field| field.path == "spec.replicas");
    let manager = others.into_iter().find(|(_, fields)| scaled(fields)).map(|(manager, _)| manager);
    Some(manager.unwrap_or_else(|| UNKNOWN.to_owned()))
}

/// List positions are ordered as numbers.
fn index_first(token: &str) -> (Option<usize>, String) {
    (token.parse().ok(), token.to_owned())
}

fn pointer(place: &Place) -> String {
    place.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect()
}

/// Whether we own a field, or something in it.
fn covers(ours: &BTreeSet<Place>, place: &Place) -> bool {
    ours.range(place.clone()..).next().is_some_and(|next| next.starts_with(place))
}

/// The fields that are ours, and those of others by their manager. What controllers write into the status is left out.
fn owners(live: &Value) -> (BTreeSet<Place>, BTreeMap<String, Vec<Owned>>) {
    let (mut ours, mut others) = (BTreeSet::new(), BTreeMap::<String, Vec<Owned>>::new());
    for entry in live["metadata"]["managedFields"].as_array().into_iter().flatten() {
        let manager = entry["manager"].as_str().unwrap_or(UNKNOWN);
        if entry["subresource"] == "status" {
            continue;
        }
        let mut fields = Vec::new();
        if let Some(set) = entry["fieldsV1"].as_object() {
            walk(set, live, &Place::new(), "", &mut fields);
        }
        match manager == names::FIELD_MANAGER {
            true => ours.extend(fields.into_iter().map(|field| field.place)),
            false => others.entry(manager.to_owned()).or_default().extend(fields),
        }
    }
    (ours, others)
}

/// Collects the fields of a set (format FieldsV1): members are `f:name`, list items `k:{keys}` or `v:value`, and `.` is the
/// thing itself. What the object no longer has is left out.
fn walk(set: &Map<String, Value>, object: &Value, place: &Place, path: &str, found: &mut Vec<Owned>) {
    for (key, inner) in set {
        let step = match key.split_once(':') {
            Some(("f", name)) => object.get(name).map(|value| (name.to_owned(), value, member(path, name))),
            Some(("k", keys)) => item(object, keys)
                .map(|(index, value, shown)| (index.to_string(), value, format!("{path}[{shown}]"))),
            Some(("v", wanted)) => {
                let wanted: Value = serde_json::from_str(wanted).unwrap_or_default();
                let mut items = object.as_array().into_iter().flatten().enumerate();
                items
                    .find(|(_, value)| **value == wanted)
                    .map(|(index, value)| (index.to_string(), value, format!("{path}[{wanted}]")))
            }
            _ if key == "." => {
                found.push(Owned { place: place.clone(), path: path.to_owned(), value: object.clone() });
                None
            }
            _ => None,
        };
        let Some((token, value, path)) = step else { continue };
        let mut place = place.clone();
        place.push(token);
        match inner.as_object().filter(|inner| !inner.is_empty()) {
            Some(inner) => walk(inner, value, &place, &path, found),
            None => found.push(Owned { place, path, value: value.clone() }),
        }
    }
}

fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The item of a list that has these keys.
fn item<'a>(list: &'a Value, keys: &str) -> Option<(usize, &'a Value, String)> {
    let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
    let matches = |item: &&Value| keys.iter().all(|(key, value)| item.get(key) == Some(value));
    let list = list.as_array()?;
    let index = list.iter().position(|item| matches(&item))?;
    let shown = keys.values().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    Some((index, &list[index], shown.collect::<Vec<_>>().join("/")))
}

/// Paths of what was rendered and is not there.
fn missing(rendered: &Value, live: &Value, path: &str, found: &mut Vec<String>) {
    match (rendered, live) {
        (Value::Object(rendered), Value::Object(live)) => {
            for (key, value) in rendered.iter().filter(|(_, value)| !is_empty(value)) {
                match live.get(key) {
                    Some(there) => missing(value, there, &member(path, key), found),
                    None => found.push(member(path, key)),
                }
            }
        }
        (Value::Array(rendered), Value::Array(live)) => {
            for value in rendered {
                let Some(name) = value.get("name").and_then(Value::as_str) else { continue };
                let path = format!("{path}[{name}]");
                match live.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name)) {
                    Some(there) => missing(value, there, &path, found),
                    None => found.push(path),
                }
            }
        }
        _ => {}
    }
}

/// What is empty may be left out by the API server.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests;
