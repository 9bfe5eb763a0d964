//! Tells people: events, after the status they speak of is stored.
//!
//! Events are news, not records: they go through a bounded queue, and one that cannot be sent is counted and
//! forgotten. No pass ever waits for one or fails because of one, and where the API server is busy events give way to the
//! work that they tell of. What is said again and again of the same object in the
//! same words becomes one event that is counted up.

mod said;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
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

use self::said::{Again, Said};
use crate::metrics::Metrics;

/// Longest note that the API server takes (events.k8s.io/v1).
const MAX_NOTE: usize = 1024;
/// News that wait to be sent; more than that are dropped.
const QUEUE: usize = 4096;
/// After each event its sender rests so many times as long as the request took, so that it takes a quarter of one
/// connection's time at most.
const REST: u32 = 3;
/// It never rests longer.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The end of the queue that passes put news into.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: mpsc::Sender<Event>,
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
        let (queue, news) = mpsc::channel(QUEUE);
        let sender = send_all(client, news, metrics.clone());
        (Self { queue, instance: instance.into(), metrics }, sender)
    }

    /// Announces what changed on an object, as it is stored now.
    pub(crate) fn publish<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        notices: &[Event],
        now: Timestamp,
    ) {
        for (index, events) in notices.iter().enumerate() {
            if self.queue.try_send(self.event(object, events, index, now)).is_err() {
                self.metrics.event("dropped");
            }
        }
    }

    fn event<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        events: &Event,
        index: usize,
        now: Timestamp,
    ) -> Event {
        let Event { severity, reason, action, note } = events;
        let version = object.resource_version().unwrap_or_default();
        // The same news of the same version of an object have one name: sent twice, they are stored once.
        let identity = format!("{:?}/{version}/{reason}/{index}", object.uid());
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, identity.as_bytes()).simple().to_string();
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{}", object.name_any(), &hash[..16])),
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
            ..Event::default()
        }
    }
}

async fn send_all(client: Client, mut news: mpsc::Receiver<Event>, metrics: Metrics) {
    let mut said = Said::default();
    while let Some(event) = news.recv().await {
        let namespace = event.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let name = event.metadata.name.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
        let begin = Instant::now();
        let sent = match said.again(&event, begin) {
            Again::Never => api.create(&PostParams::default(), &event).await.map(drop),
            Again::Counted => {
                metrics.event("counted");
                continue;
            }
            Again::CountedUp { first, count } => {
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
            Err(kube::Error::Api(status)) if status.is_already_exists() => metrics.event("sent"),
            Err(error) => {
                metrics.event("failed");
                tracing::debug!(event = name, %error, "an event could not be stored");
            }
        }
        // At the end there is no work left to give way to.
        if !news.is_closed() {
            tokio::time::sleep((begin.elapsed() * REST).min(LONGEST_REST)).await;
        }
    }
}

fn shorten(note: &str) -> String {
    if note.len() <= MAX_NOTE {
        return note.to_owned();
    }
    let end = (0..=MAX_NOTE - '…'.len_utf8()).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &note[..end])
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
