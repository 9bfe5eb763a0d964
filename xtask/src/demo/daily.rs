//! What the operator does on an ordinary day: it rolls out a new image, and it opens a gate that a restart shut.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use devcluster::Cluster;
use sidecar_sim::Sidecars;

use crate::demo::examples::NAMESPACE;
use crate::demo::follow::{self, Arrival, Goal};
use crate::demo::screen::Screen;

/// The node that gets a new image, and the image: those of [`UPDATE`].
const UPDATED: &str = "trace-0";
pub(crate) const IMAGE: &str = "registry.example.com/sei/seid:v6.5.0";
/// The node whose sidecar restarts.
pub(crate) const RESTARTED: &str = "rpc-0";

/// How long a gate may be shut; it takes some hundred milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// What a user types for a new image, behind `kubectl`.
pub(crate) const UPDATE: [&str; 5] = [
    "patch",
    "snode/trace-0",
    "--type=merge",
    "-p",
    r#"{"spec":{"image":"registry.example.com/sei/seid:v6.5.0"}}"#,
];

/// Changes the image of a node, and follows it until the new one runs.
///
/// # Errors
/// When kubectl refuses, or the image does not run in time.
pub(crate) async fn roll(cluster: &Cluster, screen: &Screen) -> anyhow::Result<Arrival> {
    let names = [UPDATED.to_owned()];
    let (mut arrivals, ()) =
        tokio::try_join!(follow::until(Goal::Image(IMAGE), cluster.client(), &names, screen), async {
            let mut kubectl = tokio::process::Command::from(cluster.kubectl());
            let said = kubectl.args(UPDATE).args(["-n", NAMESPACE]).kill_on_drop(true).output().await?;
            if !said.status.success() {
                bail!("kubectl does not change the image: {}", String::from_utf8_lossy(&said.stderr).trim());
            }
            Ok(())
        },)?;
    arrivals.pop().context("a node that was followed is not there")
}

/// A gate that was shut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heal {
    /// Of this node.
    pub(crate) node: &'static str,
    /// From the first moment at which the restarted sidecar could be asked until its gate was open.
    pub(crate) took: Duration,
}

/// Restarts a sidecar, as a kubelet does with one that was killed, and waits until its gate is open again.
///
/// # Errors
/// When it stays shut.
pub(crate) async fn heal(sidecars: &Sidecars) -> anyhow::Result<Heal> {
    let sidecar = sidecars.node(NAMESPACE, RESTARTED);
    sidecar.restart_process();
    let begun = Instant::now();
    let mut up = None;
    loop {
        if up.is_none() && sidecar.is_up() {
            up = Some(Instant::now());
        }
        if let Some(up) = up.filter(|_| sidecar.is_ready()) {
            return Ok(Heal { node: RESTARTED, took: up.elapsed() });
        }
        if begun.elapsed() > PATIENCE {
            bail!("the gate of {RESTARTED} is still shut after {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}
