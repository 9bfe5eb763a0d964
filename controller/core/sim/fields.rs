//! Owners of the fields of a child (Kubernetes: server-side apply, field management), as far as hand edits go: its
//! labels, its annotations and its spec.
//!
//! A list whose items all have a name is taken apart by name; any other list is one field, and so is a selector.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use seinode_core::edits::{self, Edit};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::objects::Object;

/// The way to a field: `f:` members and `k:` list items, as FieldsV1 writes them.
type Path = Vec<String>;
type Owners = BTreeMap<String, BTreeSet<Path>>;

/// True if an object's fields have owners here.
fn is_managed(object: &Object) -> bool {
    matches!(object, Object::Set(_) | Object::Service(_))
}

/// A new object belongs to whoever made it.
pub fn created(object: &mut Object, manager: &str) {
    if is_managed(object) {
        let owners = Owners::from([(manager.to_owned(), leaves(&json(object)).into_keys().collect())]);
        set_owners(object, &owners);
    }
}

/// Makes the author of a change by an ordinary request the only owner of the field.
pub fn edited(before: &Object, after: &mut Object, manager: &str) {
    if !is_managed(after) {
        return;
    }
    let (old, new) = (leaves(&json(before)), leaves(&json(after)));
    let mut owners = owners(before);
    let is_other = |path: &Path| old.get(path) != new.get(path);
    owners.values_mut().for_each(|fields| fields.retain(|path| !is_other(path)));
    let changed = new.keys().filter(|path| is_other(path)).cloned();
    owners.entry(manager.to_owned()).or_default().extend(changed);
    set_owners(after, &owners);
}

/// Server-side apply with force, but for the edits that are left: what is applied is owned, what was owned and is not applied any more goes.
pub fn applied(live: &Object, wanted: &Object, left: &[Edit], manager: &str) -> Object {
    let (there, wanted) = (leaves(&json(live)), leaves(&edits::without(json(wanted), left)));
    let mut owners = owners(live);
    let mine = owners.remove(manager).unwrap_or_default();
    let takes = |path: &Path| wanted.get(path).is_some_and(|value| there.get(path) != Some(value));
    owners.values_mut().for_each(|fields| fields.retain(|path| !takes(path)));
    let others: BTreeSet<&Path> = owners.values().flatten().collect();
    let mut json = json(live);
    for path in mine.iter().filter(|path| !wanted.contains_key(*path) && !others.contains(path)) {
        remove(&mut json, path);
    }
    for (path, value) in &wanted {
        put(&mut json, path, value.clone());
    }
    owners.insert(manager.to_owned(), wanted.into_keys().collect());
    let mut after = with(live, json);
    set_owners(&mut after, &owners);
    after
}

/// Takes fields away by JSON pointer.
pub fn without(live: &Object, pointers: &[String]) -> Object {
    let mut json = json(live);
    for pointer in pointers {
        let Some((parent, last)) = pointer.rsplit_once('/') else { continue };
        match json.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.remove(&last.replace("~1", "/").replace("~0", "~"))),
            Some(Value::Array(items)) => drop(last.parse().map(|index: usize| items.remove(index))),
            _ => {}
        }
    }
    with(live, json)
}

/// An object as the API server shows it.
pub fn json(object: &Object) -> Value {
    fn of(object: &impl Serialize) -> Value {
        serde_json::to_value(object).unwrap()
    }
    match object {
        Object::Set(set) => of(set),
        Object::Service(service) => of(service),
        _ => Value::Null,
    }
}

fn with(live: &Object, json: Value) -> Object {
    fn read<T: DeserializeOwned>(json: Value) -> Box<T> {
        Box::new(serde_json::from_value(json).unwrap())
    }
    match live {
        Object::Set(_) => Object::Set(read(json)),
        Object::Service(_) => Object::Service(read(json)),
        other => other.clone(),
    }
}

fn leaves(json: &Value) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    for part in ["labels", "annotations"] {
        walk(&json["metadata"][part], &vec!["f:metadata".to_owned(), format!("f:{part}")], &mut found);
    }
    walk(&json["spec"], &vec!["f:spec".to_owned()], &mut found);
    found
}

fn walk(value: &Value, path: &Path, found: &mut BTreeMap<Path, Value>) {
    let step = |step: String| path.iter().cloned().chain([step]).collect::<Path>();
    match value {
        Value::Null => {}
        Value::Object(members) if !members.is_empty() && path.last().is_none_or(|it| it != "f:selector") => {
            members.iter().for_each(|(name, value)| walk(value, &step(format!("f:{name}")), found));
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| item["name"].is_string()) => {
            for item in items {
                walk(item, &step(format!("k:{}", json!({ "name": item["name"] }))), found);
            }
        }
        leaf => drop(found.insert(path.clone(), leaf.clone())),
    }
}

/// The value that a step leads to.
fn enter<'a>(value: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    match step.split_once(':') {
        Some(("f", name)) => value.get_mut(name),
        Some(("k", keys)) => {
            let keys: Value = serde_json::from_str(keys).ok()?;
            value.as_array_mut()?.iter_mut().find(|item| item["name"] == keys["name"])
        }
        _ => None,
    }
}

fn put(value: &mut Value, path: &[String], leaf: Value) {
    let Some((step, rest)) = path.split_first() else {
        *value = leaf;
        return;
    };
    if enter(value, step).is_none() {
        match step.split_once(':') {
            Some(("k", keys)) => {
                let keys: Value = serde_json::from_str(keys).unwrap();
                if !value.is_array() {
                    *value = json!([]);
                }
                value.as_array_mut().unwrap().push(keys);
            }
            Some((_, name)) => {
                if !value.is_object() {
                    *value = json!({});
                }
                value.as_object_mut().unwrap().insert(name.to_owned(), Value::Null);
            }
            None => {}
        }
    }
    if let Some(inner) = enter(value, step) {
        put(inner, rest, leaf);
    }
}

/// Takes a field away, and what is empty without it.
fn remove(value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    let Some(inner) = enter(value, step) else { return };
    remove(inner, rest);
    let is_empty = match inner {
        Value::Object(members) => {
            members.keys().all(|key| key == "name") && step.starts_with("k:") || members.is_empty()
        }
        Value::Array(items) => items.is_empty(),
        _ => rest.is_empty(),
    };
    if !(rest.is_empty() || is_empty) {
        return;
    }
    match (value, step.split_once(':')) {
        (Value::Object(members), Some(("f", name))) => drop(members.remove(name)),
        (Value::Array(items), Some(("k", keys))) => {
            let keys: Value = serde_json::from_str(keys).unwrap();
            items.retain(|item| item["name"] != keys["name"]);
        }
        _ => {}
    }
}

fn owners(object: &Object) -> Owners {
    let mut all = Owners::new();
    for entry in object.meta().managed_fields.iter().flatten() {
        let mut paths = BTreeSet::new();
        if let Some(fields) = &entry.fields_v1 {
            read(&fields.0, &Path::new(), &mut paths);
        }
        all.insert(entry.manager.clone().unwrap_or_default(), paths);
    }
    all
}

fn read(fields: &Value, path: &Path, found: &mut BTreeSet<Path>) {
    match fields.as_object().filter(|members| !members.is_empty()) {
        None => drop(found.insert(path.clone())),
        Some(members) => {
            for (step, inner) in members {
                read(inner, &path.iter().cloned().chain([step.clone()]).collect(), found);
            }
        }
    }
}

fn set_owners(object: &mut Object, owners: &Owners) {
    let entry = |(manager, paths): (&String, &BTreeSet<Path>)| {
        let mut fields = Value::Object(Map::new());
        for path in paths {
            let mut place = &mut fields;
            for step in path {
                let Value::Object(members) = place else { break };
                place = members.entry(step.clone()).or_insert_with(|| json!({}));
            }
        }
        ManagedFieldsEntry {
            manager: Some(manager.clone()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    };
    let owned = owners.iter().filter(|(_, paths)| !paths.is_empty());
    object.meta_mut().managed_fields = Some(owned.map(entry).collect());
}
