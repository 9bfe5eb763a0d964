//! Edits of a child by others, read from `metadata.managedFields` (Kubernetes: server-side apply, field management).
//!
//! A field that somebody else changed is owned by their field manager from then on, and no longer by ours. What is owned
//! by both has the value that we gave it, and is no edit.

mod path;

use std::collections::{BTreeMap, BTreeSet};

use seinode_api::names;
use serde_json::{Map, Value, json};

use self::path::{Items, Path, enter, find, member, shown};
use crate::{drift, text::shortened};

/// A field of a child that somebody else changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Kind of the child.
    pub object: &'static str,
    /// The field as people read it, such as `spec.template.spec.containers[seid].image`; never longer than a person reads.
    pub field: String,
    /// Field manager that changed it.
    pub manager: String,
    /// The way to the field, as FieldsV1 writes it.
    pub path: Vec<String>,
    /// Its value now; `None` when the field was removed.
    pub value: Option<Value>,
}

/// A field that a manager owns.
struct Owned {
    path: Path,
    /// Tokens of its JSON pointer.
    place: Vec<String>,
    shown: String,
    value: Value,
}

/// The manager of an edit that left no trace of who made it: a field that is gone has no owner.
const UNKNOWN: &str = "somebody";
/// Most edits of a child that are looked at one by one; all are reverted.
const MOST: usize = 256;
/// Most characters of a field as it is shown: names and keys in it may have any length.
const LONGEST: usize = 300;

/// Members of a StatefulSet's `spec` that are reverted when somebody else changes them. Admission announces the revert of
/// these, and of no others.
pub const REVERTED: [&str; 6] =
    ["ordinals", "replicas", "selector", "serviceName", "template", "updateStrategy"];

/// Members of a Service's `spec` that are reverted.
const REVERTED_OF_SERVICE: [&str; 4] = ["clusterIP", "ports", "publishNotReadyAddresses", "selector"];

/// The fields of a child that we rendered and that somebody else has changed since, or added to its pod template.
/// `rendered` is what we would apply. A field within a field that was changed as a whole is no edit of its own.
#[must_use]
pub fn of(object: &'static str, live: &Value, rendered: &Value) -> Vec<Edit> {
    let (ours, others) = owners(live);
    let labels = rendered.pointer("/metadata/labels").and_then(Value::as_object);
    let is_of_concern = |path: &Path| match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["f:spec", member, ..] => {
            let reverted = REVERTED.iter().chain(&REVERTED_OF_SERVICE);
            member.strip_prefix("f:").is_some_and(|member| reverted.into_iter().any(|it| *it == member))
        }
        ["f:metadata", "f:labels", key] => {
            key.strip_prefix("f:").is_some_and(|key| labels.is_some_and(|labels| labels.contains_key(key)))
        }
        _ => false,
    };
    let changed = others
        .into_iter()
        .filter(|(manager, _)| manager != names::REPAIR_MANAGER)
        .flat_map(|(manager, fields)| fields.into_iter().map(move |field| (manager.clone(), field)));
    let changed = changed.filter(|(_, field)| {
        is_of_concern(&field.path)
            && !is_restart(&field.path)
            && !is_port_of_theirs(live, rendered, field)
            && !covers(&ours, &field.path)
            && find(rendered, &field.path) != Some(&field.value)
    });
    let mut gone = Vec::new();
    for part in ["spec", "metadata"] {
        missing(&rendered[part], &live[part], &[format!("f:{part}")], part, &mut gone);
    }
    gone.retain(|(_, shown)| !is_ownership(shown));
    let changed = changed.map(|(manager, field)| (field.path, (field.shown, manager, Some(field.value))));
    let gone = gone.into_iter().map(|(path, shown)| (path, (shown, UNKNOWN.to_owned(), None)));
    // A field follows at once on the one that it is in.
    let all: BTreeMap<Path, _> = gone.chain(changed).collect();
    let mut edits: Vec<Edit> = Vec::new();
    for (path, (shown, manager, value)) in all {
        if edits.len() == MOST {
            break;
        }
        if edits.last().is_none_or(|outer| !path.starts_with(&outer.path)) {
            edits.push(Edit { object, field: bounded(shown), manager, path, value });
        }
    }
    edits
}

/// True if a path is that of the annotation by which `kubectl rollout restart` asks for a restart: it is a request, and no edit.
fn is_restart(path: &[String]) -> bool {
    let way = ["f:spec", "f:template", "f:metadata", "f:annotations"];
    let last = path.split_last().filter(|(_, above)| above.iter().eq(&way));
    last.and_then(|(last, _)| last.strip_prefix("f:")) == Some(names::RESTARTED_AT_ANNOTATION)
}

/// The rendered StatefulSet with the time at which somebody asked for a restart by `kubectl rollout restart`.
#[must_use]
pub fn restarted(mut rendered: Value, at: Option<&str>) -> Value {
    if let Some(at) = at
        && let Some(template) = rendered.pointer_mut("/spec/template/metadata/annotations")
        && let Some(annotations) = template.as_object_mut()
    {
        annotations.insert(names::RESTARTED_AT_ANNOTATION.to_owned(), at.into());
    }
    rendered
}

/// True if a path is about the owner of a child: children of earlier versions lack some of it.
fn is_ownership(shown: &str) -> bool {
    shown.contains("ownerReferences")
        || shown.contains(names::OWNER_UID_ANNOTATION)
        || shown == "metadata.annotations"
}

/// The rendered object without the fields that are left as somebody else wants them: apply does not touch what it does not
/// name.
#[must_use]
pub fn without(mut rendered: Value, left: &[Edit]) -> Value {
    left.iter().for_each(|edit| path::remove(&mut rendered, &edit.path));
    rendered
}

/// The rendered object with these fields as somebody else wants them.
#[must_use]
pub fn grafted(mut rendered: Value, left: &[Edit]) -> Value {
    for edit in left {
        match &edit.value {
            Some(value) => path::put(&mut rendered, &edit.path, value),
            None => path::remove(&mut rendered, &edit.path),
        }
    }
    rendered
}

/// The edits that an object still has.
#[must_use]
pub fn kept(edits: &[Edit], live: &Value) -> Vec<Edit> {
    edits.iter().filter(|edit| find(live, &edit.path) == edit.value.as_ref()).cloned().collect()
}

/// Two long fields are told apart by the hash of what is cut off.
fn bounded(field: String) -> String {
    match field.chars().count() > LONGEST {
        true => format!("{}#{}", shortened(&field, LONGEST), drift::short(&json!(field))),
        false => field,
    }
}

/// True if a field is in a port of a Service that others added under a name of their own.
fn is_port_of_theirs(live: &Value, rendered: &Value, field: &Owned) -> bool {
    let [spec, ports, index, ..] = &field.place[..] else { return false };
    let name = |port: &Value| port["name"].as_str().map(str::to_owned);
    let port = live.pointer(&format!("/spec/ports/{index}")).and_then(name);
    let mut ours = list(rendered, "/spec/ports").map(name);
    spec == "spec" && ports == "ports" && ours.all(|ours| ours != port)
}

/// JSON pointers of what others put into the pod template or the ordinals, or left in the update strategy, but for the
/// edits that are left as they are; those that come later in a list first, so that each can be removed after the one
/// before.
#[must_use]
pub fn foreign(live: &Value, left: &[Edit]) -> Vec<String> {
    let (ours, others) = owners(live);
    let is_left =
        |path: &Path| left.iter().any(|edit| path.starts_with(&edit.path) || edit.path.starts_with(path));
    let is_foreign = |field: &Owned| {
        let steps: Vec<_> = field.path.iter().map(String::as_str).collect();
        matches!(
            steps[..],
            ["f:spec", "f:template", _, _, ..]
                | ["f:spec", "f:updateStrategy", "f:rollingUpdate", ..]
                | ["f:spec", "f:ordinals", ..]
        ) && !covers(&ours, &field.path)
            && !is_left(&field.path)
            && !is_restart(&field.path)
    };
    let fields = others.into_values().flatten().filter(is_foreign);
    let all: BTreeMap<Path, Vec<String>> = fields.map(|field| (field.path, field.place)).collect();
    let mut outermost: Vec<(Path, Vec<String>)> = Vec::new();
    for (path, place) in all {
        if outermost.last().is_none_or(|(outer, _)| !path.starts_with(outer)) {
            outermost.push((path, place));
        }
    }
    let mut places: Vec<_> = outermost.into_iter().map(|(_, place)| place).collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.iter().map(|it| index_first(it)).collect::<Vec<_>>()));
    places.iter().map(|place| pointer(place)).collect()
}

/// The field manager that set `spec.replicas` last; `None` when that was us.
#[must_use]
pub fn who_scaled(live: &Value) -> Option<String> {
    let (ours, others) = owners(live);
    let replicas = ["f:spec", "f:replicas"].map(str::to_owned).to_vec();
    if covers(&ours, &replicas) {
        return None;
    }
    let scaled = |fields: &Vec<Owned>| fields.iter().any(|field| field.path == replicas);
    let manager = others.into_iter().find(|(_, fields)| scaled(fields)).map(|(manager, _)| manager);
    Some(manager.unwrap_or_else(|| UNKNOWN.to_owned()))
}

/// List positions are ordered as numbers.
fn index_first(token: &str) -> (Option<usize>, String) {
    (token.parse().ok(), token.to_owned())
}

fn pointer(place: &[String]) -> String {
    place.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect()
}

/// True if we own a field, or something in it.
fn covers(ours: &BTreeSet<Path>, path: &Path) -> bool {
    ours.range(path.clone()..).next().is_some_and(|next| next.starts_with(path))
}

/// The fields that are ours, and those of others by their manager. What controllers write into the status is left out.
fn owners(live: &Value) -> (BTreeSet<Path>, BTreeMap<String, Vec<Owned>>) {
    let (mut ours, mut others) = (BTreeSet::new(), BTreeMap::<String, Vec<Owned>>::new());
    for entry in list(live, "/metadata/managedFields") {
        let manager = entry["manager"].as_str().unwrap_or(UNKNOWN);
        if entry["subresource"] == "status" {
            continue;
        }
        let mut fields = Vec::new();
        if let Some(set) = entry["fieldsV1"].as_object() {
            let root = Above { path: &[], place: &[], shown: "" };
            walk(set, live, root, &mut fields);
        }
        match manager == names::FIELD_MANAGER {
            true => ours.extend(fields.into_iter().map(|field| field.path)),
            false => others.entry(manager.to_owned()).or_default().extend(fields),
        }
    }
    (ours, others)
}

/// Path above a field.
#[derive(Clone, Copy)]
struct Above<'a> {
    path: &'a [String],
    place: &'a [String],
    shown: &'a str,
}

/// Collects the fields of a set (format FieldsV1); `.` is the thing itself. What the object no longer has is left out.
fn walk(set: &Map<String, Value>, object: &Value, above: Above<'_>, found: &mut Vec<Owned>) {
    let items = object.as_array().map(|list| Items::of(list, set.keys().find(|step| *step != ".")));
    for (step, inner) in set {
        if step == "." {
            let (path, place) = (above.path.to_vec(), above.place.to_vec());
            found.push(Owned { path, place, shown: above.shown.to_owned(), value: object.clone() });
            continue;
        }
        let entered = items.as_ref().map_or_else(|| enter(object, step), |items| items.enter(step));
        let Some((token, value)) = entered else { continue };
        let (path, place) =
            ([above.path, &[named(above, step, value)]].concat(), [above.place, &[token]].concat());
        let shown = shown(above.shown, step);
        match inner.as_object().filter(|inner| !inner.is_empty()) {
            Some(inner) => walk(inner, value, Above { path: &path, place: &place, shown: &shown }, found),
            None => found.push(Owned { path, place, shown, value: value.clone() }),
        }
    }
}

/// A port is the same one whatever its number, which is its key: it is told by its name.
fn named(above: Above<'_>, step: &str, item: &Value) -> String {
    let is_port = above.path.last().is_some_and(|last| last == "f:ports");
    match item.get("name").filter(|name| is_port && name.is_string()) {
        Some(name) => format!("k:{}", json!({ "name": name })),
        None => step.to_owned(),
    }
}

/// Paths of what was rendered and is not there, and as people read them. A set without ordinals counts from 0, as ours do.
fn missing(rendered: &Value, live: &Value, path: &[String], above: &str, found: &mut Vec<(Path, String)>) {
    let below = |step: String| path.iter().cloned().chain([step]).collect::<Path>();
    match (rendered, live) {
        (Value::Object(rendered), Value::Object(live)) => {
            for (key, value) in rendered.iter().filter(|(key, value)| !is_empty(value) && *key != "ordinals")
            {
                let (path, shown) = (below(format!("f:{key}")), member(above, key));
                match live.get(key) {
                    Some(there) => missing(value, there, &path, &shown, found),
                    None => found.push((path, shown)),
                }
            }
        }
        (Value::Array(rendered), Value::Array(live)) => {
            for value in rendered {
                let Some(name) = value.get("name").and_then(Value::as_str) else { continue };
                let (path, shown) =
                    (below(format!("k:{}", json!({ "name": name }))), format!("{above}[{name}]"));
                match live.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name)) {
                    Some(there) => missing(value, there, &path, &shown, found),
                    None => found.push((path, shown)),
                }
            }
        }
        _ => {}
    }
}

/// The items of a list; none where there is no list.
fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// True if a value is empty: the API server may leave it out.
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
