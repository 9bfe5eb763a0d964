//! An object of the world becomes hostile: any of its members may be another, but for its name.

use hostile::{Choices, mutate};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    objects::{Key, Object},
    world::World,
};

/// Changes an object, if it is still one of its kind afterwards: the API server takes no other.
pub fn spoil(world: &mut World, key: &Key, choices: &mut Choices<'_>) {
    world.api.update(key, |object| match object {
        Object::Node(it) => other(it, choices),
        Object::Volume(it) => other(it, choices),
        Object::Set(it) => other(it, choices),
        Object::Service(it) => other(it, choices),
        Object::Job(it) => other(it, choices),
        Object::Pod(it) => other(it, choices),
    });
}

fn other<T: Serialize + DeserializeOwned>(object: &mut T, choices: &mut Choices<'_>) {
    let mut json = serde_json::to_value(&*object).unwrap();
    let names = ["name", "namespace"].map(|name| (name, json["metadata"][name].clone()));
    mutate(&mut json, choices);
    if !json["metadata"].is_object() {
        json["metadata"] = Value::Object(serde_json::Map::new());
    }
    for (name, value) in names {
        json["metadata"][name] = value;
    }
    if let Ok(hostile) = serde_json::from_value(json) {
        *object = hostile;
    }
}
