//! The StatefulSet: applied as a whole, mended where server-side apply cannot reach, and its pod deleted.

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Preconditions},
};
use seinode_core::{
    edits::{self, Edit},
    effect::Outcome,
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Observation, StatefulSetView},
    render,
};

use serde_json::Value;

use super::{Known, repair};
use crate::{api_error, context::Context};

/// Most fields that are removed one by one; the API server takes a patch of 10,000 operations.
const MOST_REMOVED: usize = 1_000;

/// Server-side apply of the StatefulSet that was seen, or of a new one, but for the edits that are left as they are.
///
/// One that was seen is named by its version: what somebody changed meanwhile, such as an emergency stop, is looked at
/// first. Fields that others put into the pod template are removed afterwards: apply leaves them alone. Where apply is
/// refused for them, template and strategy are written as a whole.
pub(super) async fn apply(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: &Observation,
    left: &[Edit],
) -> Result<Outcome, Failure> {
    let (set, edits) = (seen.stateful_set.as_ref(), seen.live_stateful_set.as_ref());
    let edits = edits.map_or(&[][..], |live| live.edits.as_slice());
    let (uid, version) = (set.map(|set| set.uid.as_str()), set.map(|set| set.version.as_str()));
    let rendered = super::wire(&render::stateful_set(node, intent, &context.platform), uid, version)?;
    let wanted = edits::without(rendered.clone(), left);
    // The rest holds nothing that others could put in its place.
    let whole = edits::grafted(rendered, left);
    let whole = edits::restarted(whole, set.and_then(|set| set.restarted_at.as_deref()));
    let parts = ["/spec/template", "/spec/updateStrategy"]
        .map(|part| (part, whole.pointer(part).cloned().unwrap_or_default()));
    let replace = async |version: &str| {
        repair::replace::<StatefulSet>(context, node, version, wanted.clone(), parts.to_vec()).await
    };
    let applied: StatefulSet = match super::apply(context, node, &wanted, Known::of(set)).await {
        Err(refused) if refused.class == Class::User => match set.filter(|set| set.owner == Owner::Us) {
            Some(set) => replace(&set.version).await?,
            None => return Err(refused),
        },
        other => other?,
    };
    let foreign = edits::foreign(&json(&applied), left);
    let version = applied.resource_version().unwrap_or_default();
    let mended = match foreign.len() {
        _ if node.owner_of(&applied.metadata) != Owner::Us => applied,
        0 => applied,
        1..=MOST_REMOVED => repair::remove(context, node, &version, &foreign).await?,
        _ => replace(&version).await?,
    };
    let live = json(&mended);
    Ok(Outcome::StatefulSetApplied(StatefulSetView::of(node, &mended), edits::kept(edits, &live)))
}

fn json(set: &StatefulSet) -> Value {
    serde_json::to_value(set).unwrap_or_default()
}

/// Deletes the pod that was seen, with its normal grace period.
pub(super) async fn delete_pod(
    context: &Context,
    node: &NodeRef,
    name: &str,
    uid: &str,
    version: &str,
) -> Result<Outcome, Failure> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &node.namespace);
    let this = Preconditions { uid: Some(uid.to_owned()), resource_version: Some(version.to_owned()) };
    match api.delete(name, &DeleteParams::background().preconditions(this)).await {
        Ok(_) => Ok(Outcome::PodDeleted(uid.to_owned())),
        Err(error) if api_error::is_missing(&error) => Ok(Outcome::PodDeleted(uid.to_owned())),
        Err(error) => Err(api_error::read(&error, &format!("delete Pod {name}"))),
    }
}
