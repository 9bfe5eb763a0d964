//! The values of a chart for its README: path, type, default and the comment above each.

use serde_json::Value;

use super::project::{File, file};

/// One value, or a group of values that is written in one line.
#[derive(Debug)]
pub struct Row {
    /// Path, such as `log.format`.
    pub path: String,
    /// The comment right above it; may be empty.
    pub meaning: String,
    pub line: usize,
}

/// The values of a chart and their schema.
pub struct Chart {
    pub directory: &'static str,
    pub rows: Vec<Row>,
    pub defaults: Value,
    pub schema: Value,
}

impl Chart {
    pub fn read(directory: &'static str) -> Self {
        let values = file(&format!("{directory}/values.yaml"));
        let schema = file(&format!("{directory}/values.schema.json")).text;
        Self {
            directory,
            rows: rows(&values),
            defaults: serde_norway::from_str(&values.text).expect("values.yaml is YAML"),
            schema: serde_json::from_str(&schema).expect("values.schema.json is JSON"),
        }
    }

    /// The schema of a path.
    pub fn rule(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(&self.schema, |rule, key| self.resolve(rule).get("properties")?.get(key))
            .map(|rule| self.resolve(rule))
    }

    /// The rule that a `$ref` points to, or the rule itself.
    fn resolve<'a>(&'a self, rule: &'a Value) -> &'a Value {
        let named = rule["$ref"].as_str().and_then(|name| self.schema.pointer(name.trim_start_matches('#')));
        named.unwrap_or(rule)
    }

    /// The default of a path.
    pub fn default(&self, path: &str) -> &Value {
        path.split('.').fold(&self.defaults, |value, key| &value[key])
    }

    /// All values as a table.
    pub fn table(&self) -> String {
        let mut text = "| Value | Type | Default | Description |\n|---|---|---|---|\n".to_owned();
        for Row { path, meaning, .. } in &self.rows {
            let rule = self.rule(path).unwrap_or(&Value::Null);
            let default = self.default(path);
            let default = match (must_be_set(rule, default), default) {
                (true, Value::String(_)) => "**required**".to_owned(),
                (true, _) => format!("**required**: `{default}`"),
                (false, _) => format!("`{default}`"),
            };
            let cells = [&format!("`{path}`"), &takes(rule), &default, meaning]
                .map(|it| it.replace('|', "\\|").replace('<', "\\<"));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// True if the schema rejects the default, so that a user has to replace it.
fn must_be_set(rule: &Value, default: &Value) -> bool {
    let refused = |rule: &Value, value: &Value| {
        value.as_str() == Some("") && rule["minLength"].as_u64().is_some_and(|least| least > 0)
    };
    let members = default.as_object().into_iter().flatten();
    refused(rule, default) || members.into_iter().any(|(key, value)| refused(&rule["properties"][key], value))
}

/// The type of a rule, in words.
fn takes(rule: &Value) -> String {
    if let Some(choices) = rule["enum"].as_array() {
        let choices: Vec<_> =
            choices.iter().map(|it| format!("`{}`", it.as_str().unwrap_or_default())).collect();
        return choices.join(", ");
    }
    let kind = rule["type"].as_str().unwrap_or("anything");
    match (kind, rule["minimum"].as_i64(), rule["maximum"].as_i64()) {
        ("integer", Some(least), Some(most)) => format!("integer, {least} to {most}"),
        ("array", ..) => format!("list of {}s", rule["items"]["type"].as_str().unwrap_or("value")),
        ("object", ..) if rule["additionalProperties"]["type"] == "string" => "map of strings".to_owned(),
        (kind, ..) => kind.to_owned(),
    }
}

/// The leaves of a file of values, each with the comment right above it.
pub fn rows(values: &File) -> Vec<Row> {
    let (mut rows, mut comment) = (Vec::new(), Vec::new());
    // The groups around a line: indentation and name of each.
    let mut groups: Vec<(usize, &str)> = Vec::new();
    for (number, line) in (1..).zip(values.text.lines()) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(words) = text.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        let meaning = std::mem::take(&mut comment).join(" ");
        let Some((key, value)) = text.split_once(':').filter(|_| !text.starts_with('-')) else { continue };
        groups.retain(|(around, _)| *around < indent);
        groups.push((indent, key));
        if !value.trim().is_empty() {
            let path: Vec<_> = groups.iter().map(|(_, key)| *key).collect();
            rows.push(Row { path: path.join("."), meaning, line: number });
        }
    }
    rows
}
