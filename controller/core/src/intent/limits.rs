//! The limits of the schema, checked again: objects that were stored before a limit existed get here, and so do
//! those that were made where no API server looked.
//!
//! The numbers and patterns are those beside the fields in `seinode-api`; the table `tests/it/crd/cases.yaml` is
//! played against both.

use k8s_openapi::api::core::v1::ResourceRequirements;
use seinode_api::spec;

use crate::{quantity::Quantity, violation::Violation};

/// Longest chain id: that of a label's value.
const CHAIN_ID: usize = 63;
/// Longest image reference.
const IMAGE: usize = 512;
/// Longest name of a Secret or PVC (Kubernetes: object names).
const OBJECT_NAME: usize = 253;
/// Most words of a command.
pub(super) const COMMAND_WORDS: usize = 16;
/// Most arguments.
pub(super) const ARGUMENTS: usize = 64;

const EMPTY: &str = "it is empty";
const ALPHABET: &str = "only lower-case letters, digits and '-' may be in it, and '-' neither first nor last";

pub(super) fn chain_id(chain_id: &str, found: &mut Vec<Violation>) {
    let field = "spec.chainId";
    if chain_id.is_empty() {
        found.push(Violation::new(field, EMPTY, "name the chain that the node joins"));
    } else if chain_id.len() > CHAIN_ID {
        let rule = format!("it is longer than {CHAIN_ID} characters");
        found.push(Violation::new(field, rule, "name the chain by its id, such as pacific-1"));
    } else if !is_label(chain_id) {
        found.push(Violation::new(field, ALPHABET, "name the chain by its id, such as pacific-1"));
    }
}

pub(super) fn image(image: &str, found: &mut Vec<Violation>) {
    if image.is_empty() {
        found.push(Violation::new("spec.image", EMPTY, "name the seid image"));
    } else if image.chars().count() > IMAGE {
        let rule = format!("it is longer than {IMAGE} characters");
        found.push(Violation::new("spec.image", rule, "name the image by registry, repository and digest"));
    }
}

/// The name of an object of this kind.
pub(super) fn object_name(field: &str, kind: &str, name: &str, found: &mut Vec<Violation>) {
    let remedy = format!("name a {kind} of the node's namespace");
    if name.is_empty() {
        found.push(Violation::new(field, EMPTY, remedy));
    } else if name.len() > OBJECT_NAME {
        found.push(Violation::new(field, format!("it is longer than {OBJECT_NAME} characters"), remedy));
    } else if !is_label(name) {
        found.push(Violation::new(field, ALPHABET, remedy));
    }
}

/// A list or map that says something only with an item in it.
pub(super) fn filled(field: &str, items: usize, found: &mut Vec<Violation>) {
    if items == 0 {
        found.push(Violation::new(field, EMPTY, "write at least one item, or remove this source"));
    }
}

pub(super) fn at_most(field: &str, items: usize, most: usize, found: &mut Vec<Violation>) {
    if items > most {
        let rule = format!("{items} items are more than {most}");
        found.push(Violation::new(
            field,
            rule,
            format!("keep at most {most}; put long command lines into the image"),
        ));
    }
}

pub(super) fn ec2_tags(field: &str, source: &spec::Ec2Tags, found: &mut Vec<Violation>) {
    if source.region.is_empty() {
        let field = format!("{field}.ec2Tags.region");
        found.push(Violation::new(&field, EMPTY, "name an AWS region, such as eu-central-1"));
    }
    filled(&format!("{field}.ec2Tags.tags"), source.tags.len(), found);
}

/// Resources of the sidecar. A quantity with a sign is well-formed for the schema; the pod would be refused for a
/// negative one.
pub(super) fn resources(resources: Option<&ResourceRequirements>, found: &mut Vec<Violation>) {
    let Some(resources) = resources else { return };
    for (member, quantities) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for (name, quantity) in quantities.iter().flatten() {
            let unsigned = quantity.0.strip_prefix('+').unwrap_or(&quantity.0);
            if let Err(bad) = unsigned.parse::<Quantity>() {
                let field = format!("spec.sidecar.resources.{member}.{name}");
                found.push(Violation::new(&field, bad.to_string(), "write a quantity such as 250m or 2Gi"));
            }
        }
    }
    for (index, claim) in resources.claims.iter().flatten().enumerate() {
        if claim.name.is_empty() {
            let field = format!("spec.sidecar.resources.claims[{index}].name");
            found.push(Violation::new(&field, EMPTY, "name a claim of the pod"));
        }
    }
}

/// `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`.
pub(super) fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.bytes().all(inside) && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}
