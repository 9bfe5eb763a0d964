//! The way to a field of an object, as FieldsV1 writes it (Kubernetes: server-side apply): members are `f:name`, list items
//! `k:{keys}` or `v:value`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The way to a field, from the object down.
pub(super) type Path = Vec<String>;

/// One step of a way.
enum Step<'a> {
    Member(&'a str),
    /// The item that has these keys.
    Keyed(Map<String, Value>),
    /// The item that is this value.
    Equal(Value),
}

impl<'a> Step<'a> {
    fn read(step: &'a str) -> Option<Self> {
        match step.split_once(':')? {
            ("f", name) => Some(Self::Member(name)),
            ("k", keys) => serde_json::from_str(keys).ok().map(Self::Keyed),
            ("v", value) => serde_json::from_str(value).ok().map(Self::Equal),
            _ => None,
        }
    }

    fn leads_to(&self, item: &Value) -> bool {
        match self {
            Self::Member(_) => false,
            Self::Keyed(keys) => {
                keys.iter().all(|(key, value)| item.get(key).or(default_of(key)) == Some(value))
            }
            Self::Equal(value) => item == value,
        }
    }
}

/// Value of a key that an object may leave out.
fn default_of(key: &str) -> Option<&'static Value> {
    static TCP: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| "TCP".into());
    (key == "protocol").then(|| &*TCP)
}

/// The value that a step leads to, and its token in a JSON pointer.
pub(super) fn enter<'a>(value: &'a Value, step: &str) -> Option<(String, &'a Value)> {
    match Step::read(step)? {
        Step::Member(name) => value.get(name).map(|inner| (name.to_owned(), inner)),
        step => {
            let mut items = value.as_array()?.iter().enumerate();
            items.find(|(_, item)| step.leads_to(item)).map(|(index, item)| (index.to_string(), item))
        }
    }
}

/// The items of a list by their keys: each is found without going through the list.
pub(super) struct Items<'a> {
    list: &'a [Value],
    /// Names of the keys.
    names: Vec<String>,
    by_keys: BTreeMap<String, usize>,
}

impl<'a> Items<'a> {
    /// The items of a list whose keys have the names that they have in this step.
    pub(super) fn of(list: &'a [Value], step: Option<&String>) -> Self {
        let names: Vec<String> = match step.and_then(|step| Step::read(step)) {
            Some(Step::Keyed(keys)) => keys.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let mut by_keys = BTreeMap::new();
        for (index, item) in list.iter().enumerate() {
            let key =
                |name: &String| item.get(name).or(default_of(name)).map(|key| (name.clone(), key.clone()));
            if let Some(keys) = names.iter().map(key).collect::<Option<Map<_, _>>>() {
                by_keys.entry(Value::Object(keys).to_string()).or_insert(index);
            }
        }
        Self { list, names, by_keys }
    }

    /// The item that a step leads to, and its token in a JSON pointer.
    pub(super) fn enter(&self, step: &str) -> Option<(String, &'a Value)> {
        let step = Step::read(step)?;
        let index = match &step {
            Step::Keyed(keys) if keys.keys().eq(&self.names) => {
                *self.by_keys.get(&Value::Object(keys.clone()).to_string())?
            }
            step => self.list.iter().position(|item| step.leads_to(item))?,
        };
        self.list.get(index).map(|item| (index.to_string(), item))
    }
}

/// The value at the end of a way.
pub(super) fn find<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, step| enter(value, step).map(|(_, inner)| inner))
}

/// Takes what is at the end of a way out of an object.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let Some((last, above)) = path.split_last() else { return };
    let Some(above) = above.iter().try_fold(object, |value, step| enter_mut(value, step)) else { return };
    match (above, Step::read(last)) {
        (Value::Object(members), Some(Step::Member(name))) => drop(members.remove(name)),
        (Value::Array(items), Some(step)) => {
            if let Some(index) = items.iter().position(|item| step.leads_to(item)) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Puts a value at the end of a way; what is missing on the way is made.
pub(super) fn put(object: &mut Value, path: &[String], value: &Value) {
    let Some((step, rest)) = path.split_first() else {
        value.clone_into(object);
        return;
    };
    if enter(object, step).is_none() {
        match Step::read(step) {
            Some(Step::Member(name)) => {
                if !object.is_object() {
                    *object = Value::Object(Map::new());
                }
                if let Value::Object(members) = object {
                    members.insert(name.to_owned(), Value::Null);
                }
            }
            Some(Step::Keyed(keys)) => push(object, Value::Object(keys)),
            Some(Step::Equal(item)) => push(object, item),
            None => return,
        }
    }
    if let Some(inner) = enter_mut(object, step) {
        put(inner, rest, value);
    }
}

fn push(list: &mut Value, item: Value) {
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    if let Value::Array(items) = list {
        items.push(item);
    }
}

fn enter_mut<'a>(value: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    match Step::read(step)? {
        Step::Member(name) => value.get_mut(name),
        step => value.as_array_mut()?.iter_mut().find(|item| step.leads_to(item)),
    }
}

/// A step as people read it, behind what they have read so far.
pub(super) fn shown(above: &str, step: &str) -> String {
    match Step::read(step) {
        Some(Step::Member(name)) => member(above, name),
        Some(Step::Keyed(keys)) => {
            let keys = keys.values().map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned));
            format!("{above}[{}]", keys.collect::<Vec<_>>().join("/"))
        }
        Some(Step::Equal(value)) => format!("{above}[{value}]"),
        None => above.to_owned(),
    }
}

pub(super) fn member(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(steps: &[&str]) -> Path {
        steps.iter().map(|step| (*step).to_owned()).collect()
    }

    #[test]
    fn a_field_is_found_taken_out_and_put_back() {
        let before = json!({"spec": {"ports": [{"containerPort": 1}, {"containerPort": 2, "name": "b"}]}});
        let way = path(&["f:spec", "f:ports", r#"k:{"containerPort":2,"protocol":"TCP"}"#, "f:name"]);
        assert_eq!(find(&before, &way), Some(&json!("b")));
        let mut object = before.clone();
        remove(&mut object, &way);
        assert_eq!(find(&object, &way), None);
        put(&mut object, &way, &json!("b"));
        assert_eq!(object, before);
        remove(&mut object, &way[..3]);
        assert_eq!(object["spec"]["ports"], json!([{"containerPort": 1}]));
    }

    #[test]
    fn what_is_missing_on_the_way_is_made() {
        let mut object = json!({});
        put(&mut object, &path(&["f:a", r#"k:{"name":"x"}"#, "f:b"]), &json!(1));
        put(&mut object, &path(&["f:c", r#"v:"y""#]), &json!("y"));
        assert_eq!(object, json!({"a": [{"name": "x", "b": 1}], "c": ["y"]}));
    }

    #[test]
    fn a_way_that_leads_nowhere_changes_nothing() {
        for steps in [["nonsense", "f:a"], ["k:{", "f:a"], ["f:a", "z:1"]] {
            let mut object = json!({"a": 1});
            remove(&mut object, &path(&steps));
            assert_eq!(find(&object, &path(&steps)), None);
            assert_eq!(object, json!({"a": 1}));
        }
    }
}
