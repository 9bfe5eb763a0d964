//! Rollouts: requested, and waited for until they are complete in every respect.

use devcluster::audit::{self, Request};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::ResourceExt;
use seinode_api::{SeiNode, SeiNodeStatus};
use seinode_core::drift::SpecHashes;
use serde_json::json;

use super::{Namespace, eventually, namespace::condition};

impl Namespace {
    /// Asks for another image.
    pub async fn image(&self, node: &str, tag: &str) -> SeiNode {
        self.patch(node, json!({"spec": {"image": image(tag)}})).await
    }

    /// Waits until a node is rolled out: its pod, its status, its baseline and its conditions are what the newest spec
    /// asks for, which has this image.
    pub async fn rolled(&self, node: &str, tag: &str) -> SeiNode {
        eventually(&format!("{node} is rolled out to {tag}"), async || {
            let rolled = self.api::<SeiNode>().get(node).await.unwrap();
            match self.differs(&rolled, tag).await {
                None => Ok(rolled),
                Some(what) => Err((what, rolled.status)),
            }
        })
        .await
    }

    /// The first difference between a node and its spec.
    async fn differs(&self, node: &SeiNode, tag: &str) -> Option<String> {
        let (name, status) = (node.name_any(), node.status.clone().unwrap_or_default());
        let is = |type_: &str, condition_status: &str, reason: &str| {
            condition(&status, type_)
                .is_some_and(|it| (&*it.status, &*it.reason) == (condition_status, reason))
        };
        let pod = self.api::<Pod>().get_opt(&format!("{name}-0")).await.unwrap();
        let pod = pod.filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let set = self.api::<StatefulSet>().get_opt(&name).await.unwrap();
        let target = set.and_then(|set| set.status).and_then(|status| status.update_revision);
        let revision = pod.as_ref().and_then(|pod| pod.labels().get("controller-revision-hash").cloned());
        let checks = [
            ("the image of its spec", node.spec.image == image(tag)),
            ("that its plan has ended", status.plan.is_none()),
            ("observedGeneration", status.observed_generation == node.metadata.generation),
            ("currentImage", status.current_image == Some(image(tag))),
            ("the baseline", status.baseline == SpecHashes::of(&node.spec, &self.name).record()),
            ("NodeUpdateInProgress", is("NodeUpdateInProgress", "False", "UpdateComplete")),
            ("RolloutBlocked", is("RolloutBlocked", "False", "NotBlocked")),
            ("TemplateOutdated", is("TemplateOutdated", "False", "UpToDate")),
            ("Ready", condition(&status, "Ready").is_some_and(|it| it.status == "True")),
            ("the image of its pod", pod.as_ref().is_some_and(|pod| seid_image(pod) == image(tag))),
            ("the revision of its pod", revision.is_some() && revision == target),
            ("its open gate", self.sidecar(&name).is_ready()),
        ];
        checks.into_iter().find(|(_, holds)| !holds).map(|(what, _)| what.to_owned())
    }

    /// The pod of a node.
    pub async fn pod(&self, node: &str) -> Pod {
        self.api::<Pod>().get(&format!("{node}-0")).await.unwrap()
    }

    /// Requests of this namespace's operator to the API server, without watches.
    pub fn requests(&self, since: Timestamp) -> Vec<Request> {
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
