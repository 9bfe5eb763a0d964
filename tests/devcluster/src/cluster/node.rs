//! A real node in place of simulated machines: containerd runs the containers, the kubelet looks after them, kube-proxy routes what is
//! sent to Services, CoreDNS knows their names.
//!
//! All of it listens on [`ADDRESS`] or on loopback. It runs only images that were brought with [`RealNode::import`]: it
//! never asks a registry.

mod parts;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;

use self::parts::Parts;
use super::{ClusterError, MachineSpec, access, components, ready};
use crate::host::{ADDRESS, Host};
use crate::image::{self, Image};
use crate::process::Process;
use crate::supervisor::{Guard, SpawnError};
use crate::tools::Tools;

const KUBELET: &str = "kubelet";

/// The node of a cluster with [`Nodes::Real`](super::Nodes). Dropping it ends all its pods.
// The fields are dropped in this order: who starts containers, what runs them, then what the machine had to be given.
#[derive(Debug)]
pub struct RealNode {
    kubelet: Mutex<Arc<Process>>,
    network: [Process; 2],
    #[expect(dead_code, reason = "held so that it runs; dropped with the node")]
    containerd: Process,
    parts: Parts,
    guard: Guard,
    host: Host,
}

impl RealNode {
    /// Starts the node. It takes pods a while later.
    pub(super) async fn start(
        host: Host,
        machine: &MachineSpec,
        tools: &Tools,
        access: &access::Access,
        directory: &Path,
        guard: &Guard,
    ) -> Result<Self, ClusterError> {
        let parts = Parts::lay_out(directory, machine, tools, access, &host)?;
        let start =
            |name: &str, command: Command| guard.spawn(name, command, &components::log(directory, name));
        let containerd = start("containerd", parts.containerd(&host))?;
        // Nothing else here can wait for it: the kubelet gives up.
        ready::done(&containerd, async || parts.answers(&host)).await?;
        let kubelet = Mutex::new(Arc::new(start(KUBELET, parts.kubelet())?));
        let network = [start("kube-proxy", parts.kube_proxy())?, start("coredns", parts.coredns())?];
        let node = Self { kubelet, network, containerd, parts, guard: guard.clone(), host };
        node.import(&image::pause()?)?;
        Ok(node)
    }

    /// Waits until the node takes pods, Services are routed, and names are known.
    pub(super) async fn ready(&self, client: &Client) -> Result<(), ClusterError> {
        let kubelet = Arc::clone(&self.kubelet.lock().unwrap_or_else(PoisonError::into_inner));
        let [proxy, names] = &self.network;
        futures::future::try_join3(
            ready::nodes(client, &kubelet),
            ready::done(proxy, async || parts::connects(parts::API_SERVICE).await),
            ready::done(names, async || parts::connects((ADDRESS, parts::NAMES).into()).await),
        )
        .await
        .map(drop)
    }

    /// Brings an image onto the node.
    ///
    /// # Errors
    /// When it cannot be written, or containerd does not take it.
    pub fn import(&self, image: &Image) -> Result<(), ClusterError> {
        let archive = self.parts.archive();
        image.write(&archive)?;
        self.ctr(&["images", "import", "--no-unpack", &archive.display().to_string()])
    }

    /// Ends the first process of a container with SIGKILL, as a crash does; `id` is what the pod's status says, without
    /// `containerd://`.
    ///
    /// # Errors
    /// When there is no such container.
    pub fn kill(&self, id: &str) -> Result<(), ClusterError> {
        self.ctr(&["tasks", "kill", "--signal", "SIGKILL", id])
    }

    /// Ends the kubelet with SIGKILL and starts another one. Its pods run on meanwhile.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart_kubelet(&self) -> Result<(), SpawnError> {
        let mut kubelet = self.kubelet.lock().unwrap_or_else(PoisonError::into_inner);
        kubelet.kill();
        let log = kubelet.log().to_owned();
        *kubelet = Arc::new(self.guard.spawn(KUBELET, self.parts.kubelet(), &log)?);
        Ok(())
    }

    /// Programs of this host that run the node.
    #[must_use]
    pub fn machine(&self) -> &crate::host::Machine {
        self.host.machine()
    }

    fn ctr(&self, arguments: &[&str]) -> Result<(), ClusterError> {
        let mut ctr = self.parts.ctr(&self.host);
        let output = ctr.args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(|source| ClusterError::Io { what: "cannot run ctr".into(), source })?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ClusterError::Containerd { what: arguments.join(" "), message })
    }
}
