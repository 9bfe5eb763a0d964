//! A fleet of running nodes with their operator, and restarts of its sidecars.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use seinode_api::SeiNode;
use serde_json::{Value, json};
use sidecar_sim::TaskType;
use uuid::Uuid;

use crate::{
    eventually,
    operator::Operator,
    testbed::{Place, World},
};

/// Concurrent requests.
const AT_ONCE: usize = 32;

/// Nodes that run, and their operator.
pub struct Fleet<'a> {
    pub world: &'a World,
    pub place: Place,
    pub nodes: Vec<SeiNode>,
    pub operator: Operator,
}

impl<'a> Fleet<'a> {
    /// Brings nodes up, and waits until all are ready.
    pub async fn bring_up(world: &'a World, name: &'static str, count: usize) -> Self {
        let place = Place::make(world, name).await;
        let operator = place.operator(world).await;
        let nodes: Vec<_> = (0..count).map(node).collect();
        let run = place.bring_up(&world.sidecars, &nodes, |_| true).await;
        println!("{count} nodes are up after {:.1} s", run.over.as_secs_f64());
        let fleet = Self { world, nodes: place.nodes(&nodes), place, operator };
        fleet.rests().await;
        fleet
    }

    /// Waits until every node is Ready and every gate open.
    pub async fn rests(&self) {
        let api: Api<SeiNode> =
            Api::namespaced(self.place.client.clone(), &self.nodes[0].namespace().unwrap());
        eventually("every node is Ready", async || {
            let nodes = api.list(&Default::default()).await.unwrap().items;
            let left = nodes.iter().filter(|node| !is_ready(node)).count();
            let shut = self.nodes.iter().filter(|node| !self.sidecar(node).is_ready()).count();
            if left + shut == 0 { Ok(()) } else { Err((left, shut)) }
        })
        .await;
    }

    /// Waits until the status of every node reports a heal since then.
    pub async fn reported(&self, since: Timestamp) {
        let api: Api<SeiNode> =
            Api::namespaced(self.place.client.clone(), &self.nodes[0].namespace().unwrap());
        let is_reported = |node: &SeiNode| {
            let sidecar = node.status.as_ref().and_then(|status| status.sidecar.as_ref());
            sidecar.and_then(|it| it.last_healed.as_ref()).is_some_and(|healed| healed.0 >= since)
        };
        eventually("every heal is reported", async || {
            let nodes = api.list(&Default::default()).await.unwrap().items;
            match nodes.iter().filter(|node| !is_reported(node)).count() {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
    }

    pub fn sidecar(&self, node: &SeiNode) -> sidecar_sim::Node {
        self.world.sidecars.node(&node.namespace().unwrap(), &node.name_any())
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.place.client.clone(), &self.nodes[0].namespace().unwrap())
    }

    /// Deletes the pod of a node.
    pub async fn replace_pod(&self, node: &SeiNode) {
        let name = format!("{}-0", node.name_any());
        self.pods().delete(&name, &DeleteParams::default()).await.unwrap();
    }

    /// Restarts the sidecars of these nodes in place, all at once, as the kubelet reports it: returns how long it took.
    pub async fn restart_in_place(&self, nodes: &[SeiNode]) -> Duration {
        let pods = self.pods();
        let all = pods.list(&Default::default()).await.unwrap().items;
        let is_theirs =
            |pod: &Pod| nodes.iter().any(|node| pod.name_any() == format!("{}-0", node.name_any()));
        let changes: Vec<_> = all.iter().filter(|pod| is_theirs(pod)).map(restarted).collect();
        assert_eq!(changes.len(), nodes.len(), "every node has a pod");
        self.place.connect().await;
        let begun = std::time::Instant::now();
        stream::iter(changes)
            .for_each_concurrent(AT_ONCE, async |(name, change)| {
                pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
            })
            .await;
        begun.elapsed()
    }

    /// Of each node: when its sidecar last began to answer, and when mark-ready came to it then. Waits until it has come to
    /// all whose sidecars were restarted since.
    pub async fn healed(&self, nodes: &[SeiNode], since: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        eventually("every gate is open again", async || {
            let healed: Vec<_> = nodes.iter().filter_map(|node| healed(&self.sidecar(node), since)).collect();
            if healed.len() == nodes.len() { Ok(healed) } else { Err(nodes.len() - healed.len()) }
        })
        .await
    }
}

/// Time at which the newest process began to answer, and time at which mark-ready came to it.
fn healed(sidecar: &sidecar_sim::Node, since: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let began = sidecar.starts().last().copied().filter(|at| *at >= since)?;
    let runs = sidecar.executions();
    let run = runs.iter().find(|run| run.task == TaskType::MarkReady && run.at >= began)?;
    Some((began, run.at))
}

/// The name of a pod, and its status after the container `sei-sidecar` ended and was started again.
fn restarted(pod: &Pod) -> (String, Value) {
    let mut statuses = serde_json::to_value(&pod.status.as_ref().unwrap().init_container_statuses).unwrap();
    let now = Timestamp::now().to_string();
    for status in statuses.as_array_mut().unwrap().iter_mut().filter(|it| it["name"] == "sei-sidecar") {
        let restarts = status["restartCount"].as_i64().unwrap_or(0);
        status["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now}});
        status["restartCount"] = json!(restarts + 1);
        status["containerID"] = json!(format!("bench://{}", Uuid::new_v4()));
        status["state"] = json!({"running": {"startedAt": now}});
    }
    (pod.name_any(), json!({"status": {"initContainerStatuses": statuses}}))
}

fn is_ready(node: &SeiNode) -> bool {
    let Some(status) = &node.status else { return false };
    let is = |type_: &str| status.conditions.iter().any(|it| it.type_ == type_ && it.status == "True");
    is("Ready") && is("Available") && status.plan.is_none()
}

fn node(index: usize) -> SeiNode {
    let yaml = format!(
        "{{apiVersion: sei.io/v1alpha1, kind: SeiNode, metadata: {{name: n{index}}}, \
         spec: {{chainId: atlantic-2, image: 'registry.example.com/seid:v1', fullNode: {{}}, \
         peers: [{{static: {{addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}}}]}}}}"
    );
    serde_norway::from_str(&yaml).unwrap()
}
