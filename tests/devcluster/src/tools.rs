//! The programs of a control plane, and those that only some scenarios need: which ones, in which versions, and where
//! they are.
//!
//! [`Tools::provide`] takes, for each tool that is asked for, the first that fits of: the directory named by `KUBEBUILDER_ASSETS`,
//! `PATH`, our cache. What is in none of them is built from its pinned Go module into the cache. It never downloads a
//! binary and never installs anything outside the cache.

mod build;
mod cache;
mod find;
mod module;
mod version;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::progress::{Event, Progress};
use crate::supervisor::{Guard, SpawnError};
use version::Version;

/// Where a newcomer gets what [`Tools::provide`] cannot do without.
const GO: &str =
    "install Go from https://go.dev/dl/, or set KUBEBUILDER_ASSETS to a directory that has all the tools";

/// A program that is found or built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Stores everything.
    Etcd,
    /// Serves the API.
    Apiserver,
    /// Runs the controllers of StatefulSets and Deployments, of garbage collection and of volumes.
    ControllerManager,
    /// Assigns pods to nodes.
    Scheduler,
    /// Plays the kubelet.
    Kwok,
    /// For people and tests.
    Kubectl,
    /// Helm 4: renders and installs the charts, for people and tests.
    Helm,
    /// Helm 3, which many still have: the charts have to be good for both.
    Helm3,
    /// Looks after the pods of a real node.
    Kubelet,
    /// Routes to Services on a real node.
    KubeProxy,
    /// Knows the names of Services and pods on a real node.
    CoreDns,
    /// Checks and tries the alerts.
    Promtool,
    /// Says what expressions select; a program of ours around the parser of Prometheus.
    Promql,
}

impl Tool {
    /// What every cluster needs, in the order in which it is built.
    pub const CONTROL_PLANE: [Self; 7] = [
        Self::Etcd,
        Self::Apiserver,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Kwok,
        Self::Kubectl,
        Self::Helm,
    ];
    /// What a real node needs beside that.
    pub const NODE: [Self; 3] = [Self::Kubelet, Self::KubeProxy, Self::CoreDns];
    /// All of them: the others are built when somebody asks for them.
    pub const ALL: [Self; 13] = [
        Self::Etcd,
        Self::Apiserver,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Kwok,
        Self::Kubectl,
        Self::Helm,
        Self::Helm3,
        Self::Kubelet,
        Self::KubeProxy,
        Self::CoreDns,
        Self::Promtool,
        Self::Promql,
    ];

    /// The name of its binary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Apiserver => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::Helm3 => "helm3",
            Self::Kubelet => "kubelet",
            Self::KubeProxy => "kube-proxy",
            Self::CoreDns => "coredns",
            Self::Promtool => "promtool",
            Self::Promql => "seinode-promql",
        }
    }

    /// The tool whose binary is called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a tool cannot be provided.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// There is no Go to build it with.
    #[error("{tool} has to be built, and there is no `go` on PATH; Go {wanted} or newer is needed: {GO}")]
    NoGo {
        /// The first tool that has to be built.
        tool: Tool,
        /// The version that its module asks for.
        wanted: String,
    },
    /// Go is too old and does not fetch a newer one by itself.
    #[error("{tool} has to be built with Go {wanted} or newer, and `go` says: {answer}; {GO}")]
    OldGo {
        /// The first tool that has to be built.
        tool: Tool,
        /// The version that its module asks for.
        wanted: String,
        /// What `go env GOVERSION` answered in the module's directory.
        answer: String,
    },
    /// The build failed.
    #[error("building {tool} failed ({status}); the end of {log}:\n{tail}", log = log.display())]
    Build {
        /// The tool.
        tool: Tool,
        /// How `go build` ended.
        status: std::process::ExitStatus,
        /// Its whole output.
        log: PathBuf,
        /// The last lines of its output.
        tail: String,
    },
    /// `go` could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// There is no place for the cache.
    #[error(
        "no place for built tools: set SEINODE_DEVCLUSTER_CACHE to a directory (neither it nor XDG_CACHE_HOME nor HOME is set)"
    )]
    NoCache,
    /// The cache cannot be used.
    #[error("cannot use the tool cache at {path}: {source}; set SEINODE_DEVCLUSTER_CACHE to a writable directory", path = path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

/// A binary for every [`Tool`] that was asked for.
#[derive(Clone, Debug)]
pub struct Tools(BTreeMap<Tool, PathBuf>);

impl Tools {
    /// Finds or builds the tools that are wanted, such as [`Tool::CONTROL_PLANE`]. A first build takes minutes; `progress`
    /// says how far it is.
    ///
    /// # Errors
    /// When a tool has to be built and that does not work.
    pub async fn provide(wanted: &[Tool], guard: &Guard, progress: &Progress) -> Result<Self, ToolError> {
        let cache = cache::Cache::open()?;
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for (tool, candidates) in wanted.iter().copied().zip(find::candidates(wanted).await) {
            let path = match find::choose(tool, candidates) {
                Ok(path) => Some(path),
                Err(rejected) => {
                    let built = cache.built(tool);
                    // Of interest only to who has to wait for a build.
                    rejected.iter().filter(|_| built.is_none()).for_each(|event| progress.report(event));
                    built
                }
            };
            match path {
                Some(path) => {
                    progress.report(&Event::ToolFound { tool, path: path.clone() });
                    found.insert(tool, path);
                }
                None => missing.push(tool),
            }
        }
        for (index, tool) in missing.iter().copied().enumerate() {
            let place = build::Place { number: index + 1, of: missing.len() };
            found.insert(tool, build::build(tool, &cache, place, guard, progress).await?);
        }
        Ok(Self(found))
    }

    /// The binary of `tool`, which was asked for.
    #[must_use]
    pub fn path(&self, tool: Tool) -> &Path {
        // `provide` leaves none out that it was asked for; a bare name would be looked up on PATH.
        self.0.get(&tool).map_or(Path::new(tool.name()), PathBuf::as_path)
    }

    /// Every tool with its binary.
    pub fn iter(&self) -> impl Iterator<Item = (Tool, &Path)> {
        self.0.iter().map(|(tool, path)| (*tool, path.as_path()))
    }
}

/// How long `tool` took to build on 2 cores with no module and no build cached.
fn expected(tool: Tool) -> Duration {
    Duration::from_secs(match tool {
        Tool::Etcd => 40,
        Tool::Apiserver => 170,
        Tool::ControllerManager => 55,
        Tool::Scheduler => 10,
        Tool::Kwok => 70,
        Tool::Kubectl => 20,
        Tool::Helm | Tool::Helm3 => 90,
        // What they share with the control plane is built before.
        Tool::Kubelet => 50,
        Tool::KubeProxy => 25,
        Tool::CoreDns => 100,
        Tool::Promtool => 120,
        Tool::Promql => 60,
    })
}
