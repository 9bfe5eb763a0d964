//! A cluster for people: `devcluster up`, and programs that start something beside such a cluster.

use std::fmt::Write as _;

use tokio::signal::unix::{SignalKind, signal};

use crate::{Audit, Cluster, Keep, Nodes, Options, ServiceAccounts, Tool};

/// Flags of the command `up`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Up {
    /// Record every API request.
    #[arg(long)]
    audit: bool,
    /// Leave the cluster's directory, with its logs, when it ends.
    #[arg(long)]
    keep: bool,
    /// Run containers: with containerd, kubelet and kube-proxy on this machine, in place of simulated machines. Needs root and some
    /// packages; missing ones are listed.
    #[arg(long)]
    real_node: bool,
}

impl Up {
    /// `options` with what the flags ask for.
    #[must_use]
    pub fn apply(self, options: Options) -> Options {
        let options = Options {
            audit: if self.audit { Audit::On } else { Audit::Off },
            keep: if self.keep { Keep::Yes } else { Keep::No },
            ..options
        };
        match self.real_node {
            true => Options { service_accounts: ServiceAccounts::Required, nodes: Nodes::Real, ..options },
            false => options,
        }
    }

    /// Instructions for a person: how to reach the cluster, where its logs are, and how it ends.
    #[must_use]
    pub fn describe(self, cluster: &Cluster) -> String {
        let mut text = format!("\n  export KUBECONFIG={}\n", cluster.kubeconfig().display());
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        line(format!("  {} get nodes,storageclasses\n", cluster.tools().path(Tool::Kubectl).display()));
        line(format!("Logs:              {}", cluster.dir().join("logs").display()));
        if let Some(log) = cluster.audit_log() {
            line(format!("API requests:      {}", log.display()));
        }
        let directory = if self.keep { "its directory stays" } else { "its directory is deleted" };
        line(format!("Ctrl-C ends the cluster; {directory}."));
        text
    }
}

/// Waits for Ctrl-C or SIGTERM. From the first poll on they no longer end the process themselves.
///
/// # Errors
/// When the operating system does not allow that.
pub async fn interrupted() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
