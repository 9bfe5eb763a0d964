//! The headless Service: applied as a whole, and its ports put in order where server-side apply cannot do it.

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::{Api, ResourceExt};
use seinode_core::{
    effect::Outcome,
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::ServiceView,
    render,
};
use serde_json::json;

use super::{Known, repair};
use crate::{api_error, context::Context};

/// Server-side apply of the Service that was seen, or of a new one. Where it is refused because one of our ports has another
/// number now, the ports are written as a whole; those that others added stay. One that was seen is named by its UID: the
/// next of the name may be another SeiNode's.
pub(super) async fn apply(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: Option<&ServiceView>,
) -> Result<Outcome, Failure> {
    let mut wanted = render::service(node, intent);
    wanted.metadata.uid = seen.map(|service| service.uid.clone());
    let applied = match super::apply(context, node, &wanted, Known::of(seen)).await {
        Err(refused)
            if refused.class == Class::User && seen.is_some_and(|service| service.owner == Owner::Us) =>
        {
            let api: Api<Service> = Api::namespaced(context.client.clone(), &node.namespace);
            let live = api.get(&node.name).await;
            let live =
                live.map_err(|error| api_error::read(&error, &format!("get Service {}", node.name)))?;
            let version = live.resource_version().unwrap_or_default();
            let parts = vec![("/spec/ports", json!(with_theirs(&wanted, &live)))];
            repair::replace(context, node, &version, wanted, parts).await?
        }
        other => other?,
    };
    Ok(Outcome::ServiceApplied(ServiceView::of(node, &applied)))
}

/// Server-side apply of the bootstrap Job's Service.
pub(super) async fn apply_for_bootstrap(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: Option<&ServiceView>,
) -> Result<Outcome, Failure> {
    let mut wanted = render::bootstrap_service(node, intent);
    wanted.metadata.uid = seen.map(|service| service.uid.clone());
    let applied = super::apply(context, node, &wanted, Known::of(seen)).await?;
    Ok(Outcome::BootstrapServiceApplied(ServiceView::of(node, &applied)))
}

/// Our ports, and those that others added under names of their own.
fn with_theirs(wanted: &Service, live: &Service) -> Vec<ServicePort> {
    let ports =
        |service: &Service| service.spec.iter().flat_map(|spec| spec.ports.clone()).flatten().collect();
    let mut all: Vec<ServicePort> = ports(wanted);
    let theirs: Vec<ServicePort> = ports(live);
    let ours: Vec<_> = all.iter().map(|port| port.name.clone()).collect();
    all.extend(theirs.into_iter().filter(|port| !ours.contains(&port.name)));
    all
}
