//! Writes of the SeiNode itself: its status, once a reconcile, and the removal of the earlier operator's finalizer.
//!
//! Every write is guarded: the status by `resourceVersion`, the finalizer by a `test`. Nobody else's change
//! is overwritten, and of two operators that both believe to lead only one can store a plan.

use std::{fmt::Debug, sync::Arc};

use json_patch::{Patch as JsonPatch, PatchOperation, RemoveOperation, TestOperation, jsonptr::PointerBuf};
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use seinode_api::{SeiNode, SeiNodeStatus, names};
use seinode_core::{failure::Failure, reconcile::Stored};
use serde::de::DeserializeOwned;

use crate::{api_error, context::Context};

/// Replaces the status, if the object is still the one that was read.
pub(crate) async fn status(context: &Context, object: &SeiNode, status: &SeiNodeStatus) -> Stored {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let api: Api<SeiNode> = Api::namespaced(context.client.clone(), &namespace);
    let mut next = object.clone();
    next.status = Some(status.clone());
    // A replacement, not a merge: members that an earlier operator left in its plan go with that plan.
    match api.replace_status(&name, &parameters(), &next).await {
        Ok(stored) => Stored::Written(Arc::new(stored)),
        Err(error) if api_error::is_missing(&error) => Stored::Gone,
        Err(error) => Stored::Failed(api_error::read(&error, &format!("write the status of SeiNode {name}"))),
    }
}

/// Removes the earlier operator's finalizer; returns the object as it is stored now, unless it is gone. Works for any shape of
/// object, also one without spec.
pub(crate) async fn remove_legacy_finalizer<K>(
    context: &Context,
    object: &K,
) -> Result<Option<Arc<K>>, Failure>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let position = object.finalizers().iter().position(|finalizer| finalizer == names::LEGACY_FINALIZER);
    let Some(position) = position else { return Ok(Some(Arc::new(object.clone()))) };
    let path = PointerBuf::from_tokens(["metadata", "finalizers", &position.to_string()]);
    // A namesake may have been created since.
    let uid = PointerBuf::from_tokens(["metadata", "uid"]);
    let patch = JsonPatch(vec![
        PatchOperation::Test(TestOperation { path: uid, value: object.uid().into() }),
        PatchOperation::Test(TestOperation { path: path.clone(), value: names::LEGACY_FINALIZER.into() }),
        PatchOperation::Remove(RemoveOperation { path }),
    ]);
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    let parameters =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&name, &parameters, &Patch::Json::<()>(patch)).await {
        Ok(stored) => Ok(Some(Arc::new(stored))),
        Err(error) if api_error::is_missing(&error) => Ok(None),
        Err(error) => Err(api_error::read_guarded(
            &error,
            &format!("remove finalizer {} of {name}", names::LEGACY_FINALIZER),
        )),
    }
}

/// Parameters of a write under our name.
pub(crate) fn parameters() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
