//! Makes a child of a SeiNode that is gone this one's: its owner reference and its annotation, nothing else.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Service},
    },
};
use kube::{Api, Resource, ResourceExt};
use seinode_api::names;
use seinode_core::{
    adoption::{Child, Heritage},
    effect::Outcome,
    failure::{Class, Failure},
    node::NodeRef,
    observation::{ServiceView, StatefulSetView, Volume},
    retention::Retention,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::merge;
use crate::{api_error, context::Context};

/// A handover as the core has decided it.
pub(super) struct Handover<'a> {
    pub(super) child: Child,
    /// UID of the child.
    pub(super) uid: &'a str,
    /// UID of the SeiNode that is gone.
    pub(super) from: &'a str,
    pub(super) retention: Retention,
}

/// Hands one child over.
pub(super) async fn hand_over(
    context: &Context,
    node: &NodeRef,
    handover: &Handover<'_>,
) -> Result<Outcome, Failure> {
    Ok(match handover.child {
        Child::StatefulSet => {
            let sts: StatefulSet = own(context, node, handover).await?;
            Outcome::StatefulSetHandedOver(StatefulSetView::of(node, &sts))
        }
        Child::Service => {
            let service: Service = own(context, node, handover).await?;
            Outcome::ServiceHandedOver(ServiceView::of(node, &service))
        }
        Child::Volume => {
            let pvc: PersistentVolumeClaim = own(context, node, handover).await?;
            Outcome::Volume(Volume::of(node, &pvc))
        }
    })
}

/// Puts our owner reference in the place of the predecessor's. Other owners stay. Guarded by UID and `resourceVersion`; a
/// child that is somebody else's by now is left alone.
async fn own<K>(context: &Context, node: &NodeRef, handover: &Handover<'_>) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let Handover { child, uid, from, retention } = handover;
    let name = child.name(node);
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let found = api.get(&name).await;
    let found = found.map_err(|error| api_error::read(&error, &format!("get {} {name}", K::kind(&()))))?;
    match Heritage::of(node, from, found.meta()) {
        Heritage::Ours => return Ok(found),
        Heritage::Left | Heritage::Unmarked => {}
        Heritage::Foreign => {
            let message = format!("{} {name} is somebody else's by now", child.kind());
            return Err(Failure { class: Class::Conflict, message });
        }
    }
    let mut owners = found.owner_references().to_vec();
    owners.retain(|owner| owner.uid != *from);
    if *child != Child::Volume || *retention == Retention::GoesWithTheNode {
        owners.push(node.owner_reference());
    }
    let change = json!({"metadata": {
        "uid": uid,
        "resourceVersion": found.resource_version(),
        "annotations": {names::OWNER_UID_ANNOTATION: node.uid},
        "ownerReferences": owners,
    }});
    merge(context, node, &name, "hand over", change).await
}
