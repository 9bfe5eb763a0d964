//! Waiting for conditions and events of a node.

use k8s_openapi::api::{core::v1::Pod, events::v1::Event};
use kube::ResourceExt;
use seinode_api::{SeiNode, SeiNodeStatus};
use serde_json::Value;

use super::{Namespace, eventually, namespace::condition};

impl Namespace {
    /// Waits until a condition of a node has this status and reason, and all of these words in its message.
    pub async fn reports(
        &self,
        node: &str,
        (type_, status, reason): (&str, &str, &str),
        words: &[&str],
    ) -> SeiNode {
        let what = format!("{type_} is {status}/{reason} with {words:?}");
        self.node_until(node, &what, |now| reports(now, (type_, status, reason), words)).await
    }

    /// Waits for an event about a node with this reason and all of these words in its note.
    pub async fn emits(&self, node: &str, reason: &str, words: &[&str]) {
        eventually(&format!("an event {reason} about {node} with {words:?}"), async || {
            let notes = self.notes(node, reason).await;
            if notes.iter().any(|note| has_all(note, words)) { Ok(()) } else { Err(notes) }
        })
        .await;
    }

    /// Notes of the events with this reason about a node.
    pub async fn notes(&self, node: &str, reason: &str) -> Vec<String> {
        let events = self.api::<Event>().list(&Default::default()).await.unwrap().items;
        let about = |event: &Event| {
            let regarding = event.regarding.as_ref().and_then(|it| it.name.as_deref());
            regarding == Some(node) && event.reason.as_deref() == Some(reason)
        };
        events.into_iter().filter(about).filter_map(|event| event.note).collect()
    }

    /// The status of a node as plain JSON.
    pub async fn status(&self, node: &str) -> Value {
        let node = self.api::<SeiNode>().get(node).await.unwrap();
        serde_json::to_value(node.status).unwrap()
    }

    /// The address by which others know a node: its id, its Service and its port.
    pub async fn peer_address(&self, node: &str) -> String {
        let status = self.status(node).await;
        let id = status["nodeId"].as_str().unwrap_or_else(|| panic!("{node} has no id: {status}"));
        format!("{id}@{node}.{}.svc:26656", self.name)
    }

    /// UID of the pod of a node.
    pub async fn pod_uid(&self, node: &str) -> String {
        self.pod(node).await.uid().unwrap()
    }

    /// Waits until the pod of a node runs this image as `seid`, and returns it.
    pub async fn pod_runs(&self, node: &str, image: &str) -> Pod {
        eventually(&format!("the pod of {node} runs {image}"), async || {
            let pod = self.api::<Pod>().get_opt(&format!("{node}-0")).await.unwrap().ok_or(None)?;
            if runs(&pod, image) { Ok(pod) } else { Err(pod.status) }
        })
        .await
    }
}

/// True if a condition has this status and reason, and all of these words in its message.
pub fn reports(node: &SeiNodeStatus, (type_, status, reason): (&str, &str, &str), words: &[&str]) -> bool {
    condition(node, type_)
        .is_some_and(|it| it.status == status && it.reason == reason && has_all(&it.message, words))
}

fn has_all(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

fn runs(pod: &Pod, image: &str) -> bool {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    containers.filter(|it| it.name == "seid").any(|seid| {
        let state = seid.state.as_ref();
        seid.image == image && state.is_some_and(|state| state.running.is_some())
    })
}
