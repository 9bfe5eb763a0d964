//! Carries effects out. Each may be repeated without harm; what came of it is a value, also when it failed.

mod bootstrap;
mod repair;
mod service;
mod volume;
mod workload;

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope, api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams, PostParams},
};
use seinode_api::names;
use seinode_core::{
    effect::{Effect, Outcome, Replicas, Submission},
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Observation, StatefulSetView},
    subject::Subject,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{api_error, ask, context::Context, fence::NotLeading};

/// Carries one effect out. Removing the finalizer changes the SeiNode itself and is `persist`'s business.
pub(crate) async fn perform(
    context: &Context,
    subject: &Subject,
    intent: &Intent,
    seen: &Observation,
    effect: &Effect,
) -> Outcome {
    let node = &subject.node;
    if !context.fence.holds() {
        return Outcome::Failed(Failure { class: Class::Transient, message: NotLeading.to_string() });
    }
    let makes = match effect {
        // One that is there has its pod already.
        Effect::ApplyStatefulSet => seen.stateful_set.as_ref().is_none_or(|set| set.replicas == 0),
        Effect::ApplyService => seen.service.is_none(),
        Effect::Scale(Replicas::One) | Effect::CreateJob => true,
        _ => false,
    };
    if makes && let Err(failure) = still_wanted(context, subject).await {
        return Outcome::Failed(failure);
    }
    let done = match effect {
        Effect::CreateVolume => volume::create(context, node, intent).await,
        Effect::MarkVolume(retention) => volume::mark(context, node, *retention).await,
        Effect::ApplyStatefulSet => workload::apply(context, node, intent, seen.stateful_set.as_ref()).await,
        Effect::Scale(replicas) => scale(context, node, seen, *replicas).await,
        Effect::ApplyService => service::apply(context, node, intent, seen.service.as_ref()).await,
        Effect::ApplyBootstrapService => {
            service::apply_for_bootstrap(context, node, intent, seen.service.as_ref()).await
        }
        Effect::CreateJob => bootstrap::create(context, node, intent).await,
        Effect::SuspendJob(run) => bootstrap::suspend(context, node, seen, *run).await,
        Effect::DeleteJob(uid) => bootstrap::delete_job(context, node, uid).await,
        Effect::DeleteService(uid) => bootstrap::delete_service(context, node, uid).await,
        Effect::DeletePod { name, uid, version } => {
            workload::delete_pod(context, node, name, uid, version).await
        }
        Effect::Submit(submission) => Ok(submit(context, node, intent, seen, submission).await),
        Effect::RemoveLegacyFinalizer => Err(Failure {
            class: Class::Invariant,
            message: "defect of the operator: a finalizer is removed where the SeiNode is written".into(),
        }),
    };
    let outcome = done.unwrap_or_else(Outcome::Failed);
    context.fresh.note(node, &outcome, (context.clock)());
    if let (Effect::DeletePod { uid, .. }, Outcome::Deleted) = (effect, &outcome) {
        context.fresh.deleted(node, uid, (context.clock)());
    }
    outcome
}

/// What gives a node a pod or a child is done only while the SeiNode is there and asks for what it asked for, seen live. Its
/// watch may be behind, and a pod of a node that is gone would have a volume or a key that a successor has a right to; one
/// of an earlier spec might start beside the bootstrap Job of the newest.
async fn still_wanted(context: &Context, subject: &Subject) -> Result<(), Failure> {
    let node = &subject.node;
    let found = ask::sei_node(context, &node.namespace, &node.name).await?;
    let same = |meta: &ObjectMeta| {
        meta.uid.as_ref() == Some(&node.uid)
            && meta.deletion_timestamp.is_none()
            && meta.generation == Some(subject.generation)
    };
    match found.is_some_and(|found| same(&found)) {
        true => Ok(()),
        false => {
            let message = format!("SeiNode {} is gone, is being deleted, or has another spec now", node.name);
            Err(Failure { class: Class::Conflict, message })
        }
    }
}

/// Server-side apply, with force: these objects have one writer, and it is this operator.
///
/// What the cache has not seen may still be there: it holds only what carries our label. So somebody else's
/// object is looked for first, and is returned as it is: whose it is, is for the core to judge (W6).
async fn apply<K>(context: &Context, node: &NodeRef, object: &K, known: Known) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
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

/// Whether the cache has the object: then the core has judged it already.
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
    let uid = seen.stateful_set.as_ref().map(|workload| workload.uid.as_str()).unwrap_or_default();
    let change = json!({"metadata": {"uid": uid}, "spec": {"replicas": count}});
    let set: StatefulSet = merge(context, node, &node.name, "scale", change).await?;
    Ok(Outcome::StatefulSet(StatefulSetView::of(node, &set)))
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
    match ask::sidecar(context, node, intent, seen) {
        Ok(sidecar) => sidecar.submit(submission).await,
        Err(silence) => Outcome::Unreachable(silence),
    }
}

pub(crate) fn parameters() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
