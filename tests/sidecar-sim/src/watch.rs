//! The watches of pods and claims: what is seen is handed to the [`World`](crate::world::World), nothing else.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt as _, utils::Backoff, watcher},
};

use crate::{
    process::{NODE_LABEL, PodView},
    shared::Shared,
};

/// Follows the pods of nodes, in all namespaces, for ever.
pub(crate) async fn follow_pods(client: Client, shared: Arc<Shared>) {
    let config = watcher::Config::default().labels(NODE_LABEL);
    let events = watcher(Api::<Pod>::all(client), config).backoff(Steady);
    mirror(events, |pod, presence| {
        let Some(view) = PodView::of(pod) else { return };
        shared.change(|world, now| match presence {
            Presence::Seen => world.pod_seen(view, now),
            Presence::Gone => world.pod_gone(&view.node, &view.uid, now),
        });
    })
    .await;
}

/// Follows all claims, in all namespaces, for ever: an adopted volume carries no label of ours.
pub(crate) async fn follow_claims(client: Client, shared: Arc<Shared>) {
    let events =
        watcher(Api::<PersistentVolumeClaim>::all(client), watcher::Config::default()).backoff(Steady);
    mirror(events, |claim, presence| {
        let (Some(namespace), Some(uid)) = (claim.namespace(), claim.uid()) else { return };
        let name = claim.name_any();
        shared.change(|world, now| match presence {
            Presence::Seen => world.claim_seen(&namespace, &name, &uid, now),
            Presence::Gone => world.claim_gone(&namespace, &name, &uid, now),
        });
    })
    .await;
}

/// Constant delay between attempts to watch. kube's default grows to half a minute, so a test that stops the API server
/// on purpose would wait that long for the sidecars.
#[derive(Clone, Copy, Debug)]
struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(500))
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}

/// Presence of an object.
#[derive(Clone, Copy)]
enum Presence {
    Seen,
    Gone,
}

/// Tells of every object that comes, changes or goes; also of those that went while the watch was broken.
async fn mirror<K: ResourceExt>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>>,
    mut tell: impl FnMut(&K, Presence),
) {
    let mut known: BTreeMap<String, K> = BTreeMap::new();
    let mut listed: BTreeMap<String, K> = BTreeMap::new();
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(object)) => {
                tell(&object, Presence::Seen);
                known.insert(key(&object), object);
            }
            Ok(watcher::Event::Delete(object)) => {
                tell(&object, Presence::Gone);
                known.remove(&key(&object));
            }
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(object)) => {
                listed.insert(key(&object), object);
            }
            Ok(watcher::Event::InitDone) => {
                for gone in known.iter().filter(|(key, _)| !listed.contains_key(*key)) {
                    tell(gone.1, Presence::Gone);
                }
                known = std::mem::take(&mut listed);
                known.values().for_each(|object| tell(object, Presence::Seen));
            }
            Err(error) => tracing::debug!(%error, "the simulated sidecar's watch is interrupted"),
        }
    }
}

/// By UID: an object that was replaced under the same name is another object.
fn key(object: &impl ResourceExt) -> String {
    object.uid().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    fn claim(name: &str, uid: &str) -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns", "uid": uid}})).unwrap()
    }

    #[tokio::test]
    async fn objects_that_went_while_the_watch_was_broken_are_told() {
        let events = [
            Event::Init,
            Event::InitApply(claim("a", "1")),
            Event::InitApply(claim("b", "2")),
            Event::InitDone,
            Event::Apply(claim("c", "3")),
            Event::Delete(claim("b", "2")),
            Event::Init,
            Event::InitApply(claim("a", "4")),
            Event::InitDone,
        ];
        let mut seen = Vec::new();
        mirror(stream::iter(events.map(Ok)), |claim: &PersistentVolumeClaim, presence| {
            let sign = match presence {
                Presence::Seen => '+',
                Presence::Gone => '-',
            };
            seen.push(format!("{sign}{}", claim.uid().unwrap()));
        })
        .await;
        assert_eq!(seen, ["+1", "+2", "+3", "-2", "-1", "-3", "+4"]);
    }
}
