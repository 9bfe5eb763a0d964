//! Requests of a rollout to the API server.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::Event;
use scenario::scenario;
use sidecar_sim::Delay;

use super::running;
use crate::kit::{Kit, Namespace, eventually, namespace::condition_status};

/// Requests of the operator for a change of the image, events included, watches excluded.
const MOST: usize = 10;

#[scenario]
async fn a_rollout_takes_ten_requests_at_most(kit: Arc<Kit>) {
    let (ns, _operator) = running(&kit).await;
    settled(&ns, 1).await;
    for (plans, tag, delay) in [(2, "v2", Duration::ZERO), (3, "v3", Duration::from_secs(3))] {
        ns.sidecar("n0").behaviour().start_delay(Delay::Fixed(delay));
        let begun = Timestamp::now();
        ns.image("n0", tag).await;
        ns.rolled("n0", tag).await;
        settled(&ns, plans).await;
        let offset = |at: Timestamp| SignedDuration::as_millis(&at.duration_since(begun));
        let sent: Vec<_> = ns
            .requests(begun)
            .iter()
            .map(|it| format!("{:>5} ms {} {} {}", offset(it.received), it.verb, it.resource, it.subresource))
            .collect();
        assert!((5..=MOST).contains(&sent.len()), "sidecar after {delay:?}: {} {sent:#?}", sent.len());
    }
}

/// Waits until nothing more is to be said of the plans so far: every one is told complete, and the status says that the pod
/// is Ready too.
async fn settled(ns: &Namespace, plans: usize) {
    eventually("the last event is there", async || {
        let events = ns.api::<Event>().list(&Default::default()).await.unwrap().items;
        let reported = events.iter().filter(|event| event.reason.as_deref() == Some("PlanComplete")).count();
        if reported == plans { Ok(()) } else { Err(reported) }
    })
    .await;
    ns.node_until("n0", "is Available", |status| condition_status(status, "Available") == "True").await;
}
