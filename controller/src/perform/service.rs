//! The headless Service: applied as a whole, and its ports put in order where server-side apply cannot do it.

use k8s_openapi::api::core::v1::Service;
use kube::{Api, ResourceExt};
use seinode_core::{
    edits::{self, Edit},
    effect::Outcome,
    failure::{Class, Failure},
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Observation, ServiceView},
    render,
};
use serde_json::Value;

use super::{Known, repair};
use crate::{api_error, context::Context};

/// Server-side apply of the Service that was seen, or of a new one, but for the edits that are left as they are. Where it is
/// refused because one of our ports has another number now, the ports are written as a whole; those that others added stay.
/// One that was seen is named by its UID: the next of the name may be another SeiNode's.
pub(super) async fn apply(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: &Observation,
    left: &[Edit],
) -> Result<Outcome, Failure> {
    let (service, edits) = (seen.service.as_ref(), seen.live_service.as_ref());
    let edits = edits.map_or(&[][..], |live| live.edits.as_slice());
    let uid = service.map(|service| service.uid.as_str());
    let rendered = super::wire(&render::service(node, intent), uid, None)?;
    let wanted = edits::without(rendered.clone(), left);
    let applied: Service = match super::apply(context, node, &wanted, Known::of(service)).await {
        Err(refused)
            if refused.class == Class::User && service.is_some_and(|service| service.owner == Owner::Us) =>
        {
            let api: Api<Service> = Api::namespaced(context.client.clone(), &node.namespace);
            let live = api.get(&node.name).await;
            let live =
                live.map_err(|error| api_error::read(&error, &format!("get Service {}", node.name)))?;
            let version = live.resource_version().unwrap_or_default();
            let ports = with_theirs(&edits::grafted(rendered, left), &live);
            repair::replace(context, node, &version, wanted, vec![("/spec/ports", ports)]).await?
        }
        other => other?,
    };
    let live = serde_json::to_value(&applied).unwrap_or_default();
    Ok(Outcome::ServiceApplied(ServiceView::of(node, &applied), edits::kept(edits, &live)))
}

/// Server-side apply of the bootstrap Job's Service.
pub(super) async fn apply_for_bootstrap(
    context: &Context,
    node: &NodeRef,
    intent: &Intent,
    seen: Option<&ServiceView>,
) -> Result<Outcome, Failure> {
    let uid = seen.map(|service| service.uid.as_str());
    let wanted = super::wire(&render::bootstrap_service(node, intent), uid, None)?;
    let applied = super::apply(context, node, &wanted, Known::of(seen)).await?;
    Ok(Outcome::BootstrapServiceApplied(ServiceView::of(node, &applied)))
}

/// Our ports, and those that others added under names of their own.
fn with_theirs(wanted: &Value, live: &Service) -> Value {
    let mut all = wanted.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let ours: Vec<_> = all.iter().map(|port| port.get("name").cloned()).collect();
    let theirs = live.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let theirs = theirs.filter_map(|port| serde_json::to_value(port).ok());
    all.extend(theirs.filter(|port| !ours.contains(&port.get("name").cloned())));
    all.into()
}
