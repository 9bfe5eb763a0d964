//! The watch of pods on machines: each gets a worker of its own, by UID.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::shared::Shared;
use super::worker;
use crate::steady::Steady;

/// Worker of a pod; it ends when it is dropped.
struct Worker {
    pod: watch::Sender<Arc<Pod>>,
    _task: AbortOnDropHandle<()>,
}

/// Follows all pods that are bound to a machine, for as long as it is polled.
pub(super) async fn follow(shared: Arc<Shared>) {
    let bound = watcher::Config::default().fields("spec.nodeName!=");
    let events = watcher(Api::<Pod>::all(shared.client.clone()), bound).backoff(Steady);
    let mut events = std::pin::pin!(events);
    let mut workers: BTreeMap<String, Worker> = BTreeMap::new();
    let mut listed: Vec<String> = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(pod)) => see(&shared, &mut workers, pod),
            Ok(watcher::Event::Delete(pod)) => {
                workers.remove(&pod.uid().unwrap_or_default());
            }
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(pod)) => {
                listed.extend(pod.uid());
                see(&shared, &mut workers, pod);
            }
            Ok(watcher::Event::InitDone) => workers.retain(|uid, _| listed.contains(uid)),
            Err(error) => tracing::debug!(%error, "the kubelet's watch of pods is interrupted"),
        }
    }
}

fn see(shared: &Arc<Shared>, workers: &mut BTreeMap<String, Worker>, pod: Pod) {
    let uid = pod.uid().unwrap_or_default();
    let pod = Arc::new(pod);
    match workers.get(&uid) {
        Some(worker) => {
            worker.pod.send_replace(pod);
        }
        None => {
            let (sender, receiver) = watch::channel(pod);
            let task = tokio::spawn(worker::look_after(Arc::clone(shared), receiver));
            workers.insert(uid, Worker { pod: sender, _task: AbortOnDropHandle::new(task) });
        }
    }
}
