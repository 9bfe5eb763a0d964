//! The StatefulSet: applied as a whole, mended where server-side apply cannot reach, and its pod deleted.

use json_patch::{
    Patch as JsonPatch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation, jsonptr::PointerBuf,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use seinode_api::names;
use seinode_core::{
    edits,
    effect::Outcome,
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Strategy, Workload},
    render,
};
use serde_json::{Value, json};

use super::Known;
use crate::{api_error, context::Context};

/// Server-side apply of the StatefulSet that was seen, or of a new one.
///
/// One that was seen is named by its version: what somebody changed meanwhile, such as an emergency stop, is looked at
/// first. Fields that others put into the pod template are removed afterwards: apply leaves them alone.
pub(super) async fn apply(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: Option<&Workload>,
) -> Result<Outcome, Failure> {
    let mut wanted = render::stateful_set(node, intent, &context.platform);
    let mut version = seen.map(|set| set.version.clone());
    if let Some(rolling) = seen.filter(|set| set.strategy == Strategy::Rolling && set.owner == Owner::Us) {
        let migrated = patch(context, node, &on_delete(&rolling.version)?).await?;
        version = migrated.resource_version();
    }
    if let Some(version) = version {
        wanted.metadata.resource_version = Some(version);
        wanted.metadata.uid = seen.map(|set| set.uid.clone());
    }
    let applied = super::apply(context, node, &wanted, Known::of(seen)).await?;
    let live = serde_json::to_value(&applied).unwrap_or_default();
    let foreign = edits::foreign(&live);
    let mended = match foreign.is_empty() || node.owner_of(&applied.metadata) != Owner::Us {
        true => applied,
        false => {
            patch(context, node, &without(&applied.resource_version().unwrap_or_default(), &foreign)?).await?
        }
    };
    Ok(Outcome::Workload(Workload::of(node, &mended)))
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
        Ok(_) => Ok(Outcome::Deleted),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Outcome::Deleted),
        Err(error) => Err(api_error::read(&error, &format!("delete Pod {name}"))),
    }
}

/// From RollingUpdate to OnDelete: the block of the former has to go with it, and apply cannot take it away.
fn on_delete(version: &str) -> Result<JsonPatch, Failure> {
    let path = pointer("/spec/updateStrategy")?;
    let value = json!({ "type": "OnDelete" });
    Ok(JsonPatch(vec![unchanged(version)?, PatchOperation::Replace(ReplaceOperation { path, value })]))
}

fn without(version: &str, fields: &[String]) -> Result<JsonPatch, Failure> {
    let mut operations = vec![unchanged(version)?];
    for field in fields {
        operations.push(PatchOperation::Remove(RemoveOperation { path: pointer(field)? }));
    }
    Ok(JsonPatch(operations))
}

/// Places in lists are only right for the version that they were read from.
fn unchanged(version: &str) -> Result<PatchOperation, Failure> {
    let path = pointer("/metadata/resourceVersion")?;
    Ok(PatchOperation::Test(TestOperation { path, value: Value::from(version) }))
}

fn pointer(text: &str) -> Result<PointerBuf, Failure> {
    PointerBuf::parse(text.to_owned()).map_err(|error| Failure {
        class: Class::Invariant,
        message: format!("defect of the operator: {text} is no JSON pointer: {error}"),
    })
}

async fn patch(context: &Context, node: &NodeRef, patch: &JsonPatch) -> Result<StatefulSet, Failure> {
    let api: Api<StatefulSet> = Api::namespaced(context.client.clone(), &node.namespace);
    let parameters =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patched = api.patch(&node.name, &parameters, &Patch::Json::<()>(patch.clone())).await;
    patched.map_err(|error| api_error::read(&error, &format!("mend StatefulSet {}", node.name)))
}
