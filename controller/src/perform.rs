//! Carries effects out. Each may be repeated without harm; what came of it is a value, also when it failed.

use std::fmt::Debug;

use k8s_openapi::{NamespaceResourceScope, api::core::v1::PersistentVolumeClaim};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams, PostParams},
};
use seinode_api::names;
use seinode_core::{
    answer::Silence,
    effect::{Effect, Outcome, Submission},
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner, Subject},
    observation::{Headless, Observation, Volume, Workload},
    render,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{api_error, context::Context};

/// Carries one effect out. Removing the finalizer changes the SeiNode itself and is `persist`'s business.
pub(crate) async fn perform(
    context: &Context,
    subject: &Subject,
    intent: &Intent,
    seen: &Observation,
    effect: &Effect,
) -> Outcome {
    let node = &subject.node;
    match effect {
        Effect::CreateVolume => create_volume(context, node, intent).await,
        Effect::ApplyWorkload => {
            let set = render::stateful_set(node, intent, &context.platform);
            let known = Known::of(seen.workload.as_ref());
            let applied = apply(context, node, &set, known).await;
            applied.map_or_else(Outcome::Failed, |set| Outcome::Workload(Workload::of(node, &set)))
        }
        Effect::ApplyService => {
            let service = render::service(node, intent);
            let known = Known::of(seen.service.as_ref());
            let applied = apply(context, node, &service, known).await;
            applied.map_or_else(Outcome::Failed, |service| Outcome::Service(Headless::of(node, &service)))
        }
        Effect::Submit(submission) => submit(context, node, intent, seen, submission).await,
        Effect::RemoveLegacyFinalizer => Outcome::Failed(Failure {
            class: Class::Invariant,
            message: "defect of the operator: a finalizer is removed where the SeiNode is written".into(),
        }),
    }
}

/// Creates the data PVC, or reads the one that is there already: whose it is, is for the core to judge.
async fn create_volume(context: &Context, node: &NodeRef, intent: &Intent) -> Outcome {
    let pvc = render::volume(node, intent, &context.platform);
    let name = names::data_volume(&node.name);
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &node.namespace);
    let created = match api.create(&parameters(), &pvc).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => api.get(&name).await,
        created => created,
    };
    match created {
        Ok(pvc) => Outcome::Volume(Volume::of(node, &pvc)),
        Err(error) => Outcome::Failed(api_error::read(&error, &format!("create PVC {name}"))),
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

async fn submit(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: &Observation,
    submission: &Submission,
) -> Outcome {
    match seen.pod().and_then(|pod| context.sidecars.of(node, pod, intent.sidecar.port)) {
        Some(Ok(sidecar)) => sidecar.submit(submission).await,
        Some(Err(silence)) => Outcome::Silent(silence),
        None => Outcome::Silent(Silence::Refused),
    }
}

pub(crate) fn parameters() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
