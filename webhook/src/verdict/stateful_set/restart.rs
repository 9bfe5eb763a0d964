//! A restart by `kubectl rollout restart`, which the operator carries out and does not revert.

use std::hash::{DefaultHasher, Hash, Hasher};

use seinode_api::names;

use crate::view::View;

/// True if two pod templates differ in nothing but the annotation of a restart.
pub(super) fn only(before: View<'_>, after: View<'_>) -> bool {
    let parts = |template: View<'_>| {
        let metadata = template.get("metadata");
        [
            without(template, "metadata"),
            without(metadata, "annotations"),
            without(metadata.get("annotations"), names::RESTARTED_AT_ANNOTATION),
        ]
    };
    parts(before) == parts(after)
}

/// A hash of the members of an object, but for one: nothing of it is copied.
fn without(object: View<'_>, left_out: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.each_member(|name, value| {
        if name != left_out {
            (name, value.text()).hash(&mut hasher);
        }
    });
    hasher.finish()
}
