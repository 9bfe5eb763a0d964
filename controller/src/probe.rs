//! Probes the sidecars of nodes that run, beside the reconciles. A reconcile begins only when the answer is another one
//! than before.
//!
//! Each node has a schedule: steady while its sidecar answers; as fast as useful for a while after its container was started or
//! stopped, or refused a connection; then ever slower. A sidecar that does not answer delays nobody else. Which sidecar
//! is probed is decided by the node's reconcile; the answers are remembered in [`seinode_core::memory`].

mod schedule;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use seinode_core::{
    memory::{Incarnation, Probing},
    node::NodeRef,
    reconcile::Reconcile,
    sidecar::{Answer, Health},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::time::{DelayQueue, delay_queue::Key};

use self::schedule::Schedule;
use crate::{
    cache::Fleet,
    clock,
    metrics::Metrics,
    sidecar::{Sidecar, Sidecars},
};

/// Probes at once: each takes two seconds at worst.
const CONCURRENT: usize = 256;

/// Tells the prober which sidecars to probe.
#[derive(Clone)]
pub(crate) struct Prober {
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    /// Probe this run of a sidecar from now on, at once.
    Begin(NodeRef, Incarnation, Sidecar),
    /// Leave this node alone.
    End(NodeRef),
}

impl Prober {
    /// Makes the handle, and the future that probes until every clone of it is gone.
    pub(crate) fn new(
        fleet: Arc<Fleet>,
        metrics: Metrics,
        interval: Duration,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (orders, received) = mpsc::unbounded_channel();
        (Self { orders }, Probes { fleet, metrics, interval }.run(received))
    }

    /// Does as a reconcile has decided: begins with another run of the node's sidecar, or leaves the node alone.
    pub(crate) fn follow(&self, machine: &Reconcile, sidecars: &Sidecars, probing: &Probing) {
        let node = &machine.subject().node;
        // The probes live as long as this handle.
        match probing {
            Probing::Unchanged => {}
            Probing::End => self.end(node),
            Probing::Begin(incarnation) => {
                let intent = machine.subject().readable();
                let pod = machine.seen().pod().filter(|pod| Incarnation::of(pod) == *incarnation);
                let sidecar =
                    pod.zip(intent).and_then(|(pod, intent)| sidecars.of(node, pod, intent.sidecar.port));
                if let Some(sidecar) = sidecar {
                    self.orders.send(Order::Begin(node.clone(), incarnation.clone(), sidecar)).ok();
                }
            }
        }
    }

    /// Leaves a node alone.
    pub(crate) fn end(&self, node: &NodeRef) {
        self.orders.send(Order::End(node.clone())).ok();
    }
}

struct Probes {
    fleet: Arc<Fleet>,
    metrics: Metrics,
    interval: Duration,
}

/// A node that is probed.
struct Probed {
    incarnation: Incarnation,
    sidecar: Sidecar,
    schedule: Schedule,
    /// Its place among those that are due; none while a probe is under way.
    next: Option<Key>,
}

impl Probed {
    /// Puts it among those that are due, unless it is there.
    fn due_after(&mut self, pause: Duration, node: NodeRef, due: &mut DelayQueue<NodeRef>) {
        self.next.get_or_insert_with(|| due.insert(node, pause));
    }
}

/// The end of one probe.
struct Probe {
    node: NodeRef,
    incarnation: Incarnation,
    answer: Answer<Health>,
    took: Duration,
}

impl Probes {
    async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut probed: BTreeMap<NodeRef, Probed> = BTreeMap::new();
        let mut due: DelayQueue<NodeRef> = DelayQueue::new();
        let (done, mut answers) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(CONCURRENT));
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::End(node)) => forget(&node, &mut probed, &mut due),
                    Some(Order::Begin(node, incarnation, sidecar)) => {
                        // A probe that was due at a steady pace is due at once.
                        forget(&node, &mut probed, &mut due);
                        let schedule = Schedule::begin();
                        let mut new = Probed { incarnation, sidecar, schedule, next: None };
                        new.due_after(Duration::ZERO, node.clone(), &mut due);
                        probed.insert(node, new);
                    }
                },
                Some(expired) = due.next(), if !due.is_empty() => {
                    let node = expired.into_inner();
                    let Some(probed) = probed.get_mut(&node) else { continue };
                    probed.next = None;
                    let (sidecar, incarnation) = (probed.sidecar.clone(), probed.incarnation.clone());
                    let (permits, done) = (Arc::clone(&permits), done.clone());
                    tokio::spawn(async move {
                        let begun = Instant::now();
                        let permit = permits.acquire().await;
                        let answer = sidecar.health().await;
                        drop(permit);
                        // Nobody waits for it any more when the probes have ended.
                        done.send(Probe { node, incarnation, answer, took: begun.elapsed() }).ok();
                    });
                },
                Some(probe) = answers.recv() => {
                    self.metrics.probe(&probe.node.namespace, &probe.answer, probe.took);
                    let waiting = probed.values().filter(|probed| probed.schedule.is_hurried()).count();
                    let Some(probed) = probed.get_mut(&probe.node) else { continue };
                    if probe.incarnation != probed.incarnation {
                        // It belongs to an earlier run, and so did its schedule.
                        probed.due_after(Duration::ZERO, probe.node, &mut due);
                        continue;
                    }
                    let pause = probed.schedule.next(&probe.answer, &probe.node, self.interval, waiting);
                    probed.due_after(pause, probe.node.clone(), &mut due);
                    self.answered(probe);
                },
            }
        }
    }

    /// Remembers an answer, and wakes the node if it is another one than before.
    fn answered(&self, probe: Probe) {
        let Probe { node, incarnation, answer, took: _ } = probe;
        let is_news = {
            let mut memory = self.fleet.memory.lock();
            let is_news = memory.answered(&node, &incarnation, answer, clock::now());
            memory.take_healed().into_iter().for_each(|after| self.metrics.healed(after));
            is_news
        };
        if is_news {
            self.fleet.wake(&node);
        }
    }
}

fn forget(node: &NodeRef, probed: &mut BTreeMap<NodeRef, Probed>, due: &mut DelayQueue<NodeRef>) {
    if let Some(key) = probed.remove(node).and_then(|probed| probed.next) {
        due.remove(&key);
    }
}
