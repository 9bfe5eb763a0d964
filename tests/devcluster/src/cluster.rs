//! A Kubernetes control plane of our own: etcd, API server, controllers, scheduler, and a kubelet without containers.
//!
//! Everything in it is the real thing except the machines that pods would run on: a pod's containers are never
//! started, [`Kubelet`] writes the status that a kubelet would. It listens on 127.0.0.1 only. It must
//! never touch a cluster that it did not start: no kubeconfig of the user is read or written.

mod access;
mod apiserver;
mod components;
mod error;
mod launch;
mod node;
mod options;
mod pki;
mod reach;
mod ready;
mod seed;

use std::path::{Path, PathBuf};
use std::process::Command;

use kube::Client;
use tokio_util::task::AbortOnDropHandle;

use crate::kubelet::{Kubelet, Probe};
use crate::process::Process;
use crate::services::Services;
use crate::supervisor::{Guard, Scratch};
use crate::tools::{Tool, Tools};
use access::Access;
pub use access::LIMITED_TOKEN;
use apiserver::Apiserver;
pub use error::ClusterError;
pub use node::RealNode;
pub use options::{
    Audit, BindingMode, MachineSpec, Nodes, Options, Owners, ReclaimPolicy, ServiceAccounts,
    StorageClassSpec, Volumes,
};

/// A running control plane. Dropping it ends all its processes and, unless kept, deletes its directory.
// The fields are dropped in this order: first who talks to the API server, then the API server, then etcd, and the
// directory when nobody writes to it any more.
pub struct Cluster {
    #[expect(dead_code, reason = "held so that they run; dropped with the cluster")]
    tasks: Vec<AbortOnDropHandle<()>>,
    machinery: Machinery,
    clients: Vec<Process>,
    apiserver: Apiserver,
    #[expect(dead_code, reason = "held so that it runs; dropped with the cluster")]
    etcd: Process,
    access: Access,
    services: Services,
    client: Client,
    audit: Audit,
    storage_classes: Vec<StorageClassSpec>,
    tools: Tools,
    guard: Guard,
    scratch: Scratch,
}

/// Runner of the pods.
#[derive(Debug)]
enum Machinery {
    Simulated(Kubelet),
    Real(Box<RealNode>),
}

impl Cluster {
    /// Starts a cluster and waits until it is ready: the API answers, the controllers and the scheduler run, two
    /// nodes accept pods. Tools that are missing are built first, which takes minutes.
    ///
    /// # Errors
    /// When a tool is missing and cannot be built, or a part of the cluster does not come up; what was started until
    /// then is ended.
    pub async fn start(options: Options, guard: &Guard) -> Result<Self, ClusterError> {
        launch::launch(options, guard).await
    }

    /// A client with every right.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client for whoever `token` belongs to; `user_agent` is what the audit log shows.
    ///
    /// # Errors
    /// When the token or the user agent cannot be sent in a header.
    pub fn client_for(&self, token: &str, user_agent: &str) -> Result<Client, ClusterError> {
        self.access.client(token, user_agent)
    }

    /// A kubeconfig with every right.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        self.access.admin()
    }

    /// A kubeconfig for whoever `token` belongs to: [`LIMITED_TOKEN`], or one that `TokenRequest` gave for a
    /// ServiceAccount.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn kubeconfig_for_token(&self, token: &str) -> Result<PathBuf, ClusterError> {
        self.access.kubeconfig(token)
    }

    /// Routes from Services to loopback, for what the API server calls, such as webhooks.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// A kubeconfig for a ServiceAccount, with a token of its own.
    ///
    /// # Errors
    /// When the API server gives no token, or the file cannot be written.
    pub async fn kubeconfig_for_account(
        &self,
        namespace: &str,
        account: &str,
    ) -> Result<PathBuf, ClusterError> {
        let token = access::token(&self.client, namespace, account).await?;
        self.kubeconfig_for_token(&token)
    }

    /// The API server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.access.url()
    }

    /// The API server's record of requests, with [`Audit::On`].
    #[must_use]
    pub fn audit_log(&self) -> Option<PathBuf> {
        (self.audit == Audit::On).then(|| apiserver::audit_log(self.dir()))
    }

    /// The cluster's directory; its `logs` holds a file for each process.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Path of the log of `name`, existing or not.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        components::log(self.dir(), name)
    }

    /// `kubectl` with every right on this cluster.
    #[must_use]
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.tools.path(Tool::Kubectl));
        // Its own cache of what the API offers: another cluster may have had the same port.
        kubectl.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.dir().join("kubectl"));
        kubectl
    }

    /// The programs that the cluster runs.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Starts another program, which ends with the cluster's owner; its log goes to [`Cluster::log`] of `name`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process, ClusterError> {
        Ok(self.guard.spawn(name, command, &self.log(name))?)
    }

    /// The machines, with [`Nodes::Simulated`].
    #[must_use]
    pub fn kubelet(&self) -> Option<&Kubelet> {
        match &self.machinery {
            Machinery::Simulated(kubelet) => Some(kubelet),
            Machinery::Real(_) => None,
        }
    }

    /// Has `answer` decide whether the startup and readiness probes of simulated pods succeed; see
    /// [`Kubelet::answer_probes`]. On a real node the probes ask the containers.
    pub fn answer_probes(&self, answer: impl Fn(&Probe<'_>) -> bool + Send + Sync + 'static) {
        if let Some(kubelet) = self.kubelet() {
            kubelet.answer_probes(answer);
        }
    }

    /// The node, with [`Nodes::Real`].
    #[must_use]
    pub fn real_node(&self) -> Option<&RealNode> {
        match &self.machinery {
            Machinery::Simulated(_) => None,
            Machinery::Real(node) => Some(node),
        }
    }

    /// Ends the API server with SIGKILL: from now on connections to it are refused.
    ///
    /// Controllers and scheduler stand still until it is back. They would live through it, but then try again at ever
    /// longer intervals, and a test would wait for the scheduler instead of for what it tests.
    pub fn stop_apiserver(&self) {
        self.clients.iter().for_each(Process::pause);
        self.apiserver.stop();
    }

    /// Starts the API server again, on the same port, and waits until it is ready. The other components go on.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_apiserver(&self) -> Result<(), ClusterError> {
        self.apiserver.start(&self.guard)?;
        self.apiserver.ready(&self.client).await?;
        self.clients.iter().for_each(Process::resume);
        Ok(())
    }

    /// Makes `count` volumes of `class` with `size` (a quantity such as `10Gi`) for claims to bind, and returns their
    /// names.
    ///
    /// # Errors
    /// When the API server refuses them.
    pub async fn add_volumes(
        &self,
        class: &str,
        size: &str,
        count: usize,
    ) -> Result<Vec<String>, ClusterError> {
        crate::volumes::add(&self.client, &self.storage_classes, class, size, count).await
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("url", &self.url()).field("dir", &self.dir()).finish_non_exhaustive()
    }
}
