//! Reads what the controller of a StatefulSet or a Job reports about a pod that it cannot make.

use k8s_openapi::api::core::v1::Event;
use kube::{Api, api::ListParams};
use seinode_core::{
    node::NodeRef,
    observation::{FAILED_CREATE, Observation, PodRefusal},
    query::Fetched,
};

use crate::{api_error, context::Context};

/// Most events that are read: those of one controller with one reason differ by their message only.
const MOST: u32 = 50;

/// The report of the controller of this UID.
pub(super) async fn read(context: &Context, node: &NodeRef, seen: &Observation, controller: &str) -> Fetched {
    let api: Api<Event> = Api::namespaced(context.client.clone(), &node.namespace);
    let selector = format!("involvedObject.uid={controller},reason={FAILED_CREATE}");
    let events = api.list(&ListParams::default().fields(&selector).limit(MOST)).await;
    Fetched::PodRefusal(match events {
        Ok(events) => PodRefusal::of(&events.items, seen.now),
        Err(error) => PodRefusal::Unread(api_error::read(
            &error,
            &format!("list events about the pod of {}", node.name),
        )),
    })
}
