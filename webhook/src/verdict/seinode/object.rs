//! Reads a SeiNode as far as the rules need it: its spec, its names and the annotations of ours.
//!
//! A spec becomes lists and maps, each item of which may take a hundred times its bytes, and each of which the rules may
//! report. So the number of its values is bounded before it is read.

use std::{collections::BTreeMap, fmt::Display};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seinode_api::{SeiNode, SeiNodeSpec};
use seinode_core::violation::Violation;

use crate::view::View;

/// Most values in a spec, list items and members of objects alike.
const VALUES: usize = 4096;
/// Most annotations of ours that are read.
const ANNOTATIONS: usize = 64;
/// The prefix of annotations of ours.
const OURS: &str = "sei.io/";

/// Reads a SeiNode.
///
/// # Errors
/// The member that does not fit its type, or a spec with too many values.
pub(super) fn read(object: View<'_>) -> Result<SeiNode, Violation> {
    let [metadata, spec] = object.members(["metadata", "spec"]);
    let [name, namespace, uid, annotations] = metadata.members(["name", "namespace", "uid", "annotations"]);
    let text = |view: View<'_>| view.as_str().map(Into::into);
    let metadata = ObjectMeta {
        name: text(name),
        namespace: text(namespace),
        uid: text(uid),
        annotations: Some(ours(annotations)),
        ..ObjectMeta::default()
    };
    Ok(SeiNode { metadata, spec: self::spec(spec)?, status: None })
}

fn ours(annotations: View<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    annotations.each_member(|name, value| {
        if let Some(value) = value.as_str().filter(|_| name.starts_with(OURS) && found.len() < ANNOTATIONS) {
            found.insert(name.to_owned(), value.into());
        }
    });
    found
}

fn spec(spec: View<'_>) -> Result<SeiNodeSpec, Violation> {
    let remedy = "write it as `kubectl explain seinode.spec` says";
    if !spec.is_present() {
        return Err(Violation::new("spec", "it is missing", remedy));
    }
    if values(spec.text()) > VALUES {
        let rule = format!("it has more than {VALUES} values, counting list items and members");
        return Err(Violation::new("spec", rule, "shorten its longest list or map"));
    }
    serde_json::from_str(spec.text()).or_else(|_| locate(spec.text(), remedy))
}

/// Upper bound of the number of values in a JSON text: each follows a comma or opens a list or an object.
fn values(json: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (1_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

/// Reads a spec once more, keeping track of the path, which takes its time.
fn locate(spec: &str, remedy: &str) -> Result<SeiNodeSpec, Violation> {
    let mut json = serde_json::Deserializer::from_str(spec);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let reason = without_position(error.inner());
        let path = error.path().to_string();
        let path = path.trim_start_matches('.');
        // serde names the object that lacks a member, the API server the member.
        let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let parts = ["spec", path, missing.unwrap_or_default()];
        let field = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        Violation::new(&field, format!("it cannot be read: {reason}"), remedy)
    })
}

/// The message of an error without its line and column: users see their own text, not this one.
fn without_position(error: &impl Display) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((reason, position)) if position.contains(" column ") => reason.to_owned(),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (json, count) in
            [("{}", 2), (r#"{"a":1,"b":[2,3]}"#, 5), (r#"{"a,[{":"\",[{","b":"\\"}"#, 3), ("[{},{},{}]", 7)]
        {
            assert_eq!(values(json), count, "{json}");
        }
    }
}
