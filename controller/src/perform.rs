//! Performs effects. Each may be repeated without harm.

mod adoption;
mod bootstrap;
mod repair;
mod service;
mod statefulset;
mod volume;

use std::fmt::Debug;

use k8s_openapi::{NamespaceResourceScope, api::apps::v1::StatefulSet};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use seinode_api::names;
use seinode_core::{
    effect::{Effect, Outcome, Replicas, Submission},
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Observation, StatefulSetView},
    reconcile::Reconcile,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{api_error, context::Context, fence::NotLeading, fetch, persist};

/// Performs one effect. What came of it is a value, also when it failed.
pub(crate) async fn perform(context: &Context, machine: &Reconcile, effect: &Effect) -> Outcome {
    let (subject, seen) = (machine.subject(), machine.seen());
    let node = &subject.node;
    if !context.fence.holds() {
        return Outcome::Failed(Failure { class: Class::Transient, message: NotLeading.to_string() });
    }
    let performed = match (effect, subject.readable()) {
        (Effect::RemoveLegacyFinalizer, _) => {
            persist::remove_legacy_finalizer(context, machine.object().as_ref())
                .await
                .map(Outcome::FinalizerRemoved)
        }
        (Effect::MarkVolume(retention), _) => {
            volume::mark(context, node, subject.intent.as_ref().ok(), *retention).await
        }
        // All that a node with an invalid spec is given: its gate is opened.
        (effect @ (Effect::Submit(_) | Effect::DropTask(_)), Some(intent)) => {
            for_spec(context, node, intent, seen, effect).await
        }
        (effect, Some(intent)) if subject.intent.is_ok() => {
            for_spec(context, node, intent, seen, effect).await
        }
        _ => {
            let message = "defect of the operator: something is done for a spec that is not valid".into();
            Err(Failure { class: Class::Invariant, message })
        }
    };
    performed.unwrap_or_else(Outcome::Failed)
}

async fn for_spec(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: &Observation,
    effect: &Effect,
) -> Result<Outcome, Failure> {
    match effect {
        Effect::CreateVolume(retention) => volume::create(context, node, intent, *retention).await,
        Effect::MarkVolume(retention) => volume::mark(context, node, Some(intent), *retention).await,
        Effect::ApplyStatefulSet => statefulset::apply(context, node, intent, seen, &[]).await,
        Effect::RepairStatefulSet(left) => statefulset::apply(context, node, intent, seen, left).await,
        Effect::Scale(replicas) => scale(context, node, seen, *replicas).await,
        Effect::ApplyService => service::apply(context, node, intent, seen, &[]).await,
        Effect::RepairService(left) => service::apply(context, node, intent, seen, left).await,
        Effect::ApplyBootstrapService => {
            service::apply_for_bootstrap(context, node, intent, seen.service.as_ref()).await
        }
        Effect::CreateJob => bootstrap::create(context, node, intent).await,
        Effect::SuspendJob(run) => bootstrap::suspend(context, node, seen, *run).await,
        Effect::DeleteJob(uid) => bootstrap::delete_job(context, node, uid).await,
        Effect::DeleteService(uid) => bootstrap::delete_service(context, node, uid).await,
        Effect::DeletePod { name, uid, version } => {
            statefulset::delete_pod(context, node, name, uid, version).await
        }
        Effect::Submit(submission) => Ok(submit(context, node, intent, seen, submission).await),
        Effect::DropTask(id) => Ok(match fetch::sidecar(context, node, intent, seen) {
            Ok(sidecar) => sidecar.drop_task(*id).await,
            Err(unreachable) => Outcome::TaskDropped(*id, Err(unreachable)),
        }),
        Effect::RemoveLegacyFinalizer => Ok(Outcome::FinalizerRemoved(None)),
        Effect::HandOver { child, uid, from, retention } => {
            let handover = adoption::Handover { child: *child, uid, from, retention: *retention };
            adoption::hand_over(context, node, &handover).await
        }
    }
}

/// Server-side apply, with force: these objects have one writer, and it is this operator.
///
/// What the cache has not seen may still be there: it holds only what carries our label. So somebody else's
/// object is looked for first, and is returned as it is: whose it is, is for the core to judge (W6).
async fn apply<K>(context: &Context, node: &NodeRef, object: &Value, known: Known) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let failed = |error| api_error::read(&error, &format!("apply {} {}", K::kind(&()), node.name));
    if known == Known::No
        && let Some(found) = api.get_opt(&node.name).await.map_err(failed)?
        && node.owner_of(found.meta()) != Owner::Us
    {
        return Ok(found);
    }
    let parameters = PatchParams::apply(names::FIELD_MANAGER).force();
    api.patch(&node.name, &parameters, &Patch::Apply(object)).await.map_err(failed)
}

/// An object as it goes over the wire, named by the UID that was seen and, if it must not have changed since, by its version.
fn wire(object: &impl Serialize, uid: Option<&str>, version: Option<&str>) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(object).map_err(|error| Failure {
        class: Class::Invariant,
        message: format!("defect of the operator: what it renders is no JSON: {error}"),
    })?;
    for (name, value_of) in [("uid", uid), ("resourceVersion", version)] {
        if let (Some(wanted), Some(metadata)) =
            (value_of, value.get_mut("metadata").and_then(Value::as_object_mut))
        {
            metadata.insert(name.to_owned(), wanted.into());
        }
    }
    Ok(value)
}

/// Presence of the object in the cache: if it is there, the core has judged it already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

impl Known {
    fn of<T>(cached: Option<&T>) -> Self {
        if cached.is_some() { Self::Yes } else { Self::No }
    }
}

/// Sets the replicas of the StatefulSet that was seen, and nothing else: its template may be of another version.
async fn scale(
    context: &Context,
    node: &NodeRef,
    seen: &Observation,
    replicas: Replicas,
) -> Result<Outcome, Failure> {
    let count = match replicas {
        Replicas::Zero => 0,
        Replicas::One => 1,
    };
    let uid = seen.stateful_set.as_ref().map(|sts| sts.uid.as_str()).unwrap_or_default();
    let change = json!({"metadata": {"uid": uid}, "spec": {"replicas": count}});
    let set: StatefulSet = merge(context, node, &node.name, "scale", change).await?;
    Ok(Outcome::Scaled(StatefulSetView::of(node, &set)))
}

/// Merges a change into one object. A UID in the change guards it: another object of the same name refuses it.
async fn merge<K>(
    context: &Context,
    node: &NodeRef,
    name: &str,
    verb: &str,
    change: Value,
) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let parameters =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let merged = api.patch(name, &parameters, &Patch::Merge(change)).await;
    merged.map_err(|error| api_error::read(&error, &format!("{verb} {} {name}", K::kind(&()))))
}

async fn submit(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: &Observation,
    submission: &Submission,
) -> Outcome {
    match fetch::sidecar(context, node, intent, seen) {
        Ok(sidecar) => sidecar.submit(submission).await,
        Err(unreachable) => Outcome::Unreachable(submission.id, unreachable),
    }
}
