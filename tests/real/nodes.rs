//! SeiNodes and their pods: creation, changes and waiting.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use seinode_api::{SeiNode, SeiNodeStatus, status::Phase};
use serde_json::{Value, json};

use crate::{
    setup::{FIRST, Installation, NODES, create},
    wait::eventually,
};

/// The default port of a sidecar.
const PORT: u16 = 7777;

impl Installation {
    pub fn nodes(&self) -> Api<SeiNode> {
        Api::namespaced(self.client.clone(), NODES)
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NODES)
    }

    /// Creates a full node on the first image, with the required fields only.
    pub async fn create_node(&self, name: &str) {
        create(&self.nodes(), full_node(name)).await;
    }

    /// Creates a full node while a Service may still lead to a replica that has just ended: retries as long as the API
    /// server cannot call the webhook.
    pub async fn create_node_soon(&self, name: &str) {
        let node: SeiNode = serde_json::from_value(full_node(name)).unwrap();
        eventually(&format!("{name} is created"), async || {
            match self.nodes().create(&PostParams::default(), &node).await {
                Ok(_) => Ok(()),
                Err(error) if error.to_string().contains("failed to call webhook") => Err(error.to_string()),
                Err(error) => panic!("{error}"),
            }
        })
        .await;
    }

    pub async fn change(&self, name: &str, spec: Value) {
        let change = Patch::Merge(json!({ "spec": spec }));
        self.nodes().patch(name, &PatchParams::default(), &change).await.unwrap();
    }

    /// Waits until a SeiNode fulfils a condition.
    pub async fn until(&self, name: &str, what: &str, holds: impl Fn(&SeiNodeStatus) -> bool) -> SeiNode {
        eventually(&format!("{name}: {what}"), async || {
            let node = self.nodes().get(name).await.unwrap();
            let status = node.status.clone().unwrap_or_default();
            if holds(&status) { Ok(node) } else { Err(status) }
        })
        .await
    }

    /// Waits until a SeiNode runs, with no work left.
    pub async fn running(&self, name: &str) {
        self.until(name, "is Running and Ready", |status| {
            status.phase == Some(Phase::Running) && condition_status(status, "Ready") == "True"
        })
        .await;
    }

    /// Waits until the kubelet reports both containers ready, which takes half a minute by the probe of seid.
    pub async fn ready_pod(&self, name: &str) -> Pod {
        self.pod(name, "is 2/2 ready", |container| container.ready).await
    }

    /// Waits until the kubelet reports both containers running.
    pub async fn started_pod(&self, name: &str) -> Pod {
        let runs = |container: ContainerStatus| container.state.is_some_and(|state| state.running.is_some());
        self.pod(name, "has two running containers", runs).await
    }

    async fn pod(&self, name: &str, what: &str, holds: impl Fn(ContainerStatus) -> bool) -> Pod {
        eventually(&format!("the pod of {name} {what}"), async || {
            let pod = self.pods().get(&format!("{name}-0")).await.map_err(|error| error.to_string())?;
            let both = ["sei-sidecar", "seid"].map(|it| container(&pod, it).is_some_and(&holds));
            if both == [true; 2] { Ok(pod) } else { Err(format!("{:?}", pod.status)) }
        })
        .await
    }

    /// Waits until the node has another pod than this one and its gate is open.
    pub async fn replaced(&self, name: &str, old: &Pod) -> Pod {
        let pod = eventually(&format!("{name} has another pod"), async || {
            let pod = self.pods().get(&format!("{name}-0")).await.map_err(|error| error.to_string())?;
            let other = pod.uid() != old.uid() && address(&pod).is_some();
            if other { Ok(pod) } else { Err(format!("{:?}", pod.status)) }
        })
        .await;
        opened(address(&pod).unwrap()).await;
        pod
    }
}

fn full_node(name: &str) -> Value {
    json!({
        "apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "metadata": {"name": name},
        "spec": {"chainId": "atlantic-2", "image": FIRST, "fullNode": {}},
    })
}

/// Address of the sidecar of a pod.
pub fn address(pod: &Pod) -> Option<SocketAddr> {
    let ip = pod.status.as_ref()?.pod_ip.as_ref()?;
    Some((ip.parse::<std::net::IpAddr>().ok()?, PORT).into())
}

/// The status of a container, init containers included.
pub fn container(pod: &Pod, name: &str) -> Option<ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    all.into_iter().find(|container| container.name == name).cloned()
}

/// Time from the first answer of the sidecar to the open gate, polled every few milliseconds.
pub async fn opened(sidecar: SocketAddr) -> Duration {
    let client = reqwest::Client::new();
    let mut listens = None;
    let get = async |path: &str| client.get(format!("http://{sidecar}{path}")).send().await;
    eventually(&format!("the gate at {sidecar} is open"), async || {
        let deadline = Instant::now() + Duration::from_millis(250);
        // Polls more often than `eventually`.
        while Instant::now() < deadline {
            match get("/v0/healthz").await {
                Ok(answer) => {
                    let listens = *listens.get_or_insert_with(Instant::now);
                    if answer.status().is_success() {
                        return Ok(listens.elapsed());
                    }
                }
                Err(_) => listens = None,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(if listens.is_some() { "the gate is shut" } else { "the sidecar does not answer" })
    })
    .await
}

/// Status of a condition; empty when it is missing.
pub fn condition_status<'a>(status: &'a SeiNodeStatus, type_: &str) -> &'a str {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_);
    found.map_or("", |condition| &condition.status)
}
