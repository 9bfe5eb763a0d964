//! A watch over the pods of some namespaces: who was ever there at the same time as another.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::watch, task::JoinHandle};

use super::{Namespace, within};

/// A running watch; it ends when it is dropped.
pub struct PodWatch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// By UID: namespace and name.
    here: BTreeMap<String, String>,
    ever: Vec<String>,
    together: Vec<(String, String)>,
}

impl PodWatch {
    /// Watches every pod of these namespaces; returns when the watch has begun. One watch over all of them: the order of
    /// its order is the order of the changes.
    pub async fn begin(namespaces: &[&Namespace]) -> Self {
        let names: Vec<String> = namespaces.iter().map(|ns| ns.name.clone()).collect();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (began, mut begins) = watch::channel(false);
        let into = Arc::clone(&seen);
        let api: Api<Pod> = Api::all(namespaces[0].client.clone());
        let task = tokio::spawn(async move {
            let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = events.next().await {
                let ours = |pod: &Pod| names.contains(&pod.namespace().unwrap_or_default());
                match event {
                    Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) if ours(&pod) => {
                        into.lock().unwrap().there(&pod);
                    }
                    Ok(watcher::Event::Delete(pod)) => {
                        into.lock().unwrap().here.remove(&pod.uid().unwrap_or_default());
                    }
                    Ok(watcher::Event::InitDone) => {
                        began.send_replace(true);
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        });
        within("the watch of pods begins", begins.wait_for(|begun| *begun)).await.unwrap();
        Self { seen, task }
    }

    /// Every two pods that were there at the same time, in the order in which the later ones came.
    pub fn together(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().together.clone()
    }

    /// Every pod that there was, in the order in which they came.
    pub fn ever(&self) -> Vec<String> {
        self.seen.lock().unwrap().ever.clone()
    }
}

impl Drop for PodWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    /// A pod whose containers have ended is as good as gone.
    fn there(&mut self, pod: &Pod) {
        let uid = pod.uid().unwrap_or_default();
        let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            self.here.remove(&uid);
        } else if !self.here.contains_key(&uid) {
            self.together.extend(self.here.values().map(|other| (other.clone(), name.clone())));
            self.ever.push(name.clone());
            self.here.insert(uid, name);
        }
    }
}
