//! Verdicts on the StatefulSets of nodes. They know sets by the label `sei.io/node` and by nothing else.

mod stamp;

use seinode_api::names;
use serde_json::Value;

use crate::{
    guard,
    request::{Operation, Request},
    verdict::Verdict,
};

pub(super) use stamp::mutate;

/// Refuses a way back from OnDelete, a second replica, and slipping out of the guard; warns of everything else that
/// the operator will put back.
pub(super) fn validate(request: &Request) -> Verdict {
    let (new, old) = (&request.object, &request.old);
    let Some(node) = node_of(old).or_else(|| node_of(new)) else { return Verdict::default() };
    let mut verdict = Verdict::default();
    // `old` is null for a new set: it was neither OnDelete nor had it replicas.
    if !is_on_delete(new) && (request.operation == Operation::Create || is_on_delete(old)) {
        verdict.violations.push(guard::ON_DELETE.broken_by(node));
    }
    if replicas(new) > 1 && (request.operation == Operation::Create || replicas(new) != replicas(old)) {
        verdict.violations.push(guard::ONE_REPLICA.broken_by(node));
    }
    if request.operation != Operation::Update {
        return verdict;
    }
    // A set that nobody owns is let go: it was orphaned on purpose.
    if let Some(owner) = owner(old) {
        if node_of(old).is_some() && node_of(new) != node_of(old) {
            verdict.violations.push(guard::LABEL_STAYS.broken_by(node));
        }
        if self::owner(new) != Some(owner) {
            verdict.violations.push(guard::OWNER_STAYS.broken_by(node));
        }
    }
    if replicas(new) == 0 && replicas(old) != 0 {
        verdict.warnings.push(stopped(node));
    }
    if is_edited(&old["spec"], &new["spec"]) {
        verdict.warnings.push(format!("managed by SeiNode {node}: edit that; this will be put back"));
    }
    verdict
}

/// Says that a set that is deleted comes back.
pub(super) fn deletion(request: &Request) -> Verdict {
    let warnings = node_of(&request.old).map(|node| {
        format!(
            "SeiNode {node} will have this StatefulSet made again; to stop the node set its spec.paused: true"
        )
    });
    Verdict { warnings: warnings.into_iter().collect(), ..Verdict::default() }
}

/// What is said of a set that is scaled to 0: the operator honours it (heal: emergency stop).
pub(super) fn stopped(node: &str) -> String {
    format!(
        "SeiNode {node} stays stopped until this is 1 again; spec.paused: true on it says so where others see it"
    )
}

/// The node that a set belongs to.
fn node_of(set: &Value) -> Option<&str> {
    set["metadata"]["labels"][names::NODE_LABEL].as_str()
}

fn is_on_delete(set: &Value) -> bool {
    set["spec"]["updateStrategy"]["type"] == "OnDelete"
}

/// Absent means 1 (Kubernetes: StatefulSet).
fn replicas(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// UID of the SeiNode that a set goes with.
fn owner(set: &Value) -> Option<&Value> {
    let references = set["metadata"]["ownerReferences"].as_array()?;
    let sei_node = |it: &&Value| {
        it["kind"] == "SeiNode"
            && it["apiVersion"].as_str().is_some_and(|version| version.starts_with("sei.io/"))
    };
    references.iter().find(sei_node).map(|it| &it["uid"])
}

/// Whether anything of the spec differs that the operator will put back. It honours replicas of 0, and has nothing
/// against a strategy that has come to be OnDelete.
fn is_edited(old: &Value, new: &Value) -> bool {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return old != new };
    let excepted = |name: &String| name == "replicas" || name == "updateStrategy";
    let members = old.keys().chain(new.keys());
    members.filter(|name| !excepted(name)).any(|name| old.get(name) != new.get(name))
}

#[cfg(test)]
mod tests;
