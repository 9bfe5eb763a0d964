//! A watch over the plans of a namespace's nodes: which updates there were, and how many were under way at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use seinode_api::SeiNode;
use tokio::{sync::watch, task::JoinHandle};

use super::{Namespace, eventually, within};

/// A running watch; it ends when it is dropped.
pub struct PlanWatch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// By node: the version that was seen last.
    versions: BTreeMap<String, String>,
    /// By node: the update that is under way.
    under_way: BTreeMap<String, String>,
    /// Node and plan of every update.
    ever: BTreeSet<(String, String)>,
    most: usize,
}

impl PlanWatch {
    /// Watches every SeiNode of a namespace; returns when the watch has begun.
    pub async fn begin(ns: &Namespace) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (began, mut begins) = watch::channel(false);
        let into = Arc::clone(&seen);
        let api = ns.api::<SeiNode>();
        let task = tokio::spawn(async move {
            let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::Apply(node) | watcher::Event::InitApply(node)) => {
                        into.lock().unwrap().there(&node);
                    }
                    Ok(watcher::Event::InitDone) => {
                        began.send_replace(true);
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        });
        within("the watch of plans begins", begins.wait_for(|begun| *begun)).await.unwrap();
        Self { seen, task }
    }

    /// The node of every update so far, one for each plan.
    pub async fn updates(&self, ns: &Namespace) -> Vec<String> {
        self.has_caught_up(ns).await;
        self.seen.lock().unwrap().ever.iter().map(|(node, _)| node.clone()).collect()
    }

    /// Highest number of concurrent updates.
    pub async fn most_at_once(&self, ns: &Namespace) -> usize {
        self.has_caught_up(ns).await;
        self.seen.lock().unwrap().most
    }

    /// Waits until the watch has seen all that is stored.
    async fn has_caught_up(&self, ns: &Namespace) {
        let stored = ns.api::<SeiNode>().list(&Default::default()).await.unwrap().items;
        let number = |version: Option<String>| version.and_then(|it| it.parse::<u64>().ok());
        for node in stored {
            let stored = number(node.resource_version());
            eventually("the watch of plans has caught up", async || {
                let seen = self.seen.lock().unwrap().versions.get(&node.name_any()).cloned();
                if number(seen.clone()) >= stored { Ok(()) } else { Err(seen) }
            })
            .await;
        }
    }
}

impl Drop for PlanWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn there(&mut self, node: &SeiNode) {
        let name = node.name_any();
        self.versions.insert(name.clone(), node.resource_version().unwrap_or_default());
        let plan = node.status.as_ref().and_then(|status| status.plan.as_ref());
        let update = plan.filter(|plan| plan.kind.as_deref() == Some("NodeUpdate") && plan.phase == "Active");
        match update {
            Some(plan) => {
                self.ever.insert((name.clone(), plan.id.clone()));
                self.under_way.insert(name, plan.id.clone());
            }
            None => {
                self.under_way.remove(&name);
            }
        }
        self.most = self.most.max(self.under_way.len());
    }
}
