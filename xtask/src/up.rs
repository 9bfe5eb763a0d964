//! `cargo xtask up`: a local cluster with simulated sidecars, until Ctrl-C.

use devcluster::{Cluster, Guard, Options, Progress, up};
use sidecar_sim::Sidecars;

/// Start a local cluster with simulated sidecars, and end it on Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    up: up::Up,
}

/// Runs the cluster until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the cluster does not start.
#[tokio::main]
pub(crate) async fn run(arguments: &Arguments, guard: &Guard) -> anyhow::Result<()> {
    // What has been started ends when its future is dropped: so an interruption works at every moment.
    tokio::select! {
        outcome = start(arguments.up, guard) => outcome,
        outcome = up::interrupted() => Ok(outcome?),
    }
}

async fn start(up: up::Up, guard: &Guard) -> anyhow::Result<()> {
    let options = up.apply(Options { progress: Progress::lines(), ..xtask::platform::options() });
    let cluster = Cluster::start(options, guard).await?;
    crate::say(&up.describe(&cluster))?;
    // On a real node the sidecars are containers.
    let _sidecars = match cluster.real_node() {
        Some(_) => None,
        None => {
            let sidecars = Sidecars::start(cluster.client()).await?;
            let probed = sidecars.clone();
            cluster.answer_probes(move |probe| probed.answers_probe(probe.pod, probe.port, probe.path));
            crate::say(&format!("For the operator:  --sidecar-url-template '{}'", sidecars.url_template()))?;
            Some(sidecars)
        }
    };
    std::future::pending().await
}
