//! Watch over the rollouts of a namespace, which checks two promises at the end:
//!
//! - `status.currentImage` never moves to an image before a pod of the node runs it;
//! - the operator never deletes a pod that is of the StatefulSet's present revision.
//!
//! It never steers anything. Three watches fill one history, ordered by `resourceVersion`, which in one etcd counts all
//! changes of all kinds.

mod history;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use jiff::SignedDuration;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::StatefulSet, core::v1::Pod},
};
use kube::{
    Resource,
    runtime::{WatchStreamExt, watcher},
};
use seinode_api::SeiNode;
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinHandle};

pub use history::PodStory;
use history::{History, Moment};

use super::{Namespace, eventually, within};

/// A running watch; it ends when it is dropped.
pub struct RolloutWatch {
    namespace: String,
    audit_log: std::path::PathBuf,
    history: Arc<Mutex<History>>,
    tasks: Vec<JoinHandle<()>>,
}

impl RolloutWatch {
    /// Begins to watch. Returns when all existing objects are known.
    pub async fn begin(ns: &Namespace) -> Self {
        let history = Arc::<Mutex<History>>::default();
        let tasks = vec![
            follow::<StatefulSet>(ns, &history, History::set).await,
            follow::<Pod>(ns, &history, History::pod).await,
            follow::<SeiNode>(ns, &history, History::node).await,
        ];
        let audit_log = ns.world.cluster.audit_log().unwrap();
        Self { namespace: ns.name.clone(), audit_log, history, tasks }
    }

    /// The pods of a node, in order of creation.
    pub fn pods(&self, node: &str) -> Vec<PodStory> {
        self.history.lock().unwrap().pods_of(node)
    }

    /// The images that `status.currentImage` moved to, in order.
    /// The watch may be behind what the scenario has read: this is the last of them.
    pub async fn reported_images(&self, node: &str, last: &str) -> Vec<String> {
        eventually(&format!("{node} reports {last}"), async || {
            let reported = self.history.lock().unwrap().reported_images(node);
            if reported.last().is_some_and(|image| image == last) { Ok(reported) } else { Err(reported) }
        })
        .await
    }

    /// Fails with what happened if a promise was broken.
    pub fn holds(&self) {
        let history = self.history.lock().unwrap();
        let early = history.reported_too_early();
        assert!(early.is_empty(), "currentImage moved before a pod ran it: {early:#?}\n{history:#?}");
        let needless: Vec<_> =
            history.deleted_at_target().filter(|pod| self.deleted_by_operator(pod, &history)).collect();
        assert!(needless.is_empty(), "deleted by the operator at the target: {needless:#?}\n{history:#?}");
    }

    /// The record of requests does not name UIDs; that a request of the operator took effect right before the watch saw
    /// it is enough to suspect it.
    fn deleted_by_operator(&self, pod: &PodStory, history: &History) -> bool {
        let Some(deleted) = &pod.deleted else { return false };
        // What came before its predecessor went was the end of that one.
        let before = history.pods().iter().filter_map(|other| other.deleted.as_ref()).map(|other| other.seen);
        let before = before.filter(|seen| *seen < deleted.seen).max();
        let since = before.unwrap_or_default().max(deleted.seen - SignedDuration::from_secs(1));
        let requests = devcluster::audit::requests(&self.audit_log, since).unwrap();
        requests.iter().any(|it| {
            it.user_agent.starts_with("seinode-operator/")
                && (&*it.verb, &*it.resource, it.code) == ("delete", "pods", 200)
                && (&it.namespace, &it.name) == (&self.namespace, &pod.name)
                && it.received <= deleted.seen
        })
    }
}

impl Drop for RolloutWatch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Follows the objects of one kind; returns when all that are there were seen.
async fn follow<K>(
    ns: &Namespace,
    history: &Arc<Mutex<History>>,
    record: fn(&mut History, Moment, &K),
) -> JoinHandle<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let (api, history) = (ns.api::<K>(), Arc::clone(history));
    let (began, mut begins) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        while let Some(event) = events.next().await {
            let (object, stays) = match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => (object, true),
                Ok(watcher::Event::Delete(object)) => (object, false),
                Ok(watcher::Event::InitDone) => {
                    began.send_replace(true);
                    continue;
                }
                Ok(watcher::Event::Init) | Err(_) => continue,
            };
            let moment = Moment::of(object.meta(), stays, *began.borrow());
            record(&mut history.lock().unwrap(), moment, &object);
        }
    });
    let what = format!("the watch of {} begins", K::plural(&()));
    within(&what, begins.wait_for(|begun| *begun)).await.unwrap();
    task
}
