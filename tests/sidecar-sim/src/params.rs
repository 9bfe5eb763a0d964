//! Typed reading of a task's parameters, which the sidecar does only when the task runs.
//!
//! Known words of the sidecar are kept: a missing parameter, and the `parsing params:` before a value of the
//! wrong kind. As in the original, `null` and absent are the same, and an empty required value is missing.

use serde_json::{Map, Value};

use crate::task_type::TaskType;

/// The parameters of one run.
pub(crate) struct Params<'a> {
    task: TaskType,
    values: &'a Map<String, Value>,
}

impl<'a> Params<'a> {
    pub(crate) fn new(task: TaskType, values: &'a Map<String, Value>) -> Self {
        Self { task, values }
    }

    /// A string; empty when absent.
    pub(crate) fn text(&self, name: &str) -> Result<&'a str, String> {
        Ok(self.read(name, "a string", Value::as_str)?.unwrap_or_default())
    }

    /// A whole number of 64 bits; 0 when absent.
    pub(crate) fn number(&self, name: &str) -> Result<i64, String> {
        Ok(self.read(name, "a whole number", Value::as_i64)?.unwrap_or_default())
    }

    /// A truth value; false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, String> {
        Ok(self.read(name, "true or false", Value::as_bool)?.unwrap_or_default())
    }

    /// A list; empty when absent.
    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], String> {
        Ok(self.read(name, "a list", |value| value.as_array().map(Vec::as_slice))?.unwrap_or_default())
    }

    /// A list of strings; empty when absent.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, String> {
        let texts = self.list(name)?.iter().map(Value::as_str).collect::<Option<_>>();
        texts.ok_or_else(|| mistyped(name, "a list of strings"))
    }

    /// An object; `None` when absent.
    pub(crate) fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, String> {
        self.read(name, "an object", Value::as_object)
    }

    /// An object whose values are strings; no pairs when absent.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<(&'a str, &'a str)>, String> {
        let Some(object) = self.object(name)? else { return Ok(Vec::new()) };
        let pairs =
            object.iter().map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect::<Option<_>>();
        pairs.ok_or_else(|| mistyped(name, "an object of strings"))
    }

    /// Strings that must be there and not be empty.
    pub(crate) fn require(&self, names: &[&str]) -> Result<(), String> {
        names.iter().try_for_each(|name| match self.text(name)? {
            "" => Err(self.missing(name)),
            _ => Ok(()),
        })
    }

    /// The sidecar's words for a required parameter that is missing.
    pub(crate) fn missing(&self, name: &str) -> String {
        format!("{}: missing required param '{name}'", self.task)
    }

    fn read<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| mistyped(name, kind)),
        }
    }
}

fn mistyped(name: &str, kind: &str) -> String {
    format!("parsing params: {name} must be {kind}")
}
