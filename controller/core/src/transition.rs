//! Changes of a SeiNode that are not allowed, whatever the spec that comes of them: to swap the data, the chain or the
//! keys under a node that exists (crd-and-workload §1.2).
//!
//! Only admission sees both the old and the new object, so only there these rules can be held. Most of them stand as
//! CEL beside the fields too; what CEL cannot hold is said at the rule.

use seinode_api::{SeiNode, SeiNodeSpec, names::MAX_NAME_LENGTH, spec};

use crate::violation::Violation;

/// Violations by a new object beyond those that [`crate::intent::Intent::parse`] finds in every object.
#[must_use]
pub fn creation(new: &SeiNode) -> Vec<Violation> {
    let name = new.metadata.name.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    // The API server makes a name that it was asked to make after admission.
    if !name.is_empty() && !is_name(name) {
        let rule = format!(
            "it must have at most {MAX_NAME_LENGTH} characters, only lower-case letters, digits and '-', begin with \
             a letter and not end with '-'"
        );
        let remedy = "choose such a name: Service, pods and revision labels are named after it";
        found.push(Violation::new("metadata.name", rule, remedy));
    }
    found.extend(port(None, &new.spec));
    found
}

/// Every rule that the change from `old` to `new` breaks.
#[must_use]
pub fn change(old: &SeiNode, new: &SeiNode) -> Vec<Violation> {
    let (old, new) = (&old.spec, &new.spec);
    let mut found = Vec::new();
    if old.chain_id != new.chain_id {
        let rule =
            format!("it cannot change from {:?}: the data on the volume is that chain's", old.chain_id);
        found.push(Violation::new("spec.chainId", rule, "create another SeiNode for another chain"));
    }
    if modes(old) != modes(new) {
        let rule = "the mode cannot change: the data on the volume is that of the present one";
        found.push(Violation::new("spec", rule, "create another SeiNode for another mode"));
    }
    found.extend(volume(old, new));
    if let (Some(old), Some(new)) = (&old.validator, &new.validator) {
        keys(old, new, &mut found);
    }
    found.extend(port(Some(old), new));
    found
}

/// A port of 0 means the default in objects of the original operator; nobody may write it any more.
fn port(old: Option<&SeiNodeSpec>, new: &SeiNodeSpec) -> Option<Violation> {
    let of = |spec: &SeiNodeSpec| spec.sidecar.as_ref().and_then(|sidecar| sidecar.port);
    (of(new) == Some(0) && old.and_then(of) != Some(0))
        .then(|| Violation::new("spec.sidecar.port", "0 is no port", "remove it for 7777"))
}

fn modes(spec: &SeiNodeSpec) -> [bool; 4] {
    [spec.full_node.is_some(), spec.archive.is_some(), spec.replayer.is_some(), spec.validator.is_some()]
}

fn volume(old: &SeiNodeSpec, new: &SeiNodeSpec) -> Option<Violation> {
    let import = |spec: &SeiNodeSpec| {
        let volume = spec.data_volume.as_ref()?;
        volume.import.as_ref().map(|import| import.pvc_name.clone())
    };
    match (import(old), import(new)) {
        (Some(before), Some(after)) if before != after => Some(Violation::new(
            "spec.dataVolume.import.pvcName",
            format!("it cannot change from {before:?}: it would swap the data under the node"),
            "create another SeiNode for another volume",
        )),
        (Some(before), None) => Some(Violation::new(
            "spec.dataVolume",
            format!("import of {before:?} cannot be removed: the node would start anew on an empty volume"),
            "put it back, or create another SeiNode",
        )),
        // CEL cannot hold it: `dataVolume` may come with `retain`, and a rule of the schema would keep every object
        // from it that the original operator let do so.
        (None, Some(_)) => Some(Violation::new(
            "spec.dataVolume.import",
            "it cannot be added to a node that exists: it would swap the volume under the node",
            "create another SeiNode that imports the volume",
        )),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn keys(old: &spec::Validator, new: &spec::Validator, found: &mut Vec<Violation>) {
    let name = |source: &Option<spec::KeySource>| {
        source.as_ref().map(|source| source.secret.as_ref().map(|secret| secret.secret_name.clone()))
    };
    let mut removed = false;
    for (member, before, after) in [
        ("signingKey", name(&old.signing_key), name(&new.signing_key)),
        ("nodeKey", name(&old.node_key), name(&new.node_key)),
    ] {
        match (before, after) {
            (Some(_), None) => removed = true,
            (Some(Some(before)), Some(Some(after))) if before != after => {
                let field = format!("spec.validator.{member}.secret.secretName");
                let rule = format!("it cannot change from {before:?}: it would swap the key under the node");
                found.push(Violation::new(&field, rule, "create another SeiNode for another key"));
            }
            (Some(_), Some(_)) | (None, _) => {}
        }
    }
    if removed {
        let rule = "signingKey and nodeKey cannot be removed: a validator that had keys must not come back with others";
        found.push(Violation::new("spec.validator", rule, "put them back, or delete the SeiNode"));
    }
}

/// `^[a-z]([-a-z0-9]*[a-z0-9])?$`, and not too long.
fn is_name(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= MAX_NAME_LENGTH
        && name.bytes().all(inside)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests;
