//! Hostile objects for fuzzing: a real object of which a few members are others, chosen by the bytes of the fuzzer.
//!
//! Bytes that are no object at all find nothing behind the parser. A real object with one absurd number, time, text or list
//! gets as far as objects get, and finds what nobody thought of there.

mod choices;
mod target;
mod values;

use serde_json::{Map, Value};

pub use choices::Choices;
pub use target::{Effort, Target};

/// Most members that one mutation changes.
const MOST: usize = 4;
/// Copies that a list grows by at most.
const COPIES: usize = 300;
/// An object with more members grows no further: lists of lists would take all memory.
const LARGE: usize = 5_000;

/// Changes up to four members of an object, at places and in ways that `choices` chooses.
///
/// A member becomes another value of its kind, mostly, or one of another kind; it goes, appears, or is repeated.
pub fn mutate(object: &mut Value, choices: &mut Choices<'_>) {
    for _ in 0..=choices.below(MOST) {
        let places = pointers(object);
        let Some(pointer) = choices.pick(&places) else { return };
        change(object, pointer, choices);
    }
}

fn change(object: &mut Value, pointer: &str, choices: &mut Choices<'_>) {
    match choices.below(10) {
        0 => remove(object, pointer),
        1 => repeat(object, pointer, choices),
        2 => graft(object, pointer, choices),
        3 | 4 => insert(object, choices),
        _ => {
            if let Some(place) = object.pointer_mut(pointer) {
                *place = values::like(place, choices);
            }
        }
    }
}

/// JSON pointers of all members, leaves and what holds them.
fn pointers(object: &Value) -> Vec<String> {
    fn walk(value: &Value, pointer: &str, found: &mut Vec<String>) {
        if !pointer.is_empty() {
            found.push(pointer.to_owned());
        }
        match value {
            Value::Object(members) => members.iter().for_each(|(name, inner)| {
                walk(inner, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, inner)| walk(inner, &format!("{pointer}/{index}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(object, "", &mut found);
    found
}

fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, token)) = pointer.rsplit_once('/') else { return };
    match object.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&token.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(items)) => {
            if let Ok(index) = token.parse::<usize>() {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// A list has an item many times; anything else becomes a list of itself.
fn repeat(object: &mut Value, pointer: &str, choices: &mut Choices<'_>) {
    if pointers(object).len() > LARGE {
        return;
    }
    let copies = *choices.pick(&[1, 2, 16, COPIES]).unwrap_or(&1);
    match object.pointer_mut(pointer) {
        Some(Value::Array(items)) => {
            if let Some(item) = choices.pick(items).cloned() {
                items.extend(std::iter::repeat_n(item, copies));
            }
        }
        Some(Value::Object(members)) => {
            let member = members.iter().next().map(|(name, value)| (name.clone(), value.clone()));
            if let Some((name, value)) = member {
                members.extend((0..copies).map(|copy| (format!("{name}{copy}"), value.clone())));
            }
        }
        Some(other) => *other = Value::Array(vec![other.clone(); copies]),
        None => {}
    }
}

/// A member is what another member of the object is.
fn graft(object: &mut Value, pointer: &str, choices: &mut Choices<'_>) {
    let places = pointers(object);
    let donor = choices.pick(&places).and_then(|donor| object.pointer(donor)).cloned();
    if let (Some(donor), Some(place)) = (donor, object.pointer_mut(pointer)) {
        *place = donor;
    }
}

/// A member appears that Kubernetes or a user may set.
fn insert(object: &mut Value, choices: &mut Choices<'_>) {
    let Some(pointer) = choices.pick(values::OPTIONAL) else { return };
    let value = values::any(choices);
    let mut place = object;
    for token in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(members) = place else { return };
        place = members.entry(token.replace("~1", "/").replace("~0", "~")).or_insert(Value::Null);
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_choice_makes_an_object_again() {
        let whole = json!({
            "metadata": {"name": "n0", "labels": {"a/b": "c"}},
            "spec": {"replicas": 1, "items": [{"name": "x"}, {"name": "y"}]},
        });
        let mut others = std::collections::BTreeSet::new();
        for seed in 0..2_000_u32 {
            let bytes: Vec<u8> = (0..64_u32)
                .flat_map(|index| (seed ^ index).wrapping_mul(2_654_435_761).to_be_bytes())
                .collect();
            let mut object = whole.clone();
            mutate(&mut object, &mut Choices::of(&bytes));
            others.insert(object.to_string());
        }
        assert!(others.len() > 1_000, "{}", others.len());
    }

    #[test]
    fn without_bytes_there_is_a_choice_too() {
        let mut object = json!({"a": 1});
        mutate(&mut object, &mut Choices::of(&[]));
        assert_ne!(object, json!({"a": 1}));
    }
}
