//! Repairs that server-side apply cannot make: of fields that others put beside ours, or in the place of ours. JSON
//! patches, each for the one version of the object that was read.

use std::fmt::Debug;

use json_patch::{
    Patch as JsonPatch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation, jsonptr::PointerBuf,
};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use seinode_api::names;
use seinode_core::{
    failure::{Class, Failure},
    node::NodeRef,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{api_error, context::Context};

/// Number of times that an apply is repeated that a write of another field made late.
const CHANCES: usize = 5;

/// Takes fields out of a child.
pub(super) async fn remove<K>(
    context: &Context,
    node: &NodeRef,
    version: &str,
    fields: &[String],
) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut operations = vec![unchanged(version)?];
    for field in fields {
        operations.push(PatchOperation::Remove(RemoveOperation { path: pointer(field)? }));
    }
    patch(context, node, names::FIELD_MANAGER, operations).await
}

/// Puts whole parts of a child in order at once, then applies it. Apply alone would set our fields beside what somebody put in
/// their place, which the API server refuses: two kinds of probe, two ports of one name.
///
/// The parts are written under a name of their own, which is forgotten afterwards: what apply does not own is nobody's.
pub(super) async fn replace<K>(
    context: &Context,
    node: &NodeRef,
    version: &str,
    wanted: Value,
    parts: Vec<(&str, Value)>,
) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut operations = vec![unchanged(version)?];
    for (part, value) in parts {
        operations.push(PatchOperation::Replace(ReplaceOperation { path: pointer(part)?, value }));
    }
    let replaced: K = patch(context, node, names::REPAIR_MANAGER, operations).await?;
    let applied = apply_over(context, node, wanted, replaced).await?;
    Ok(disown(context, node, &applied).await.unwrap_or(applied))
}

/// Takes the name of the repair off again. If somebody else writes meanwhile it stays, and what it owns alone is removed by
/// the next apply.
async fn disown<K>(context: &Context, node: &NodeRef, applied: &K) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let owners = applied.managed_fields().iter();
    let others: Vec<_> = owners.filter(|it| it.manager.as_deref() != Some(names::REPAIR_MANAGER)).collect();
    let value = serde_json::to_value(others).unwrap_or_default();
    let path = pointer("/metadata/managedFields")?;
    let replace = PatchOperation::Replace(ReplaceOperation { path, value });
    let version = applied.resource_version().unwrap_or_default();
    patch(context, node, names::FIELD_MANAGER, vec![unchanged(&version)?, replace]).await
}

/// Applies over what was just written. Its controller writes its status then: that is no reason to look again.
async fn apply_over<K>(context: &Context, node: &NodeRef, wanted: Value, written: K) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let (uid, generation) = (written.uid(), written.meta().generation);
    let mut wanted = super::wire(&wanted, uid.as_deref(), written.resource_version().as_deref())?;
    for _ in 1..CHANCES {
        match super::apply(context, node, &wanted, super::Known::Yes).await {
            Err(failure) if failure.class == Class::Conflict => {
                let now = api.get_metadata(&node.name).await;
                let now = now.map_err(|error| api_error::read(&error, &format!("get {}", node.name)))?;
                if (now.uid(), now.metadata.generation) != (uid.clone(), generation) {
                    return Err(failure);
                }
                wanted = super::wire(&wanted, uid.as_deref(), now.resource_version().as_deref())?;
            }
            other => return other,
        }
    }
    super::apply(context, node, &wanted, super::Known::Yes).await
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

async fn patch<K>(
    context: &Context,
    node: &NodeRef,
    manager: &str,
    operations: Vec<PatchOperation>,
) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let parameters = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let patched = api.patch(&node.name, &parameters, &Patch::Json::<()>(JsonPatch(operations))).await;
    patched.map_err(|error| api_error::read_guarded(&error, &format!("mend {} {}", K::kind(&()), node.name)))
}
