//! The bootstrap Job and its Service. What is deleted is named by its UID, and only what the core has judged ours.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        batch::v1 as batch,
        core::v1::{Pod, Service},
    },
};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Preconditions},
};
use seinode_api::names;
use seinode_core::{
    effect::{JobRun, Outcome},
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Job, Observation, Run, StatefulSetView},
    render,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::merge;
use crate::{api_error, context::Context, persist::parameters};

/// Creates the Job, or reads the one that is there already.
///
/// Two pods on one volume must never exist at the same time (W20). So it is made sure, live, that no pod of the node is
/// there and its own cannot come back: the caches may be behind.
pub(super) async fn create(context: &Context, node: &NodeRef, intent: &Intent) -> Result<Outcome, Failure> {
    let Some(job) = render::bootstrap_job(node, intent, &context.platform) else {
        let message = "defect of the operator: a bootstrap Job is made where the spec wants none".into();
        return Err(Failure { class: Class::Invariant, message });
    };
    if let Some(set) = get::<StatefulSet>(context, node, &node.name).await? {
        let sts = StatefulSetView::of(node, &set);
        if sts.owner != Owner::Us || sts.replicas > 0 {
            return Ok(Outcome::VolumeInUse(sts));
        }
    }
    // Also that of an earlier Job: one that somebody deleted leaves its pod behind for a moment.
    let of_node = ListParams::default().labels(&format!("{}={}", names::NODE_LABEL, node.name));
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &node.namespace);
    let pods = pods.list(&of_node).await;
    let pods = pods.map_err(|error| api_error::read(&error, &format!("list the pods of {}", node.name)))?;
    if let Some(pod) =
        pods.items.iter().map(seinode_core::observation::Pod::of).find(|pod| pod.run == Run::Lives)
    {
        let message = format!("pod {} is going, and has the volume until then", pod.name);
        return Err(Failure { class: Class::Transient, message });
    }
    let name = names::bootstrap_job(&node.name);
    let api: Api<batch::Job> = Api::namespaced(context.client.clone(), &node.namespace);
    let created = match api.create(&parameters(), &job).await {
        Err(error) if api_error::is_taken(&error) => api.get(&name).await,
        created => created,
    };
    let job = created.map_err(|error| api_error::read(&error, &format!("create Job {name}")))?;
    Ok(Outcome::Job(Job::of(node, &job)))
}

/// Suspends the Job that was seen, or lets it go on.
pub(super) async fn suspend(
    context: &Context,
    node: &NodeRef,
    seen: &Observation,
    run: JobRun,
) -> Result<Outcome, Failure> {
    let uid = seen.job.as_ref().map(|job| job.uid.as_str()).unwrap_or_default();
    let change = json!({"metadata": {"uid": uid}, "spec": {"suspend": run == JobRun::Suspended}});
    let job: batch::Job = merge(context, node, &names::bootstrap_job(&node.name), "suspend", change).await?;
    Ok(Outcome::Job(Job::of(node, &job)))
}

/// Deletes the Job, its pods first: it is gone when they are (Kubernetes: foreground cascading deletion).
pub(super) async fn delete_job(context: &Context, node: &NodeRef, uid: &str) -> Result<Outcome, Failure> {
    let name = names::bootstrap_job(&node.name);
    delete::<batch::Job>(context, node, &name, uid, DeleteParams::foreground()).await?;
    Ok(Outcome::JobDeleted)
}

/// Deletes the Service. Nothing has to be gone before it: the node's own is to take its name soon.
pub(super) async fn delete_service(context: &Context, node: &NodeRef, uid: &str) -> Result<Outcome, Failure> {
    delete::<Service>(context, node, &node.name, uid, DeleteParams::background()).await?;
    Ok(Outcome::ServiceDeleted)
}

async fn delete<K>(
    context: &Context,
    node: &NodeRef,
    name: &str,
    uid: &str,
    how: DeleteParams,
) -> Result<(), Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let of_uid = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    match api.delete(name, &how.preconditions(of_uid)).await {
        Ok(_) => Ok(()),
        Err(error) if api_error::is_missing(&error) => Ok(()),
        Err(error) => Err(api_error::read(&error, &format!("delete {} {name}", K::kind(&())))),
    }
}

async fn get<K>(context: &Context, node: &NodeRef, name: &str) -> Result<Option<K>, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let found = api.get_opt(name).await;
    found.map_err(|error| api_error::read(&error, &format!("get {} {name}", K::kind(&()))))
}
