//! The StatefulSet: applied as a whole, mended where server-side apply cannot reach, and its pod deleted.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Preconditions},
};
use seinode_core::{
    edits,
    effect::Outcome,
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::StatefulSetView,
    render,
};

use serde_json::json;

use super::{Known, repair};
use crate::{api_error, context::Context};

/// Server-side apply of the StatefulSet that was seen, or of a new one.
///
/// One that was seen is named by its version: what somebody changed meanwhile, such as an emergency stop, is looked at
/// first. Fields that others put into the pod template are removed afterwards: apply leaves them alone. Where apply is
/// refused for them, template and strategy are written as a whole.
pub(super) async fn apply(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: Option<&StatefulSetView>,
) -> Result<Outcome, Failure> {
    let mut wanted = render::stateful_set(node, intent, &context.platform);
    if let Some(set) = seen {
        wanted.metadata.resource_version = Some(set.version.clone());
        wanted.metadata.uid = Some(set.uid.clone());
    }
    let applied = match super::apply(context, node, &wanted, Known::of(seen)).await {
        Err(refused) if refused.class == Class::User => match seen.filter(|set| set.owner == Owner::Us) {
            Some(set) => {
                // The rest holds nothing that others could put in its place.
                let parts = vec![
                    ("/spec/template", json!(wanted.spec.as_ref().map(|spec| &spec.template))),
                    ("/spec/updateStrategy", json!(wanted.spec.as_ref().map(|spec| &spec.update_strategy))),
                ];
                let replaced = repair::replace(context, node, &set.version, wanted, parts).await?;
                return Ok(Outcome::StatefulSetApplied(StatefulSetView::of(node, &replaced)));
            }
            None => return Err(refused),
        },
        other => other?,
    };
    let live = serde_json::to_value(&applied).unwrap_or_default();
    let foreign = edits::foreign(&live);
    let mended = match foreign.is_empty() || node.owner_of(&applied.metadata) != Owner::Us {
        true => applied,
        false => {
            let version = applied.resource_version().unwrap_or_default();
            repair::remove(context, node, &version, &foreign).await?
        }
    };
    Ok(Outcome::StatefulSetApplied(StatefulSetView::of(node, &mended)))
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
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Outcome::PodDeleted(uid.to_owned())),
        Err(error) => Err(api_error::read(&error, &format!("delete Pod {name}"))),
    }
}
