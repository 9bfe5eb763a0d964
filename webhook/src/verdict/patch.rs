//! A minimal JSON Patch (RFC 6902), made from the raw object, and the names of the fields that it changes.

use json_patch::{
    AddOperation, PatchOperation, RemoveOperation, ReplaceOperation,
    jsonptr::{PointerBuf, Token},
};
use serde_json::{Map, Value};

/// Changes of raw JSON, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    operations: Vec<PatchOperation>,
    fields: Vec<&'static str>,
}

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

    /// Gives members of the object at `parent` these values, each with the name that metrics call it by. A parent that
    /// is missing is made. Says whether anything changes.
    ///
    /// Does nothing where something else than an object is in the way: the API server has words for that.
    pub(super) fn set(
        &mut self,
        object: &Value,
        parent: &[&str],
        members: &[(&str, Value, &'static str)],
    ) -> bool {
        let mut at = object;
        for (depth, token) in parent.iter().enumerate() {
            match at.as_object().map(|there| there.get(*token)) {
                Some(Some(next)) if !next.is_null() => at = next,
                Some(_) => {
                    self.make(&parent[..=depth], &parent[depth + 1..], members);
                    return true;
                }
                None => return false,
            }
        }
        let Some(there) = at.as_object() else { return false };
        let before = self.operations.len();
        for (name, value, field) in members {
            let path = pointer(parent.iter().copied().chain([*name]));
            let value = value.clone();
            match there.get(*name) {
                Some(present) if *present == value => continue,
                Some(_) => self.operations.push(PatchOperation::Replace(ReplaceOperation { path, value })),
                None => self.operations.push(PatchOperation::Add(AddOperation { path, value })),
            }
            self.fields.push(field);
        }
        self.operations.len() > before
    }

    /// Adds an object that is missing, with all that goes into it.
    fn make(&mut self, missing: &[&str], below: &[&str], members: &[(&str, Value, &'static str)]) {
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

    /// Removes what is at `path` of the object, if it is there.
    pub(super) fn remove(&mut self, object: &Value, path: &[&str], field: &'static str) {
        let path = pointer(path.iter().copied());
        if path.resolve(object).is_ok() {
            self.operations.push(PatchOperation::Remove(RemoveOperation { path }));
            self.fields.push(field);
        }
    }
}

fn pointer<'a>(tokens: impl Iterator<Item = &'a str>) -> PointerBuf {
    PointerBuf::from_tokens(tokens.map(Token::new))
}
