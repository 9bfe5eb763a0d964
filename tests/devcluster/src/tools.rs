//! The programs of a control plane, and those that only some scenarios need.
//!
//! [`Tools::provide`] takes, for each tool that is wanted, the first that fits of: the directory named by
//! `KUBEBUILDER_ASSETS`, a store of setup-envtest, `PATH`, our cache. A tool that is in none of them is taken from the
//! official release file of its pinned version, if that can be downloaded and has the right checksum, or else built from
//! its pinned Go module. Either way it goes into the cache. Nothing is ever installed outside the cache.

mod build;
mod cache;
mod checksum;
mod download;
mod envtest;
mod error;
mod find;
mod mirror;
mod module;
mod obtain;
mod release;
mod unpack;
mod version;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::progress::{Event, Progress};
use crate::supervisor::Guard;
pub use checksum::Checksum;
pub use error::{DownloadError, ToolError};
use version::Version;

/// A program of a control plane, or of something beside it.
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
    /// Resolves the names of Services and pods on a real node.
    CoreDns,
    /// Checks and tries the alerts.
    Promtool,
    /// Lists the selectors of expressions; a program of ours around the parser of Prometheus.
    Promql,
}

impl Tool {
    /// The tools that every cluster needs.
    pub const CONTROL_PLANE: [Self; 6] =
        [Self::Etcd, Self::Apiserver, Self::ControllerManager, Self::Scheduler, Self::Kubectl, Self::Helm];
    /// The tools that a real node needs besides.
    pub const NODE: [Self; 3] = [Self::Kubelet, Self::KubeProxy, Self::CoreDns];
    /// All tools. Those that are in neither list above are obtained when somebody asks for them.
    pub const ALL: [Self; 12] = [
        Self::Etcd,
        Self::Apiserver,
        Self::ControllerManager,
        Self::Scheduler,
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

/// A binary for every [`Tool`] that was asked for.
#[derive(Clone, Debug)]
pub struct Tools(BTreeMap<Tool, PathBuf>);

impl Tools {
    /// Finds the tools that are wanted, such as [`Tool::CONTROL_PLANE`], or obtains them. The first time, that takes a
    /// minute of downloading or some minutes of building; `progress` reports how far it is.
    ///
    /// # Errors
    /// When a tool has to be built and the build fails.
    pub async fn provide(wanted: &[Tool], guard: &Guard, progress: &Progress) -> Result<Self, ToolError> {
        let cache = cache::Cache::open()?;
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for (tool, candidates) in wanted.iter().copied().zip(find::candidates(wanted).await) {
            let path = match find::choose(tool, candidates) {
                Ok(path) => Some(path),
                Err(rejected) => {
                    let cached = cache.program(tool);
                    // Of interest only to someone who has to wait.
                    rejected.iter().filter(|_| cached.is_none()).for_each(|event| progress.report(event));
                    cached
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
        for (tool, path) in obtain::obtain(&missing, &cache, guard, progress).await? {
            found.insert(tool, path);
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

/// The names of `tools` in a sentence.
pub(crate) fn list(tools: &[Tool]) -> String {
    let names: Vec<_> = tools.iter().map(|tool| tool.name()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}

/// Duration of building `tools` of one module on two idle cores with no module and no build cached.
fn expected(tools: &[Tool]) -> Duration {
    let seconds = |tool: &Tool| match tool {
        Tool::Etcd => 40,
        Tool::Apiserver => 170,
        Tool::ControllerManager => 55,
        Tool::Scheduler => 10,
        Tool::Kubectl => 20,
        Tool::Helm | Tool::Helm3 => 90,
        // Most of their packages are those of the control plane.
        Tool::Kubelet => 50,
        Tool::KubeProxy => 25,
        Tool::CoreDns => 100,
        Tool::Promtool => 120,
        Tool::Promql => 60,
    };
    Duration::from_secs(tools.iter().map(seconds).sum())
}
