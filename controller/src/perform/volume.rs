//! The data PVC: created once, and afterwards only marked as this node's.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Api, ResourceExt};
use seinode_api::names;
use seinode_core::{
    effect::Outcome,
    failure::Failure,
    intent::Intent,
    node::{NodeRef, Owner},
    observation::Volume,
    render,
    retention::Retention,
};
use serde_json::{Map, Value, json};

use super::merge;
use crate::{api_error, context::Context, persist::parameters};

/// Creates the data PVC, or reads the one that is there already: whose it is, is for the core to judge.
pub(super) async fn create(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    retention: Retention,
) -> Result<Outcome, Failure> {
    let pvc = render::volume(node, intent, &context.platform, retention);
    let name = names::data_volume(&node.name);
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &node.namespace);
    let created = match api.create(&parameters(), &pvc).await {
        Err(error) if api_error::is_taken(&error) => api.get(&name).await,
        created => created,
    };
    let pvc = created.map_err(|error| api_error::read(&error, &format!("create PVC {name}")))?;
    Ok(Outcome::Volume(Volume::of(node, &pvc)))
}

/// Annotates the PVC with our UID, ties it to the SeiNode or lets it loose, and takes off the labels by which a GitOps tool
/// would find it, where they are from the spec. Other owners stay. Guarded by `resourceVersion`; a PVC that is not ours is
/// returned as it is.
pub(super) async fn mark(
    context: &Context,
    node: &NodeRef,
    intent: Option<&Intent>,
    retention: Retention,
) -> Result<Outcome, Failure> {
    let name = names::data_volume(&node.name);
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &node.namespace);
    let found = api.get(&name).await;
    let pvc = found.map_err(|error| api_error::read(&error, &format!("get PVC {name}")))?;
    let volume = Volume::of(node, &pvc);
    if volume.owner != Owner::Us {
        return Ok(Outcome::Volume(volume));
    }
    let mut owners = pvc.owner_references().to_vec();
    owners.retain(|owner| owner.uid != node.uid);
    if retention == Retention::GoesWithTheNode {
        owners.push(node.owner_reference());
    }
    let spread = |label: &String| intent.and_then(|intent| intent.pod_labels.get(label));
    let tracking = volume.tracking.iter().filter(|(label, value)| spread(label) == Some(*value));
    let change = json!({"metadata": {
        "uid": pvc.uid(),
        "resourceVersion": pvc.resource_version(),
        "labels": tracking.map(|(label, _)| (label.clone(), Value::Null)).collect::<Map<_, _>>(),
        "annotations": {names::OWNER_UID_ANNOTATION: node.uid},
        "ownerReferences": owners,
    }});
    let pvc: PersistentVolumeClaim = merge(context, node, &name, "mark", change).await?;
    Ok(Outcome::Volume(Volume::of(node, &pvc)))
}
