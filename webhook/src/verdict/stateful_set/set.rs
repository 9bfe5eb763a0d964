//! A StatefulSet, as far as its guard reads it.

use std::borrow::Cow;

use seinode_api::names;

use crate::view::View;

type Text<'a> = Option<Cow<'a, str>>;

/// A StatefulSet, as far as its guard reads it. Everything is absent of a set that does not exist.
pub(super) struct Set<'a> {
    /// `metadata.labels[sei.io/node]`.
    pub(super) label: Text<'a>,
    /// `spec.selector.matchLabels[sei.io/node]`, which cannot change.
    pub(super) selector: Text<'a>,
    /// `true` when an expression of the selector lists values of the label; a Scale shows them too.
    pub(super) is_expressed: bool,
    /// `spec.template.metadata.labels[sei.io/node]`.
    pub(super) pod_label: Text<'a>,
    /// UID of the SeiNode that owns the set.
    pub(super) owner: Text<'a>,
    /// `spec.replicas`; 1 where it is absent (Kubernetes: StatefulSet).
    pub(super) replicas: i64,
    /// `spec.ordinals.start`; 0 where it is absent.
    pub(super) first_ordinal: i64,
    /// `spec`.
    pub(super) spec: View<'a>,
    strategy: Text<'a>,
}

impl<'a> Set<'a> {
    pub(super) fn of(object: View<'a>) -> Self {
        let [metadata, spec] = object.members(["metadata", "spec"]);
        let [labels, owners] = metadata.members(["labels", "ownerReferences"]);
        let [selector, template, strategy, replicas, ordinals] =
            spec.members(["selector", "template", "updateStrategy", "replicas", "ordinals"]);
        Self {
            label: labels.get(names::NODE_LABEL).as_str(),
            selector: selector.at(&["matchLabels", names::NODE_LABEL]).as_str(),
            is_expressed: is_expressed(selector.get("matchExpressions")),
            pod_label: template.at(&["metadata", "labels", names::NODE_LABEL]).as_str(),
            owner: owner(owners),
            replicas: replicas.as_i64().unwrap_or(1),
            first_ordinal: ordinals.get("start").as_i64().unwrap_or(0),
            strategy: strategy.get("type").as_str(),
            spec,
        }
    }

    /// The node that the set runs a pod of: by its selector, which cannot change, by the label of its pods, or by its own.
    pub(super) fn node(&self) -> Option<&str> {
        self.selector.as_deref().or(self.pod_label.as_deref()).or(self.label.as_deref())
    }

    pub(super) fn is_on_delete(&self) -> bool {
        self.strategy.as_deref() == Some("OnDelete")
    }
}

fn is_expressed(expressions: View<'_>) -> bool {
    let mut found = false;
    expressions.each_item(|expression| {
        let [key, operator] = expression.members(["key", "operator"]).map(View::as_str);
        found |= key.as_deref() == Some(names::NODE_LABEL) && operator.as_deref() == Some("In");
    });
    found
}

/// UID of the first SeiNode among the owners.
fn owner(references: View<'_>) -> Text<'_> {
    let mut found = None;
    references.each_item(|reference| {
        let [kind, version, uid] = reference.members(["kind", "apiVersion", "uid"]);
        let is_sei_node = kind.as_str().is_some_and(|kind| kind == "SeiNode")
            && version.as_str().is_some_and(|version| version.starts_with("sei.io/"));
        if is_sei_node && found.is_none() {
            found = uid.as_str();
        }
    });
    found
}
