//! Verdicts on the StatefulSets of nodes, which are recognised by `guard::node_of`.

mod mutate;
mod restart;
mod set;

use seinode_core::edits;

use self::set::Set;
use crate::{
    guard,
    request::{Operation, Request},
    verdict::Verdict,
};

pub(super) use mutate::mutate;

/// Denies a way back from OnDelete, a second replica or another ordinal, a pod label without its selector, and a set that
/// leaves its node; warns of every other edit that the operator will revert.
pub(super) fn validate(request: &Request<'_>) -> Verdict {
    let (new, old) = (Set::of(request.object), Set::of(request.old));
    let Some(node) = old.node().or_else(|| new.node()) else { return Verdict::default() };
    let mut verdict = Verdict::default();
    let mut deny = |rule: guard::Rule| verdict.violations.push(rule.broken_by(node));
    let is_new = request.operation == Operation::Create;
    // `old` is empty for a new set: it was neither OnDelete nor had it replicas.
    if !new.is_on_delete() && (is_new || old.is_on_delete()) {
        deny(guard::ON_DELETE);
    }
    if new.replicas > 1 && (is_new || new.replicas != old.replicas) {
        deny(guard::ONE_REPLICA);
    }
    if new.first_ordinal != 0 && (is_new || new.first_ordinal != old.first_ordinal) {
        deny(guard::FIRST_ORDINAL);
    }
    let is_selected = new.pod_label == new.selector || new.is_expressed;
    if new.pod_label.is_some() && !is_selected && (is_new || new.pod_label != old.pod_label) {
        deny(guard::SELECTOR_FITS);
    }
    if request.operation != Operation::Update {
        return verdict;
    }
    // A set that nobody owns may lose its label: it was orphaned on purpose.
    if old.owner.is_some() {
        if old.label.is_some() && new.label != old.label {
            deny(guard::LABEL_STAYS);
        }
        if new.owner != old.owner {
            deny(guard::OWNER_STAYS);
        }
    }
    if new.replicas == 0 && old.replicas != 0 {
        verdict.warnings.push(stopped(node));
    }
    verdict.warnings.extend(reverted(&old, &new, node));
    verdict
}

/// Warns that a set that is deleted is created again.
pub(super) fn deletion(request: &Request<'_>) -> Verdict {
    let warnings = Set::of(request.old).node().map(|node| {
        format!(
            "the operator creates this StatefulSet again for SeiNode {node}: to stop the node, set spec.paused: true on \
             the SeiNode"
        )
    });
    Verdict { warnings: warnings.into_iter().collect(), ..Verdict::default() }
}

/// The warning about a set that is scaled to 0, which the operator honours as an emergency stop.
pub(super) fn stopped(node: &str) -> String {
    format!(
        "SeiNode {node} stays stopped until spec.replicas is 1 again: set spec.paused: true on the SeiNode to show others \
         that this is intended"
    )
}

/// The warning about edits that the operator will revert. It honours replicas of 0, and accepts that a strategy becomes
/// OnDelete.
fn reverted(old: &Set<'_>, new: &Set<'_>, node: &str) -> Option<String> {
    let names = edits::REVERTED;
    let (before, after) = (old.spec.members(names), new.spec.members(names));
    let edited = names.iter().zip(before.iter().zip(&after)).filter(|(_, (before, after))| before != after);
    let edited =
        edited.filter(|(name, (before, after))| **name != "template" || !restart::only(**before, **after));
    let edited = edited.map(|(name, _)| *name).filter(|name| !["replicas", "updateStrategy"].contains(name));
    let edited: Vec<_> = edited.map(|name| format!("spec.{name}")).collect();
    (!edited.is_empty()).then(|| {
        format!(
            "the operator will revert {}: edit SeiNode {node} instead of its StatefulSet",
            edited.join(", ")
        )
    })
}

#[cfg(test)]
mod tests;
