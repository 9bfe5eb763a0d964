//! Follows SeiNodes until all of them are where they should be, as `kubectl get --watch` would, and shows how they get on.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::bail;
use futures::StreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use seinode_api::SeiNode;

use crate::demo::examples::NAMESPACE;
use crate::demo::screen::{Row, Screen, span};
use crate::demo::standing::{Standing, is_running, ready_message};

/// Time limit for the nodes. Slow sidecars need half a minute; a busy machine may need ten times that.
const PATIENCE: Duration = Duration::from_secs(180);

/// Goal of the nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal<'a> {
    /// Up.
    Running,
    /// Up with this image, and with no work left.
    Image(&'a str),
}

/// A node that is where it should be.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The node.
    pub(crate) node: SeiNode,
    /// From its first sight until then, as a watching user saw it.
    pub(crate) took: Duration,
}

/// A node on its way.
struct Journey {
    row: Row,
    begun: Option<Instant>,
    standing: Option<Standing>,
    node: Option<SeiNode>,
    took: Option<Duration>,
}

/// Waits until the nodes with these names are there; returns them in this order.
///
/// # Errors
/// When one is not there in time; the words say for each where it stands.
pub(crate) async fn until(
    goal: Goal<'_>,
    client: Client,
    names: &[String],
    screen: &Screen,
) -> anyhow::Result<Vec<Arrival>> {
    let mut journeys: BTreeMap<&str, Journey> =
        names.iter().map(|name| (name.as_str(), Journey::begin(screen.row(name)))).collect();
    let api: Api<SeiNode> = Api::namespaced(client, NAMESPACE);
    let mut seen = pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    let deadline = tokio::time::sleep(PATIENCE);
    let mut deadline = pin!(deadline);
    while journeys.values().any(|journey| journey.took.is_none()) {
        tokio::select! {
            // A watch that broke is opened again by itself.
            Some(next) = seen.next() => if let Ok(node) = next
                && let Some(journey) = journeys.get_mut(node.name_any().as_str())
            {
                journey.see(goal, node);
            },
            () = &mut deadline => bail!("{}", late(&journeys)),
        }
    }
    Ok(names.iter().filter_map(|name| journeys.get_mut(name.as_str())?.end()).collect())
}

impl Journey {
    fn begin(row: Row) -> Self {
        Self { row, begun: None, standing: None, node: None, took: None }
    }

    fn see(&mut self, goal: Goal<'_>, node: SeiNode) {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let standing = Standing::of(&node, self.standing.as_ref());
        if self.took.is_none() {
            self.row.show(&standing);
        }
        if self.took.is_none() && goal.is_reached(&node) {
            let took = begun.elapsed();
            self.took = Some(took);
            self.row.done(&format!("{goal} after {}, {} tasks", span(took), standing.of));
        }
        self.standing = Some(standing);
        self.node = Some(node);
    }

    fn end(&mut self) -> Option<Arrival> {
        Some(Arrival { node: self.node.take()?, took: self.took? })
    }
}

impl Goal<'_> {
    fn is_reached(self, node: &SeiNode) -> bool {
        match self {
            Self::Running => is_running(node),
            Self::Image(image) => {
                let status = node.status.as_ref();
                is_running(node)
                    && status
                        .is_some_and(|it| it.plan.is_none() && it.current_image.as_deref() == Some(image))
            }
        }
    }
}

impl fmt::Display for Goal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("Running"),
            Self::Image(image) => f.write_str(image.rsplit('/').next().unwrap_or(image)),
        }
    }
}

fn late(journeys: &BTreeMap<&str, Journey>) -> String {
    let behind = journeys.iter().filter(|(_, journey)| journey.took.is_none());
    let lines = behind.map(|(name, journey)| {
        let at = journey.node.as_ref().map(|node| (node, ready_message(node).unwrap_or_default()));
        match (&journey.standing, at) {
            (Some(standing), Some((_, why))) => format!("  {name}: {}, {why}", standing.phase),
            _ => format!("  {name}: it was not seen at all"),
        }
    });
    let lines: Vec<String> = lines.collect();
    format!("not all nodes are there after {} s:\n{}", PATIENCE.as_secs(), lines.join("\n"))
}
