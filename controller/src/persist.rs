//! Writes of the SeiNode itself: its status, once a pass, and the removal of the earlier operator's finalizer.
//!
//! Every write is guarded: the status by `resourceVersion`, the finalizer by a `test`. Nobody else's change
//! is overwritten, and of two operators that both believe to lead only one can store a plan.

use std::{fmt::Debug, sync::Arc};

use json_patch::{Patch as JsonPatch, PatchOperation, RemoveOperation, TestOperation, jsonptr::PointerBuf};
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use seinode_api::{SeiNode, SeiNodeStatus, names};
use seinode_core::failure::{Class, Failure};
use serde::de::DeserializeOwned;

use crate::{api_error, ask, context::Context, perform::parameters};

/// What became of a write of the SeiNode.
pub(crate) enum Written<K> {
    /// It is stored; this is the object now.
    Stored(Arc<K>),
    /// The SeiNode is gone: there is nobody to tell.
    Gone,
    /// It is not stored.
    Failed(Failure),
}

/// Replaces the status, if the object is still the one that was read.
pub(crate) async fn status(context: &Context, object: &SeiNode, status: &SeiNodeStatus) -> Written<SeiNode> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let api: Api<SeiNode> = Api::namespaced(context.client.clone(), &namespace);
    let mut next = object.clone();
    next.status = Some(status.clone());
    // A replacement, not a merge: members that an earlier operator left in its plan go with that plan.
    match api.replace_status(&name, &parameters(), &next).await {
        Ok(stored) => {
            let stored = Arc::new(stored);
            context.fleet.recent.note(&stored);
            Written::Stored(stored)
        }
        Err(error) => failed(&error, &format!("write the status of SeiNode {name}")),
    }
}

/// Asks whether the object is still the one that was read: what a write would prove by its `resourceVersion`.
pub(crate) async fn unchanged(context: &Context, object: &SeiNode) -> Result<(), Failure> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let found = ask::sei_node(context, &namespace, &name).await?;
    match found.is_some_and(|found| found.resource_version == object.metadata.resource_version) {
        true => Ok(()),
        false => {
            let message = format!("SeiNode {name} was changed since it was read");
            Err(Failure { class: Class::Conflict, message })
        }
    }
}

/// Takes the earlier operator's finalizer off. Works for any shape of object, also one without spec.
pub(crate) async fn remove_legacy_finalizer<K>(context: &Context, object: &K) -> Written<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let position = object.finalizers().iter().position(|finalizer| finalizer == names::LEGACY_FINALIZER);
    let Some(position) = position else { return Written::Stored(Arc::new(object.clone())) };
    let path = PointerBuf::from_tokens(["metadata", "finalizers", &position.to_string()]);
    let patch = JsonPatch(vec![
        PatchOperation::Test(TestOperation { path: path.clone(), value: names::LEGACY_FINALIZER.into() }),
        PatchOperation::Remove(RemoveOperation { path }),
    ]);
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    let parameters =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&name, &parameters, &Patch::Json::<()>(patch)).await {
        Ok(stored) => Written::Stored(Arc::new(stored)),
        Err(error) => failed(&error, &format!("remove finalizer {} of {name}", names::LEGACY_FINALIZER)),
    }
}

fn failed<K>(error: &kube::Error, what: &str) -> Written<K> {
    match error {
        kube::Error::Api(status) if status.is_not_found() => Written::Gone,
        error => Written::Failed(api_error::read(error, what)),
    }
}
