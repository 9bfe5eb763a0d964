//! Fetches a fact that no watch brings: from the node's sidecar, or live from the API server. Changes nothing.

mod children;
mod keys;
mod pod_refusal;
mod rivals;

use std::time::Instant;

use k8s_openapi::{
    api::{
        batch::v1 as batch,
        core::v1::{PersistentVolume, PersistentVolumeClaim},
        storage::v1::StorageClass,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Api;
use seinode_api::{SeiNode, names};
use seinode_core::{
    adoption::{self, Estate},
    failure::{Class, Failure},
    import::{self, ImportFinding},
    intent::Intent,
    node::NodeRef,
    observation::{Job, Observation},
    query::{Fetched, Query},
    sidecar::Unreachable,
    storage::{self, BindingMode},
    subject::Subject,
};

use crate::{api_error, context::Context, sidecar::Sidecar};

/// Fetches a fact.
pub(crate) async fn fetch(
    context: &Context,
    subject: &Subject,
    seen: &Observation,
    query: &Query,
) -> Fetched {
    let node = &subject.node;
    let Some(intent) = subject.readable() else { return without_intent() };
    match query {
        Query::Task(id) => Fetched::Task(
            *id,
            match sidecar(context, node, intent, seen) {
                Ok(sidecar) => sidecar.task(*id).await,
                Err(unreachable) => Err(unreachable),
            },
        ),
        Query::RunningTasks => Fetched::RunningTasks(match sidecar(context, node, intent, seen) {
            Ok(sidecar) => sidecar.running().await,
            Err(unreachable) => Err(unreachable),
        }),
        Query::NodeId(pod) => Fetched::NodeId(
            pod.clone(),
            match sidecar(context, node, intent, seen) {
                Ok(sidecar) => sidecar.node_id().await,
                Err(unreachable) => Err(unreachable),
            },
        ),
        Query::Pod => children::pod(context, node, seen).await.unwrap_or_else(Fetched::Failed),
        Query::Health => Fetched::Health(match sidecar(context, node, intent, seen) {
            Ok(sidecar) => {
                let begun = Instant::now();
                let answer = sidecar.health().await;
                context.metrics.probe(&node.namespace, &answer, begun.elapsed());
                answer
            }
            Err(unreachable) => Err(unreachable),
        }),
        Query::Keys => keys::read(context, node, intent, seen).await,
        Query::Import => {
            let found = imported(context, node, intent).await;
            Fetched::Import(found.unwrap_or_else(ImportFinding::Unread))
        }
        Query::Rivals(resource) => match rivals::live(context, subject, seen, resource).await {
            Ok(rivals) => Fetched::Rivals(resource.clone(), rivals),
            Err(failure) => Fetched::Failed(failure),
        },
        Query::Job => job(context, node).await.map_or_else(Fetched::Failed, Fetched::Job),
        Query::StatefulSet => {
            children::stateful_set(context, node, intent).await.unwrap_or_else(Fetched::Failed)
        }
        Query::Service => children::service(context, node, intent).await.unwrap_or_else(Fetched::Failed),
        Query::Data => children::data(context, node, intent).await,
        Query::BindingMode(class) => Fetched::BindingMode(binding_mode(context, class).await),
        Query::PodRefusal(controller) => pod_refusal::read(context, node, seen, controller).await,
        Query::LeftBehind(from) => {
            left_behind(context, subject, seen, from).await.map_or_else(Fetched::Failed, Fetched::LeftBehind)
        }
    }
}

/// Remains of a SeiNode that is gone under the node's name. First everybody who may use it: who comes later sees the node.
async fn left_behind(
    context: &Context,
    subject: &Subject,
    seen: &Observation,
    from: &str,
) -> Result<Estate, Failure> {
    let volume = adoption::volume(&subject.node);
    let rivals = rivals::live(context, subject, seen, &volume).await?;
    let children = children::left_behind(context, &subject.node, from).await?;
    Ok(Estate { rivals, children })
}

/// The metadata of a SeiNode, live; `None` when it is gone. The watch may be behind.
pub(crate) async fn metadata(context: &Context, node: &NodeRef) -> Result<Option<ObjectMeta>, Failure> {
    let name = &node.name;
    let api: Api<SeiNode> = Api::namespaced(context.client.clone(), &node.namespace);
    let found = api.get_metadata_opt(name).await;
    let found = found.map_err(|error| api_error::read(&error, &format!("get SeiNode {name}")))?;
    Ok(found.map(|found| found.metadata))
}

/// The sidecar of the pod that was seen.
///
/// # Errors
/// When there is none or it has no address.
pub(crate) fn sidecar(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: &Observation,
) -> Result<Sidecar, Unreachable> {
    let sidecar = seen.host().and_then(|pod| context.sidecars.of(node, pod, intent.sidecar.port));
    sidecar.ok_or(Unreachable::Refused)
}

async fn job(context: &Context, node: &NodeRef) -> Result<Option<Job>, Failure> {
    let name = names::bootstrap_job(&node.name);
    let api: Api<batch::Job> = Api::namespaced(context.client.clone(), &node.namespace);
    let job = api.get_opt(&name).await;
    let job = job.map_err(|error| api_error::read(&error, &format!("get Job {name}")))?;
    Ok(job.map(|job| Job::of(node, &job)))
}

/// The imported PVC and the volume below it: neither is watched, for neither is ours.
async fn imported(context: &Context, node: &NodeRef, intent: &Intent) -> Result<ImportFinding, Failure> {
    let name = intent.data_volume(node);
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &node.namespace);
    let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
    let failed = |what: String| move |error: kube::Error| api_error::read(&error, &what);
    let claim = claims.get_opt(&name).await.map_err(failed(format!("get PVC {name}")))?;
    if let Some((pvc, class)) = claim.as_ref().and_then(|pvc| Some((pvc, storage::pending_class(pvc)?)))
        && let Some(finding) = import::waits(&name, pvc, binding_mode(context, class).await)
    {
        return Ok(finding);
    }
    let volume = match claim.as_ref().and_then(import::volume_name) {
        Some(volume) => {
            volumes.get_opt(volume).await.map_err(failed(format!("get PersistentVolume {volume}")))?
        }
        None => None,
    };
    let least = import::least_size(intent, &context.platform);
    Ok(import::judge(&name, &node.namespace, claim.as_ref(), volume.as_ref(), least))
}

/// The binding mode of a storage class. Without the right to read it nobody waits for it.
async fn binding_mode(context: &Context, class: &str) -> BindingMode {
    let found = Api::<StorageClass>::all(context.client.clone()).get_opt(class).await;
    found.map_or(BindingMode::Unknown, |found| BindingMode::of(found.as_ref()))
}

/// A fetched fact that says why nothing could be fetched.
fn without_intent() -> Fetched {
    Fetched::Failed(Failure {
        class: Class::Invariant,
        message: "defect of the operator: something is fetched for a spec that cannot be read".into(),
    })
}
