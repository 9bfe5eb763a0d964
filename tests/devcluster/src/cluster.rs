//! A Kubernetes control plane of our own: etcd, API server, controllers, scheduler, and kwok in the kubelet's place.
//!
//! Everything in it is the real thing except the machines that pods would run on: a pod's containers are never
//! started, kwok writes the status that a kubelet would (see [`crate::stages`]). It listens on 127.0.0.1 only. It must
//! never touch a cluster that it did not start: no kubeconfig of the user is read or written.

mod access;
mod apiserver;
mod components;
mod launch;
mod node;
mod pki;
mod reach;
mod ready;
mod seed;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use tokio_util::task::AbortOnDropHandle;

use crate::ground::GroundError;
use crate::guardian::{Guard, Keep, Scratch, SpawnError};
use crate::image::ImageError;
use crate::process::Process;
use crate::progress::Progress;
use crate::services::Services;
use crate::tools::{Tool, ToolError, Tools};
use access::Access;
pub use access::LIMITED_TOKEN;
use apiserver::Apiserver;
pub use node::RealNode;
pub use seed::{ARCHIVE_NODE, NODE, STORAGE_CLASSES};

/// What a cluster is to be like. The default is what most tests want.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the API server records every request.
    pub audit: Audit,
    /// Whether the cluster's directory outlives it.
    pub keep: Keep,
    /// Whether a pod needs its ServiceAccount.
    pub service_accounts: ServiceAccounts,
    /// Whether owner references are guarded.
    pub owners: Owners,
    /// Where claims get their volumes from.
    pub volumes: Volumes,
    /// What runs the pods.
    pub nodes: Nodes,
    /// Kinds of its own that are served before the controllers start. The garbage collector looks for new kinds only
    /// once a minute: what is owned by an object of a later kind is collected a minute later.
    pub crds: Vec<CustomResourceDefinition>,
    /// Who is told what is being done; nobody by default.
    pub progress: Progress,
}

/// Whether the API server records every request; [`crate::audit`] reads the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audit {
    /// It does not.
    #[default]
    Off,
    /// At level `Metadata`: who, when, which verb on what, with which result.
    On,
}

/// Whether the admission plugin `ServiceAccount` refuses pods whose ServiceAccount does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceAccounts {
    /// A pod may name any ServiceAccount.
    #[default]
    Ignored,
    /// As in a real cluster.
    Required,
}

/// Whether the admission plugin `OwnerReferencesPermissionEnforcement` guards owner references: to change those of an object
/// that exists takes the right to delete it, and to block the deletion of the owner the right to update its finalizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// Whoever may change an object may change its owners, as Kubernetes has it by default.
    #[default]
    Free,
    /// As OpenShift has it.
    Guarded,
}

/// Where claims of the [`STORAGE_CLASSES`] get their volumes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volumes {
    /// A volume is made for every claim, and deleted after it, as a CSI provisioner would.
    #[default]
    Dynamic,
    /// Only from what [`Cluster::add_volumes`] made; other claims stay pending.
    Static,
}

/// What runs the pods of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nodes {
    /// kwok writes what a kubelet would; no container ever runs.
    #[default]
    Simulated,
    /// This machine: containers run. One such cluster at a time; others wait. Needs root and what
    /// [`Machine`](crate::ground::Machine) names.
    Real,
}

/// Why a cluster could not be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A tool is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A process could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A file could not be written, or no port is free.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The certificates could not be made.
    #[error("cannot make the API server's certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// A process ended while the cluster was being started.
    #[error("{component} ended ({status}) while the cluster was starting; the end of its log:\n{tail}")]
    Ended {
        /// Which one.
        component: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last lines of its log.
        tail: String,
    },
    /// A part did not become ready in time.
    #[error("{component} is not ready after {} s ({last}); the end of its log:\n{tail}", waited.as_secs())]
    NotReady {
        /// Which one.
        component: String,
        /// How long it was waited for.
        waited: Duration,
        /// The last answer.
        last: String,
        /// The last lines of its log.
        tail: String,
    },
    /// The machine cannot have a real node.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// An image could not be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// containerd refused something that we need.
    #[error("containerd refuses `{what}`: {said}")]
    Containerd {
        /// What was asked of it.
        what: String,
        /// Its answer.
        said: String,
    },
    /// The API server refused something that we need.
    #[error("cannot {what}: {source}")]
    Api {
        /// What was tried.
        what: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
}

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
    tools: Tools,
    guard: Guard,
    scratch: Scratch,
}

/// Who runs the pods.
#[derive(Debug)]
enum Machinery {
    Simulated(Process),
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

    /// Where the API server finds what it calls by a Service, such as webhooks.
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

    /// Where the log of `name` is, or would be.
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
    /// The cluster's own components stand still until it is back. They would live through it, but then try again at
    /// ever longer intervals, and a test would wait for the scheduler instead of for what it tests.
    pub fn stop_apiserver(&self) {
        self.waiting().for_each(Process::pause);
        self.apiserver.stop();
    }

    /// Starts the API server again, on the same port, and waits until it is ready. The other components go on.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_apiserver(&self) -> Result<(), ClusterError> {
        self.apiserver.start(&self.guard)?;
        self.apiserver.ready(&self.client).await?;
        self.waiting().for_each(Process::resume);
        Ok(())
    }

    /// Who stands still while the API server is away.
    fn waiting(&self) -> impl Iterator<Item = &Process> {
        let kwok = match &self.machinery {
            Machinery::Simulated(kwok) => Some(kwok),
            // A kubelet asks for its Service again and again, at the same pace.
            Machinery::Real(_) => None,
        };
        kwok.into_iter().chain(&self.clients)
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
        crate::volumes::add(&self.client, class, size, count).await
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("url", &self.url()).field("dir", &self.dir()).finish_non_exhaustive()
    }
}
