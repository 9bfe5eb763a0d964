//! Verdicts on SeiNodes. The rules are the core's (`Intent::parse`, `transition`); this module turns them into a verdict.

mod introduced;
mod object;

use seinode_api::{SeiNode, conditions, names};
use seinode_core::{advice, intent::Intent, retention::Retention, transition, violation::Violation};
use serde_json::Value;

use crate::{
    request::{Operation, Request},
    verdict::{Patch, Verdict},
    view::View,
};

const MODES: [&str; 4] = ["fullNode", "archive", "replayer", "validator"];

/// Sets the labels that people select nodes by. Removes nothing, and leaves a spec that is not valid to validation.
pub(super) fn mutate(request: &Request<'_>) -> Verdict {
    let [chain, modes @ ..] =
        request.object.get("spec").members(["chainId", MODES[0], MODES[1], MODES[2], MODES[3]]);
    let mut labels = Vec::new();
    if let Some(chain) = chain.as_str().filter(|chain| fits_a_label(chain)) {
        labels.push((names::CHAIN_LABEL, Value::from(chain), "chain"));
    }
    let mut modes = MODES.into_iter().zip(modes).filter(|(_, value)| value.is_set());
    if let (Some((mode, _)), None) = (modes.next(), modes.next()) {
        labels.push((names::MODE_LABEL, Value::from(mode), "mode"));
    }
    let mut patch = Patch::default();
    if !labels.is_empty() {
        patch.set(request.object, &["metadata", "labels"], &labels);
    }
    Verdict { patch, ..Verdict::default() }
}

/// Reports every error of a new node, or of a change of one, also where it cannot be read.
pub(super) fn validate(request: &Request<'_>) -> Verdict {
    let old = object::read(request.old).ok();
    match object::read(request.object) {
        Ok(new) => rules(request.operation, &new, old.as_ref()),
        Err(violation) if request.operation == Operation::Update && old.is_none() => {
            Verdict { warnings: vec![not_new(&violation)], ..Verdict::default() }
        }
        // Members have other types than the schema says. The API server rejects such a new object before it calls.
        Err(violation) => Verdict { violations: vec![violation], ..Verdict::default() },
    }
}

/// Applies the rules; `old` is `None` where nothing was stored that can be read. An error that was there before the change
/// is a warning: nobody is locked out of an object that exists.
fn rules(operation: Operation, new: &SeiNode, old: Option<&SeiNode>) -> Verdict {
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
            let (introduced, older) = introduced::split(found, &before);
            warnings.extend(older.iter().map(not_new));
            introduced.into_iter().chain(transition::change(old, new)).collect()
        }
        // Nobody knows which rules the old object broke: none is held against the change.
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

/// Warns of what becomes of the volume: as its condition reports, which the platform's default of `retain` has gone into.
pub(super) fn deletion(request: &Request<'_>) -> Verdict {
    let name = request.old.at(&["metadata", "name"]).as_str();
    let name = name.as_ref().unwrap_or(&request.name);
    let import = request.old.at(&["spec", "dataVolume", "import", "pvcName"]).as_str();
    let warning = match import {
        Some(pvc) => advice::deletion_of_importer(name, &pvc),
        None => advice::deletion(name, retention(request.old)),
    };
    Verdict { warnings: vec![warning], ..Verdict::default() }
}

/// The retention of the volume as condition `VolumeRetained` reports it.
fn retention(node: View<'_>) -> Option<Retention> {
    let mut found = None;
    node.at(&["status", "conditions"]).each_item(|condition| {
        let [type_, status] = condition.members(["type", "status"]);
        if type_.as_str().as_deref() == Some(conditions::VOLUME_RETAINED) {
            found = match status.as_str().as_deref() {
                Some("True") => Some(Retention::Kept),
                Some("False") => Some(Retention::GoesWithTheNode),
                _ => None,
            };
        }
    });
    found
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
