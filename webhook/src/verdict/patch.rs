//! A minimal JSON Patch (RFC 6902), and the names of the fields that it changes. It is made from paths and presence alone:
//! no value of the object is copied.

use json_patch::{
    AddOperation, PatchOperation, RemoveOperation, ReplaceOperation,
    jsonptr::{PointerBuf, Token},
};
use serde_json::{Map, Value};

use crate::view::View;

/// Changes of an object, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    operations: Vec<PatchOperation>,
    fields: Vec<&'static str>,
}

/// A member to set: its name, its value, and the name that metrics call it by.
pub(super) type Member<'a> = (&'a str, Value, &'static str);

impl Patch {
    /// The fields that it changes, as metrics call them.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        self.fields.clone()
    }

    /// The patch as JSON; `None` when nothing is changed.
    #[must_use]
    pub fn to_json(&self) -> Option<Vec<u8>> {
        let changes = !self.operations.is_empty();
        changes.then(|| serde_json::to_vec(&self.operations).ok()).flatten()
    }

    /// Sets members of the object at `parent`, which is made where it is missing. Returns `true` when anything changes.
    ///
    /// Does nothing where something else than an object is in the way: the API server reports that.
    pub(super) fn set(&mut self, object: View<'_>, parent: &[&str], members: &[Member<'_>]) -> bool {
        let mut at = object;
        for (depth, token) in parent.iter().enumerate() {
            if !at.is_object() {
                return false;
            }
            at = at.get(token);
            if !at.is_set() {
                let (missing, below) =
                    parent.split_at_checked(depth.saturating_add(1)).unwrap_or((parent, &[]));
                self.make(missing, below, members);
                return true;
            }
        }
        if !at.is_object() {
            return false;
        }
        let before = self.operations.len();
        for (name, value, field) in members {
            let path = pointer(parent.iter().copied().chain([*name]));
            let present = at.get(name);
            let value = value.clone();
            match present.is_present() {
                true if is(present, &value) => continue,
                true => self.operations.push(PatchOperation::Replace(ReplaceOperation { path, value })),
                false => self.operations.push(PatchOperation::Add(AddOperation { path, value })),
            }
            self.fields.push(field);
        }
        self.operations.len() > before
    }

    /// Adds an object that is missing, with all that goes into it.
    fn make(&mut self, missing: &[&str], below: &[&str], members: &[Member<'_>]) {
        let named = members.iter().map(|(name, value, _)| ((*name).to_owned(), value.clone()));
        let inner = Value::Object(named.collect());
        let value = below
            .iter()
            .rev()
            .fold(inner, |inner, token| Value::Object(Map::from_iter([((*token).to_owned(), inner)])));
        let path = pointer(missing.iter().copied());
        self.operations.push(PatchOperation::Add(AddOperation { path, value }));
        self.fields.extend(members.iter().map(|(_, _, field)| field));
    }

    /// Removes the member at `path` of the object, if it is there.
    pub(super) fn remove(&mut self, object: View<'_>, path: &[&str], field: &'static str) {
        if object.at(path).is_present() {
            let path = pointer(path.iter().copied());
            self.operations.push(PatchOperation::Remove(RemoveOperation { path }));
            self.fields.push(field);
        }
    }
}

/// Compares with a text or a number, the values that patches set.
fn is(present: View<'_>, value: &Value) -> bool {
    match value {
        Value::String(text) => present.as_str().is_some_and(|present| present == *text),
        value => value.as_i64().is_some() && present.as_i64() == value.as_i64(),
    }
}

fn pointer<'a>(tokens: impl Iterator<Item = &'a str>) -> PointerBuf {
    PointerBuf::from_tokens(tokens.map(Token::new))
}
