//! Verdicts on SeiNodes. The rules are the core's (`Intent::parse`, `transition`); here is only what is made of them.

mod introduced;

use seinode_api::{SeiNode, names};
use seinode_core::{advice, intent::Intent, node::NodeRef, transition, violation::Violation};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    request::{Operation, Request},
    verdict::{Patch, Verdict},
};

const MODES: [&str; 4] = ["fullNode", "archive", "replayer", "validator"];

/// Stamps the labels that people select nodes by. Removes nothing, and leaves what it cannot read to validation.
pub(super) fn mutate(request: &Request) -> Verdict {
    let spec = &request.object["spec"];
    let mut labels = Vec::new();
    if let Some(chain) = spec["chainId"].as_str().filter(|chain| fits_a_label(chain)) {
        labels.push((names::CHAIN_LABEL, Value::from(chain), "chain"));
    }
    let mut modes = MODES.into_iter().filter(|mode| spec.get(mode).is_some_and(|value| !value.is_null()));
    if let (Some(mode), None) = (modes.next(), modes.next()) {
        labels.push((names::MODE_LABEL, Value::from(mode), "mode"));
    }
    let mut patch = Patch::default();
    if !labels.is_empty() {
        patch.set(&request.object, &["metadata", "labels"], &labels);
    }
    Verdict { patch, ..Verdict::default() }
}

/// Says all that is wrong with a new node, or with a change of one, also where it cannot be read.
pub(super) fn validate(request: &Request) -> Verdict {
    let old = read(&request.old).ok();
    match read(&request.object) {
        Ok(new) => judge(request.operation, &new, old.as_ref()),
        Err(violation) if request.operation == Operation::Update && old.is_none() => {
            Verdict { warnings: vec![not_new(&violation)], ..Verdict::default() }
        }
        // Members have other types than the schema says. The API server refuses such a new one before us.
        Err(violation) => Verdict { violations: vec![violation], ..Verdict::default() },
    }
}

/// Judges what can be read; `old` is `None` where nothing was stored that can be. What was wrong before the change is a
/// warning: nobody is locked out of an object that exists.
pub(super) fn judge(operation: Operation, new: &SeiNode, old: Option<&SeiNode>) -> Verdict {
    let parsed = Intent::parse(new);
    let mut warnings = parsed.as_ref().map(advice::of).unwrap_or_default();
    let found = parsed.err().unwrap_or_default();
    let violations = match (operation, old) {
        (Operation::Create, _) => found.into_iter().chain(transition::creation(new)).collect(),
        (Operation::Update, Some(old)) => {
            let before = match found.is_empty() {
                true => Vec::new(),
                false => Intent::parse(old).err().unwrap_or_default(),
            };
            let (introduced, older) = introduced::split(found, before);
            warnings.extend(older.iter().map(not_new));
            introduced.into_iter().chain(transition::change(old, new)).collect()
        }
        // Nobody knows which rules it broke before: none is held against the change.
        (Operation::Update, None) => {
            warnings.extend(found.iter().map(not_new));
            Vec::new()
        }
        (Operation::Delete | Operation::Connect, _) => Vec::new(),
    };
    Verdict { violations, warnings, ..Verdict::default() }
}

fn not_new(violation: &Violation) -> String {
    format!("not new, and still wrong: {violation}")
}

/// Says what becomes of the volume.
pub(super) fn deletion(request: &Request) -> Verdict {
    let name = request.old["metadata"]["name"].as_str().unwrap_or(&request.name);
    let said = read(&request.old).ok().and_then(|old| {
        let intent = Intent::parse(&old).ok()?;
        Some(advice::deletion(&NodeRef::of(&old.metadata), &intent))
    });
    let warning = said.unwrap_or_else(|| {
        format!("PVC data-{name} goes with SeiNode {name} if that is its owner: look at its metadata.ownerReferences")
    });
    Verdict { warnings: vec![warning], ..Verdict::default() }
}

fn read(object: &Value) -> Result<SeiNode, Violation> {
    SeiNode::deserialize(object).or_else(|_| read_again(object))
}

/// Reads once more what cannot be read, to say where it cannot: keeping track of that takes its time.
fn read_again(object: &Value) -> Result<SeiNode, Violation> {
    serde_path_to_error::deserialize(object).map_err(|error| {
        let said = error.inner().to_string();
        let rule = format!("it cannot be read: {said}");
        // serde names the object that lacks a member, the API server the member.
        let missing = said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let path = error.path().to_string();
        let field = missing.map_or_else(|| path.clone(), |member| format!("{path}.{member}"));
        Violation::new(field.trim_start_matches('.'), rule, "write it as `kubectl explain seinode.spec` says")
    })
}

/// A label's value has at most 63 characters, begins and ends with a letter or digit (Kubernetes: labels).
fn fits_a_label(text: &str) -> bool {
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    text.len() <= 63 && end(bytes.first()) && end(bytes.last()) && text.bytes().all(inside)
}

#[cfg(test)]
mod tests;
