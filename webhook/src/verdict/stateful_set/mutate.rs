//! Changes of the StatefulSets of nodes on their way in. The template of a set that exists is never touched: that would be
//! a new revision.

use seinode_api::names;
use serde_json::json;

use super::set::Set;
use crate::{
    request::{Operation, Request},
    verdict::{Patch, Verdict},
    view::View,
};

/// The grace period that the API server fills in (Kubernetes: pod lifecycle), in seconds.
const DEFAULT_GRACE_SECONDS: i64 = 30;
/// The grace period that `seid` needs to close its databases, in seconds.
const GRACE_SECONDS: i64 = 120;

/// Makes a set OnDelete that is new or never was, and gives the pods of a new one a longer grace period and protection
/// from disruption.
///
/// A set that leaves OnDelete is left as it is: the policy and the validating entry deny that. The API server has filled in
/// all defaults before it calls, so a default cannot be told from what a user wrote: a warning reports each change.
pub(in crate::verdict) fn mutate(request: &Request<'_>) -> Verdict {
    let set = request.object;
    let mut verdict = Verdict::default();
    let migrates = match request.operation {
        Operation::Create => true,
        Operation::Update => !Set::of(request.old).is_on_delete(),
        Operation::Delete | Operation::Connect => false,
    };
    if !migrates || Set::of(set).node().is_none() || !set.get("spec").is_object() {
        return verdict;
    }
    if strategy(set, &mut verdict.patch) {
        verdict.warnings.push(
            "spec.updateStrategy was changed to OnDelete: the operator, not Kubernetes, replaces the pods of SeiNodes".into(),
        );
    }
    if request.operation == Operation::Create && set.at(&["spec", "template"]).is_object() {
        protect(set, &mut verdict.patch);
        if grace(set, &mut verdict.patch) {
            verdict.warnings.push(format!(
                "spec.template.spec.terminationGracePeriodSeconds was changed from {DEFAULT_GRACE_SECONDS} to \
                 {GRACE_SECONDS}: seid needs that long to close its databases"
            ));
        }
    }
    verdict
}

/// The API server rejects OnDelete with a `rollingUpdate` beside it.
fn strategy(set: View<'_>, patch: &mut Patch) -> bool {
    if Set::of(set).is_on_delete() {
        return false;
    }
    let changed =
        patch.set(set, &["spec", "updateStrategy"], &[("type", json!("OnDelete"), "updateStrategy")]);
    patch.remove(set, &["spec", "updateStrategy", "rollingUpdate"], "rollingUpdate");
    changed
}

fn protect(set: View<'_>, patch: &mut Patch) {
    let name = names::DO_NOT_DISRUPT_ANNOTATION;
    let annotations = ["spec", "template", "metadata", "annotations"];
    // A value that a user wrote stays.
    if !set.at(&annotations).get(name).is_present() {
        patch.set(set, &annotations, &[(name, json!("true"), "doNotDisrupt")]);
    }
}

fn grace(set: View<'_>, patch: &mut Patch) -> bool {
    let name = "terminationGracePeriodSeconds";
    let pod = ["spec", "template", "spec"];
    set.at(&pod).get(name).as_i64() == Some(DEFAULT_GRACE_SECONDS)
        && patch.set(set, &pod, &[(name, json!(GRACE_SECONDS), name)])
}
