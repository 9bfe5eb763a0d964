//! Day-two operations: roll out a new image, and heal a sidecar that was restarted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use devcluster::Cluster;
use devcluster::wait::until;
use sidecar_sim::Sidecars;

use crate::demo::examples::{NAMESPACE, kubectl, typed};
use crate::demo::follow::{self, Arrival, Goal};
use crate::demo::guardrails::{self, Refusal};
use crate::demo::screen::{Screen, span};

/// The node that gets a new image; see [`NEW_IMAGE`].
const UPDATED: &str = "trace-0";
/// The new image; see [`NEW_IMAGE`].
pub(crate) const IMAGE: &str = "registry.example.com/sei/seid:v6.5.0";
/// The node whose sidecar restarts.
pub(crate) const RESTARTED: &str = "rpc-0";

/// Time limit for a heal; usual are some hundred milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Arguments of `kubectl` that set a new image.
const NEW_IMAGE: [&str; 5] = [
    "patch",
    "snode/trace-0",
    "--type=merge",
    "-p",
    r#"{"spec":{"image":"registry.example.com/sei/seid:v6.5.0"}}"#,
];

/// Shows steps 7 to 9: a new image, a heal, and edits that are rejected. `work` describes how `heal` begins.
///
/// # Errors
/// When a step fails.
pub(crate) async fn show(
    cluster: &Cluster,
    screen: &Screen,
    work: &str,
    heal: impl Future<Output = anyhow::Result<Heal>>,
) -> anyhow::Result<(Arrival, Vec<Refusal>)> {
    let step = screen.step(7, "New image", &typed(&NEW_IMAGE));
    let updated = roll_out(cluster, screen).await?;
    step.done(&format!("its pod was replaced and runs the new image after {}", span(updated.took)));

    let step = screen.step(8, "Lost gate", work);
    let Heal { node, took } = heal.await?;
    step.done(&format!("the gate of {node} was open {} after the restarted sidecar answered", span(took)));

    let step = screen.step(9, "By hand", "edits that a person should not make, with kubectl");
    let refusals = guardrails::demonstrate(cluster).await?;
    step.done(&format!("{} edits were made and rejected", refusals.len()));
    Ok((updated, refusals))
}

/// Changes the image of a node, and follows it until the new one runs.
///
/// # Errors
/// When kubectl fails, or the image does not run in time.
async fn roll_out(cluster: &Cluster, screen: &Screen) -> anyhow::Result<Arrival> {
    let names = [UPDATED.to_owned()];
    let patch = async {
        let output = kubectl(cluster, &[&NEW_IMAGE[..], &["-n", NAMESPACE]].concat()).await?;
        if !output.status.success() {
            bail!("kubectl does not change the image: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    };
    let followed = follow::until(Goal::Image(IMAGE), cluster.client(), &names, screen);
    let (mut arrivals, ()) = tokio::try_join!(followed, patch)?;
    arrivals.pop().context("the updated node is missing")
}

/// A gate that was opened again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heal {
    /// The node.
    pub(crate) node: &'static str,
    /// Time from the restarted sidecar's first answer until its gate was open.
    pub(crate) took: Duration,
}

/// Restarts a sidecar, as a kubelet does with one that was killed, and waits until its gate is open again.
///
/// # Errors
/// When the gate stays shut.
pub(crate) async fn heal(sidecars: &Sidecars) -> anyhow::Result<Heal> {
    let sidecar = sidecars.node(NAMESPACE, RESTARTED);
    sidecar.restart_process();
    let mut up = None;
    let what = format!("the gate of {RESTARTED} is open");
    let took = until(&what, LIMIT, async || {
        if !sidecar.is_up() {
            return Err("the sidecar is not up".to_owned());
        }
        let up: Instant = *up.get_or_insert_with(Instant::now);
        if sidecar.is_ready() { Ok(up.elapsed()) } else { Err("the gate is shut".to_owned()) }
    });
    Ok(Heal { node: RESTARTED, took: took.await? })
}
