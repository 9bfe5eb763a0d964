//! The rules that hold for the StatefulSet of every node, in words and in CEL.
//!
//! A ValidatingAdmissionPolicy has them too, and holds them also while no replica of the operator is up. Both report the
//! same because both texts are made here. The policy runs first and hides the message of the webhook.

use seinode_core::violation::Violation;

/// A rule, in words that name the node as `{node}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    field: &'static str,
    rule: &'static str,
    remedy: &'static str,
}

/// The set of a node is OnDelete: the operator replaces pods, in its own order.
pub const ON_DELETE: Rule = Rule {
    field: "spec.updateStrategy.type",
    rule: "the StatefulSet of SeiNode {node} has to be OnDelete, or Kubernetes would replace its pod by itself",
    remedy: "set OnDelete; the operator replaces the pod when the SeiNode asks for it",
};

/// A node is one pod: a second one would share its keys.
pub const ONE_REPLICA: Rule = Rule {
    field: "spec.replicas",
    rule: "SeiNode {node} is one pod, and another one would run with its keys",
    remedy: "set 1, or 0 to stop it; for one more node create another SeiNode",
};

/// A node's pod has number 0: a set that counts from another number gets a second pod before it loses the first.
pub const FIRST_ORDINAL: Rule = Rule {
    field: "spec.ordinals.start",
    rule: "SeiNode {node} runs pod 0, and a pod with another number would run beside it with its keys",
    remedy: "set 0, or leave spec.ordinals out",
};

/// A set is recognised by its selector, which cannot change; a Scale of the set shows nothing else.
pub const SELECTOR_FITS: Rule = Rule {
    field: "spec.selector.matchLabels[sei.io/node]",
    rule: "its pods have the label of SeiNode {node}, and the StatefulSet does not select them by it",
    remedy: "set the same value in both, or take the label off the pod template",
};

/// The label makes the operator watch the set.
pub const LABEL_STAYS: Rule = Rule {
    field: "metadata.labels[sei.io/node]",
    rule: "it says that this StatefulSet belongs to SeiNode {node}, and cannot be changed or removed",
    remedy: "leave it; to be rid of the StatefulSet delete the SeiNode",
};

/// The owner reference deletes the set with its node.
pub const OWNER_STAYS: Rule = Rule {
    field: "metadata.ownerReferences",
    rule: "the reference to SeiNode {node} cannot be removed: the StatefulSet goes with its SeiNode",
    remedy: "leave it; to keep the StatefulSet delete the SeiNode with --cascade=orphan",
};

/// CEL: a set is or stays OnDelete. A set that never was is migrated, not trapped.
pub const IS_ON_DELETE: &str = "object.spec.updateStrategy.type == 'OnDelete' || \
     (oldObject != null && oldObject.spec.updateStrategy.type != 'OnDelete')";

/// CEL: an object, a set or a Scale, has one replica at most. One that had more before is not trapped.
pub const HAS_ONE_REPLICA: &str = "!has(object.spec.replicas) || object.spec.replicas <= 1 || \
     (oldObject != null && has(oldObject.spec.replicas) && oldObject.spec.replicas == object.spec.replicas)";

/// CEL: the pods of a set are counted from 0. One that counts from another number is not trapped.
pub const HAS_FIRST_ORDINAL: &str = "object.spec.?ordinals.?start.orValue(0) == 0 || (oldObject != null && \
     oldObject.spec.?ordinals.?start.orValue(0) == object.spec.?ordinals.?start.orValue(0))";

/// CEL: a set selects its pods by the label that they have of a node. One that never did is not trapped.
pub const HAS_SELECTOR: &str = "variables.podLabel == '' || variables.podLabel == variables.selected || \
     variables.expressed || variables.podLabel == variables.podLabelBefore";

/// CEL: the node that a set belongs to.
pub const NODE_OF_SET: &str = "has(object.metadata.labels) && 'sei.io/node' in object.metadata.labels \
     ? object.metadata.labels['sei.io/node'] : oldObject.metadata.labels['sei.io/node']";

/// CEL: a Scale is that of a node's set. A Scale has no labels: only its selector shows the node.
pub const IS_SCALE_OF_NODE: &str = "has(oldObject.status.selector) && \
     oldObject.status.selector.split(',').exists(it, it.startsWith('sei.io/node='))";

/// CEL: the node that a Scale belongs to.
pub const NODE_OF_SCALE: &str =
    "oldObject.status.selector.split(',').filter(it, it.startsWith('sei.io/node='))[0].substring(12)";

impl Rule {
    /// The violation of the rule by the set of a node.
    #[must_use]
    pub fn broken_by(self, node: &str) -> Violation {
        let naming = |text: &str| text.replace("{node}", node);
        Violation::new(self.field, naming(self.rule), naming(self.remedy))
    }

    /// CEL: the same words, with the node in the variable `node`.
    #[must_use]
    pub fn message_expression(self) -> String {
        let text = self.broken_by("{node}").to_string();
        let parts: Vec<_> = text.split("{node}").map(|part| format!("'{part}'")).collect();
        parts.join(" + variables.node + ")
    }
}

#[cfg(test)]
mod tests;
