//! A simulated Sei sidecar: one HTTP server on loopback that plays the sidecar of every node, with the contract
//! of sidecar v0.0.47.
//!
//! A node is addressed by path prefix `/{namespace}/{name}` or, without one, by Host
//! `{name}-0.{name}.{namespace}.svc.cluster.local`. With a cluster, pods and their claims are watched: a process
//! answers while the container `sei-sidecar` of the node's pod runs, be that the StatefulSet's or a bootstrap Job's;
//! its memory (the open gate) ends with it, while its task store lives as long as the volume named `data`. Without
//! a cluster, tests move the pods by hand. Beyond the contract, [`Behaviour`] makes nodes slow, failing, silent or
//! garbled, and [`Node`] tells what was asked of them and what they executed.
//!
//! It must never write to the cluster, and never be kinder than the contract unless a test asked for it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

mod address;
mod behaviour;
mod config_keys;
pub mod container;
mod handles;
mod home;
mod journal;
mod metrics;
mod params;
mod peers;
mod process;
mod reply;
mod route;
mod run;
mod server;
mod settings;
mod shared;
mod store;
mod task_type;
mod watch;
mod world;

pub use behaviour::{Delay, Endpoint, Fault, Interruption, Scope, Times};
pub use handles::{Behaviour, Node, NotInTime};
pub use journal::{Answer, Cause, Execution, Overlap, Request, Submission, SubmissionEffect};
pub use task_type::TaskType;

use address::{Addressed, NodeKey};
use shared::Shared;

/// Annotation that has a simulated kubelet restart the sidecar's container once for each new value:
/// `devcluster::kubelet::RESTART` with the container's name.
pub const RESTART_SIDECAR: &str = "devcluster/restart.sei-sidecar";

/// All simulated sidecars. Cheap to clone; the server and the watches end with the last clone.
#[derive(Clone, Debug)]
pub struct Sidecars {
    shared: Arc<Shared>,
    port: u16,
    _stop: Arc<DropGuard>,
}

impl Sidecars {
    /// Serves the nodes of a cluster, which it watches with `client`. Needs `get`, `list` and `watch` on pods
    /// and PersistentVolumeClaims. Returns at once; until the watches have synced, no node is there.
    ///
    /// # Errors
    /// When no port on loopback can be had.
    pub async fn start(client: Client) -> io::Result<Self> {
        let sidecars = Self::standalone().await?;
        let shared = &sidecars.shared;
        shared.spawn(watch::follow_claims(client.clone(), Arc::clone(shared)));
        shared.spawn(watch::follow_pods(client, Arc::clone(shared)));
        Ok(sidecars)
    }

    /// Serves nodes that a test starts by hand ([`Node::start_process`]).
    ///
    /// # Errors
    /// When no port on loopback can be had.
    pub async fn standalone() -> io::Result<Self> {
        Self::serve((Ipv4Addr::LOCALHOST, 0).into(), Addressed::ByRequest).await
    }

    /// Serves one node at its own address, as the container in its pod does: whatever host a request names, that node
    /// is meant. Its process runs already.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn alone(address: SocketAddr) -> io::Result<Self> {
        let node = NodeKey::new("", "");
        let sidecars = Self::serve(address, Addressed::Always(node.clone())).await?;
        sidecars.shared.change(|world, _| world.strangers = peers::Others::Answer);
        sidecars.node(&node.namespace, &node.name).start_process();
        Ok(sidecars)
    }

    async fn serve(address: SocketAddr, addressed: Addressed) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        let shared = Shared::new(stop.clone());
        shared.spawn(server::serve(listener, addressed, Arc::clone(&shared)));
        Ok(Self { shared, port, _stop: Arc::new(stop.drop_guard()) })
    }

    /// The value for the operator's `--sidecar-url-template`, with its placeholders `{namespace}` and `{name}`.
    #[must_use]
    pub fn url_template(&self) -> String {
        self.url("{namespace}", "{name}")
    }

    /// The base URL of one node, without `/` at its end.
    #[must_use]
    pub fn url(&self, namespace: &str, name: &str) -> String {
        format!("http://127.0.0.1:{}/{namespace}/{name}", self.port)
    }

    /// The port on 127.0.0.1, for clients that address nodes by Host.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The default behaviour of all nodes.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::new(Arc::clone(&self.shared), None)
    }

    /// One node, whether it exists already or not.
    #[must_use]
    pub fn node(&self, namespace: &str, name: &str) -> Node {
        Node::new(Arc::clone(&self.shared), NodeKey::new(namespace, name))
    }

    /// The accepted submissions to one node, in order of arrival.
    #[must_use]
    pub fn submissions(&self, namespace: &str, name: &str) -> Vec<Submission> {
        self.node(namespace, name).submissions()
    }

    /// Answers a simulated kubelet's probe of a node's pod, by port and path: `seid`
    /// is started and ready once the gate was opened in that pod. Probes of other pods succeed.
    #[must_use]
    pub fn answers_probe(&self, pod: &Pod, port: Option<i32>, path: Option<&str>) -> bool {
        let (Some(node), Some(uid), Some(port)) = (pod.labels().get(process::NODE_LABEL), pod.uid(), port)
        else {
            return true;
        };
        let key = NodeKey::new(&pod.namespace().unwrap_or_default(), node);
        self.shared.read(|world| world.answers_probe(&key, &uid, port, path.unwrap_or_default()))
    }

    /// Lets `discover-peers` find a node outside the cluster. Nodes of the cluster are found once their gate was
    /// opened, for then `seid` runs.
    pub fn add_peer(&self, host: &str) {
        let node_id = home::made_up_node_id(host);
        self.shared.change(|world, _| world.foreign_peers.insert(host.to_owned(), node_id));
    }
}
