//! What a rollout has to keep to, watched while it goes on.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use devcluster::audit::{self, Request};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use seinode_api::{SeiNode, SeiNodeStatus};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Namespace, namespace::condition};

/// Watches the pods and the SeiNodes of a namespace.
pub struct RollingWatch {
    seen: Arc<Mutex<Seen>>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// Node and image of every `seid` container that ran.
    ran: BTreeSet<(String, String)>,
    /// What was told before it was so, with the pods' images of that moment.
    lies: Vec<String>,
    told: BTreeSet<(String, String)>,
}

impl RollingWatch {
    /// Begins to watch.
    pub fn start(ns: &Namespace) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (pods, nodes) = (Arc::clone(&seen), Arc::clone(&seen));
        let (pod_api, node_api) = (ns.api::<Pod>(), ns.api::<SeiNode>());
        let watch_pods = async move {
            let mut events = watcher(pod_api, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) = event {
                    pods.lock().unwrap().pod(&pod);
                }
            }
        };
        let watch_nodes = async move {
            let mut events = watcher(node_api, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(node) | watcher::Event::InitApply(node)) = event {
                    nodes.lock().unwrap().node(&node);
                }
            }
        };
        Self { seen, tasks: vec![tokio::spawn(watch_pods), tokio::spawn(watch_nodes)] }
    }

    /// `currentImage` never named an image that no pod of the node had run. Both watches may be behind each other, so what
    /// was told too early is looked at again at the end: only what never ran is a lie.
    pub fn holds(&self) {
        let mut seen = self.seen.lock().unwrap();
        let never: Vec<_> = seen.told.difference(&seen.ran).cloned().collect();
        seen.lies.extend(never.into_iter().map(|(node, image)| format!("{node} never ran {image}")));
        assert!(seen.lies.is_empty(), "{:#?}", seen.lies);
    }
}

impl Drop for RollingWatch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Seen {
    fn pod(&mut self, pod: &Pod) {
        let Some(node) = pod.labels().get("sei.io/node").cloned() else { return };
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let runs = statuses
            .filter(|it| it.name == "seid")
            .any(|it| it.state.as_ref().is_some_and(|state| state.running.is_some()));
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let image = containers.into_iter().find(|it| it.name == "seid").and_then(|it| it.image.clone());
        if let (true, Some(image)) = (runs, image) {
            self.ran.insert((node, image));
        }
    }

    fn node(&mut self, node: &SeiNode) {
        let image = node.status.as_ref().and_then(|status| status.current_image.clone());
        self.told.extend(image.map(|image| (node.name_any(), image)));
    }
}

impl Namespace {
    /// Asks for another image.
    pub async fn image(&self, node: &str, tag: &str) -> SeiNode {
        self.patch(node, json!({"spec": {"image": image(tag)}})).await
    }

    /// Waits until a node is rolled out: its pod, its status and its conditions are on this image.
    pub async fn rolled(&self, node: &str, tag: &str) -> SeiNode {
        let generation = self.api::<SeiNode>().get(node).await.unwrap().metadata.generation;
        let rolled = self
            .node_until(node, &format!("is rolled out to {tag}"), |status| {
                let update = condition(status, "NodeUpdateInProgress");
                status.plan.is_none()
                    && status.observed_generation == generation
                    && status.current_image == Some(image(tag))
                    && update.is_some_and(|it| it.reason == "UpdateComplete")
                    && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
            })
            .await;
        assert_eq!(rolled.spec.image, image(tag));
        assert_eq!(seid_image(&self.pod(node).await), image(tag));
        assert!(self.sidecar(node).is_ready(), "its gate is open");
        rolled
    }

    /// The pod of a node.
    pub async fn pod(&self, node: &str) -> Pod {
        self.api::<Pod>().get(&format!("{node}-0")).await.unwrap()
    }

    /// What the operator of this namespace asked of the API server, watches aside.
    pub fn asked(&self, since: Timestamp) -> Vec<Request> {
        let log = self.world.cluster.audit_log().unwrap();
        let ours = |request: &Request| {
            request.user_agent.starts_with("seinode-operator/")
                && request.namespace == self.name
                && request.verb != "watch"
        };
        audit::requests(&log, since).unwrap().into_iter().filter(ours).collect()
    }
}

/// The image with a tag.
pub fn image(tag: &str) -> String {
    format!("registry.example.com/seid:{tag}")
}

/// Image of a pod's `seid` container.
pub fn seid_image(pod: &Pod) -> String {
    pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap()
}

/// The task that a plan is at, without its number.
pub fn current_task(status: &SeiNodeStatus) -> &str {
    let task = status.plan.as_ref().and_then(|plan| plan.current_task.as_deref()).unwrap_or_default();
    task.split(' ').next().unwrap_or_default()
}
