//! Reads a node's children live, and who changed them.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{self as core, PersistentVolumeClaim, Service},
    },
};
use kube::{Api, Resource};
use seinode_core::{
    adoption::{Child, Found},
    edits,
    failure::{Class, Failure},
    intent::Intent,
    node::NodeRef,
    observation::{DataCheck, LiveService, LiveStatefulSet, Observation, Pod, ServiceView, StatefulSetView},
    query::Fetched,
    render,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{api_error, context::Context};

/// The StatefulSet.
pub(super) async fn stateful_set(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
) -> Result<Fetched, Failure> {
    let Some(set) = get::<StatefulSet>(context, node, &node.name).await? else {
        let nothing = LiveStatefulSet { stateful_set: None, edits: Vec::new(), scaled_by: None };
        return Ok(Fetched::StatefulSet(nothing));
    };
    let live = json("StatefulSet", &set)?;
    let rendered = json("StatefulSet", &render::stateful_set(node, intent, &context.platform))?;
    Ok(Fetched::StatefulSet(LiveStatefulSet {
        stateful_set: Some(StatefulSetView::of(node, &set)),
        edits: edits::of("StatefulSet", &live, &rendered),
        scaled_by: edits::who_scaled(&live),
    }))
}

/// The Service.
pub(super) async fn service(context: &Context, node: &NodeRef, intent: &Intent) -> Result<Fetched, Failure> {
    let Some(service) = get::<Service>(context, node, &node.name).await? else {
        return Ok(Fetched::Service(LiveService { service: None, edits: Vec::new() }));
    };
    let edits =
        edits::of("Service", &json("Service", &service)?, &json("Service", &render::service(node, intent))?);
    Ok(Fetched::Service(LiveService { service: Some(ServiceView::of(node, &service)), edits }))
}

/// The pod whose sidecar tasks are submitted to.
pub(super) async fn pod(context: &Context, node: &NodeRef, seen: &Observation) -> Result<Fetched, Failure> {
    let Some(host) = seen.host() else { return Ok(Fetched::Pod(None)) };
    let pod = get::<core::Pod>(context, node, &host.name).await?;
    Ok(Fetched::Pod(pod.map(|pod| Box::new(Pod::of(&pod)))))
}

/// The data PVC, imported or not.
pub(super) async fn data(context: &Context, node: &NodeRef, intent: &Intent) -> Fetched {
    let name = intent.data_volume(node);
    match get::<PersistentVolumeClaim>(context, node, &name).await {
        Ok(pvc) => Fetched::Data(DataCheck::of(pvc.as_ref())),
        Err(failure) => Fetched::Data(DataCheck::Unread(failure)),
    }
}

/// The children under the node's name, whosever they are.
pub(super) async fn left_behind(
    context: &Context,
    node: &NodeRef,
    from: &str,
) -> Result<Vec<Found>, Failure> {
    let name = |child: Child| child.name(node);
    let sts = get::<StatefulSet>(context, node, &name(Child::StatefulSet)).await?;
    let service = get::<Service>(context, node, &name(Child::Service)).await?;
    let volume = get::<PersistentVolumeClaim>(context, node, &name(Child::Volume)).await?;
    let all = [
        (Child::StatefulSet, sts.map(|sts| sts.metadata)),
        (Child::Service, service.map(|service| service.metadata)),
        (Child::Volume, volume.map(|volume| volume.metadata)),
    ];
    let found = |(child, meta): (Child, Option<_>)| meta.map(|meta| Found::of(child, node, from, &meta));
    Ok(all.into_iter().filter_map(found).collect())
}

async fn get<K>(context: &Context, node: &NodeRef, name: &str) -> Result<Option<K>, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &node.namespace);
    let found = api.get_opt(name).await;
    found.map_err(|error| api_error::read(&error, &format!("get {} {name}", K::kind(&()))))
}

fn json(kind: &str, object: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(object).map_err(|error| Failure {
        class: Class::Invariant,
        message: format!("defect of the operator: a {kind} is no JSON: {error}"),
    })
}
