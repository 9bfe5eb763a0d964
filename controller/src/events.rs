//! Publishes Kubernetes events, after the status that they are about is stored.
//!
//! Events go through a bounded queue; one that cannot be sent is counted and dropped. No reconcile ever waits for one or
//! fails because of one, and where the API server is busy events give way to the work that they report. Repeated events of
//! one object with the same words become one event with a growing count.

mod dedup;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{self as v1, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use seinode_api::names;
use seinode_core::events::{Event, Severity};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use self::dedup::{Dedup, Repetition};
use crate::{api_error, metrics::Metrics};

/// Longest note that the API server takes (events.k8s.io/v1).
const MAX_NOTE: usize = 1024;
/// Events that wait to be sent; more are dropped.
const QUEUE: usize = 4096;
/// After each event its sender rests so many times as long as the request took, so that it takes a quarter of one
/// connection's time at most.
const REST: u32 = 3;
/// It never rests longer.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The end of the queue that reconciles put events into.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: mpsc::Sender<v1::Event>,
    instance: Arc<str>,
    metrics: Metrics,
}

impl Publisher {
    /// Makes a queue; the returned future sends what is put into it until every publisher is gone.
    pub(crate) fn new(
        client: Client,
        instance: &str,
        metrics: Metrics,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, queued) = mpsc::channel(QUEUE);
        let sender = send_all(client, queued, metrics.clone());
        (Self { queue, instance: instance.into(), metrics }, sender)
    }

    /// Publishes events about an object, as it is stored now.
    pub(crate) fn publish<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        events: &[Event],
        now: Timestamp,
    ) {
        for (index, event) in events.iter().enumerate() {
            if self.queue.try_send(self.event(object, event, index, now)).is_err() {
                self.metrics.event("dropped");
            }
        }
    }

    fn event<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        event: &Event,
        index: usize,
        now: Timestamp,
    ) -> v1::Event {
        let Event { severity, reason, action, note } = event;
        let version = object.resource_version().unwrap_or_default();
        // The same event of the same version of an object has one name: sent twice, it is stored once.
        let identity = format!("{:?}/{version}/{reason}/{index}", object.uid());
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, identity.as_bytes()).simple().to_string();
        v1::Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{}", object.name_any(), hash.get(..16).unwrap_or(&hash))),
                namespace: object.namespace(),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            type_: Some(match severity {
                Severity::Normal => "Normal".to_owned(),
                Severity::Warning => "Warning".to_owned(),
            }),
            reason: Some((*reason).to_owned()),
            action: Some((*action).to_owned()),
            note: Some(shorten(note)),
            regarding: Some(ObjectReference { resource_version: None, ..object.object_ref(&()) }),
            reporting_controller: Some(names::FIELD_MANAGER.to_owned()),
            reporting_instance: Some(self.instance.to_string()),
            ..v1::Event::default()
        }
    }
}

async fn send_all(client: Client, mut queued: mpsc::Receiver<v1::Event>, metrics: Metrics) {
    let mut dedup = Dedup::default();
    while let Some(event) = queued.recv().await {
        let namespace = event.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let name = event.metadata.name.clone().unwrap_or_default();
        let api: Api<v1::Event> = Api::namespaced(client.clone(), &namespace);
        let begin = Instant::now();
        let sent = match dedup.repetition(&event, begin) {
            Repetition::None => api.create(&PostParams::default(), &event).await.map(drop),
            Repetition::Counted => {
                metrics.event("counted");
                continue;
            }
            Repetition::Reported { first, count } => {
                let series = EventSeries {
                    count,
                    last_observed_time: event.event_time.clone().unwrap_or(MicroTime(Timestamp::UNIX_EPOCH)),
                };
                let series = json!({ "series": series });
                api.patch(&first, &PatchParams::default(), &Patch::Merge(series)).await.map(drop)
            }
        };
        match sent {
            Ok(()) => metrics.event("sent"),
            Err(error) if api_error::is_taken(&error) => metrics.event("sent"),
            Err(error) => {
                metrics.event("failed");
                tracing::debug!(event = name, %error, "an event could not be stored");
            }
        }
        // At the end there is no work left to give way to.
        if !queued.is_closed() {
            tokio::time::sleep(begin.elapsed().saturating_mul(REST).min(LONGEST_REST)).await;
        }
    }
}

fn shorten(note: &str) -> String {
    if note.len() <= MAX_NOTE {
        return note.to_owned();
    }
    let most = MAX_NOTE.saturating_sub('…'.len_utf8());
    let kept = (0..=most).rev().find_map(|end| note.get(..end)).unwrap_or_default();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_fits_what_the_api_server_takes() {
        assert_eq!(shorten("short"), "short");
        let long = "ä".repeat(600);
        let cut = shorten(&long);
        assert!(cut.len() <= MAX_NOTE && cut.ends_with('…'), "{}", cut.len());
    }
}
