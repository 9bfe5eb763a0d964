//! What is stamped on the StatefulSets of nodes. The template of a set that exists is never touched: that would be a
//! new revision.

use seinode_api::names;
use serde_json::{Value, json};

use super::is_on_delete;
use crate::{
    request::{Operation, Request},
    verdict::{Patch, Verdict},
};

/// What Kubernetes fills in where nothing is said (Kubernetes: pod lifecycle).
const DEFAULT_GRACE_SECONDS: i64 = 30;
/// What `seid` needs to close its databases.
const GRACE_SECONDS: i64 = 120;

/// Makes a set OnDelete that is new or never was, and gives the pods of a new one the time and the rest they need.
///
/// A set that leaves OnDelete is left as it is: refusing that is for the policy and the validating entry. The API
/// server has filled in all defaults before it asks, so what nobody wrote cannot be told from what somebody did: a
/// warning says what was changed.
pub(in crate::verdict) fn mutate(request: &Request) -> Verdict {
    let set = &request.object;
    let mut verdict = Verdict::default();
    let comes = match request.operation {
        Operation::Create => true,
        Operation::Update => !is_on_delete(&request.old),
        Operation::Delete | Operation::Connect => false,
    };
    if !comes || !set["spec"].is_object() {
        return verdict;
    }
    if strategy(set, &mut verdict.patch) {
        verdict
            .warnings
            .push("spec.updateStrategy: made OnDelete; the operator replaces the pods of nodes".into());
    }
    if request.operation == Operation::Create && set["spec"]["template"].is_object() {
        undisrupted(set, &mut verdict.patch);
        if grace(set, &mut verdict.patch) {
            verdict.warnings.push(format!(
                "spec.template.spec.terminationGracePeriodSeconds: {DEFAULT_GRACE_SECONDS} was made {GRACE_SECONDS}, \
                 which seid needs"
            ));
        }
    }
    verdict
}

/// The API server refuses OnDelete with a `rollingUpdate` beside it.
fn strategy(set: &Value, patch: &mut Patch) -> bool {
    if is_on_delete(set) {
        return false;
    }
    let changed =
        patch.set(set, &["spec", "updateStrategy"], &[("type", json!("OnDelete"), "updateStrategy")]);
    patch.remove(set, &["spec", "updateStrategy", "rollingUpdate"], "rollingUpdate");
    changed
}

fn undisrupted(set: &Value, patch: &mut Patch) {
    let name = names::DO_NOT_DISRUPT_ANNOTATION;
    let template = ["spec", "template", "metadata", "annotations"];
    // Whoever says something else means it.
    if set["spec"]["template"]["metadata"]["annotations"].get(name).is_none() {
        patch.set(set, &template, &[(name, json!("true"), "doNotDisrupt")]);
    }
}

fn grace(set: &Value, patch: &mut Patch) -> bool {
    let name = "terminationGracePeriodSeconds";
    let pod = ["spec", "template", "spec"];
    set["spec"]["template"]["spec"][name] == DEFAULT_GRACE_SECONDS
        && patch.set(set, &pod, &[(name, json!(GRACE_SECONDS), name)])
}
