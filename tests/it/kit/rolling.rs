//! Asks for rollouts, and waits until they are complete in every respect.

use devcluster::audit::{self, Request};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::ResourceExt;
use seinode_api::{SeiNode, SeiNodeStatus};
use seinode_core::drift::Wishes;
use serde_json::json;

use super::{Namespace, namespace::condition};

impl Namespace {
    /// Asks for another image.
    pub async fn image(&self, node: &str, tag: &str) -> SeiNode {
        self.patch(node, json!({"spec": {"image": image(tag)}})).await
    }

    /// Waits until a node is rolled out: its pod, its status, its baseline and its conditions are what the newest spec
    /// asks for, which has this image.
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
        let status = rolled.status.as_ref().unwrap();
        assert_eq!(status.baseline, Wishes::of(&rolled.spec, &self.name).record(), "{node}: its baseline");
        for (type_, reason) in [("RolloutBlocked", "NotBlocked"), ("TemplateOutdated", "UpToDate")] {
            let told = condition(status, type_).unwrap();
            assert_eq!(
                (&*told.status, &*told.reason),
                ("False", reason),
                "{node}: {type_}: {}",
                told.message
            );
        }
        let (pod, set) = (self.pod(node).await, self.api::<StatefulSet>().get(node).await.unwrap());
        assert_eq!(seid_image(&pod), image(tag));
        let target = set.status.and_then(|status| status.update_revision);
        assert_eq!(pod.labels().get("controller-revision-hash"), target.as_ref(), "{node}: its revision");
        assert_eq!(pod.metadata.deletion_timestamp, None, "{node}: its pod stays");
        assert!(self.sidecar(node).is_ready(), "{node}: its gate is open");
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
