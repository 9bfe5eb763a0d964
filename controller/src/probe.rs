//! Asks the sidecars of nodes that run whether their gate is open, beside the passes. A pass begins only when the answer is
//! another one than before.
//!
//! Each node has a pace: steady while its sidecar answers; as fast as useful for a while after its container was started or
//! stopped, or refused a connection; then ever slower. A sidecar that does not answer delays nobody else.

mod pace;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::StreamExt;
use seinode_core::{
    query::{Health, Unreachable},
    fetched::Fetched,
    node::NodeRef,
    observation::Pod,
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::time::{DelayQueue, delay_queue::Key};

use self::pace::Pace;
use crate::{cache::Fleet, metrics::Metrics, sidecar::Sidecar};

/// So many probes at once: each takes two seconds at worst.
const AT_ONCE: usize = 256;

/// So many gates that shut lately are a crowd: nodes whose gates are open again give way to it.
const CROWD: usize = 10;
/// For so long a crowd is one after the last gates have shut.
const LATELY: Duration = Duration::from_secs(3);

/// One run of one sidecar container: what an answer belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incarnation {
    pod_uid: String,
    restarts: i32,
    since: Option<jiff::Timestamp>,
}

impl Incarnation {
    /// The one that the pod's status shows.
    pub(crate) fn of(pod: &Pod) -> Self {
        Self { pod_uid: pod.uid.clone(), restarts: pod.sidecar_restarts, since: pod.sidecar_since }
    }
}

/// What is known of the gates of all nodes that run.
#[derive(Clone)]
pub(crate) struct Probes {
    known: Arc<Mutex<BTreeMap<NodeRef, Known>>>,
    orders: mpsc::UnboundedSender<Order>,
}

struct Known {
    incarnation: Incarnation,
    answer: Option<Answer>,
    /// Since when its gate is shut, as far as is known.
    shut_since: Option<Instant>,
    /// When its gate shut last, open again or not.
    shut_last: Option<Instant>,
}

impl Known {
    /// Takes an answer; returns how long the gate was shut if it is open again.
    fn take(&mut self, answer: Answer) -> Option<Duration> {
        let healed = match answer {
            Answer::Gate(Health::Ready) => self.shut_since.take().map(|since| since.elapsed()),
            Answer::Gate(Health::NotReady) => {
                if self.shut_since.is_none() {
                    self.shut_since = Some(Instant::now());
                    self.shut_last = self.shut_since;
                }
                None
            }
            Answer::Unreachable(_) => None,
        };
        self.answer = Some(answer);
        healed
    }
}

/// What a sidecar says of its gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Gate(Health),
    Unreachable(Unreachable),
}

enum Order {
    /// Probe this sidecar from now on, at once.
    Watch(NodeRef, Sidecar),
    /// Leave this node alone.
    Leave(NodeRef),
}

impl Probes {
    /// Makes the memory, and the future that probes until every clone of it is gone.
    pub(crate) fn new(
        fleet: Arc<Fleet>,
        metrics: Metrics,
        interval: Duration,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (orders, received) = mpsc::unbounded_channel();
        let known = Arc::<Mutex<BTreeMap<NodeRef, Known>>>::default();
        let prober = Prober { known: Arc::clone(&known), fleet, metrics, interval };
        (Self { known, orders }, prober.run(received))
    }

    /// What the sidecar of this incarnation answered last.
    pub(crate) fn answer(&self, node: &NodeRef, incarnation: &Incarnation) -> Option<Answer> {
        let known = lock(&self.known);
        known.get(node).filter(|known| known.incarnation == *incarnation)?.answer.clone()
    }

    /// Probes the sidecar of a node from now on. One that is probed already goes on at its pace.
    pub(crate) fn watch(&self, node: &NodeRef, incarnation: Incarnation, sidecar: Sidecar) {
        match lock(&self.known).entry(node.clone()) {
            Entry::Occupied(known) if known.get().incarnation == incarnation => return,
            // Another run of its sidecar: since when its gate is shut stays.
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.incarnation = incarnation;
                known.answer = None;
            }
            Entry::Vacant(place) => {
                place.insert(Known { incarnation, answer: None, shut_since: None, shut_last: None });
            }
        }
        // The prober lives as long as this memory.
        self.orders.send(Order::Watch(node.clone(), sidecar)).ok();
    }

    /// Leaves a node alone.
    pub(crate) fn leave(&self, node: &NodeRef) {
        if lock(&self.known).remove(node).is_some() {
            self.orders.send(Order::Leave(node.clone())).ok();
        }
    }

    /// Leaves a node alone that is gone.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        let is_it = |node: &&NodeRef| (node.namespace.as_str(), node.name.as_str()) == (namespace, name);
        let gone: Vec<_> = lock(&self.known).keys().filter(is_it).cloned().collect();
        gone.iter().for_each(|node| self.leave(node));
    }

    /// A pass has asked the sidecar itself. Returns how long its gate was shut if it is open again.
    pub(crate) fn note(&self, node: &NodeRef, incarnation: &Incarnation, fact: &Fetched) -> Option<Duration> {
        let answer = match fact {
            Fetched::Gate(health) => Answer::Gate(*health),
            Fetched::Unreachable(silence) => Answer::Unreachable(silence.clone()),
            _ => return None,
        };
        let mut known = lock(&self.known);
        known.get_mut(node).filter(|known| known.incarnation == *incarnation)?.take(answer)
    }

    /// Whether many gates shut a moment ago: others may follow.
    pub(crate) fn is_crowded(&self) -> bool {
        let known = lock(&self.known);
        let shut = known.values().filter_map(|known| known.shut_last);
        shut.filter(|at| at.elapsed() < LATELY).nth(CROWD - 1).is_some()
    }

    /// The sidecar was given something that may open its gate: what it answered before counts no more.
    pub(crate) fn doubt(&self, node: &NodeRef) {
        if let Some(known) = lock(&self.known).get_mut(node) {
            known.answer = None;
        }
    }
}

fn lock(known: &Mutex<BTreeMap<NodeRef, Known>>) -> MutexGuard<'_, BTreeMap<NodeRef, Known>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Prober {
    known: Arc<Mutex<BTreeMap<NodeRef, Known>>>,
    fleet: Arc<Fleet>,
    metrics: Metrics,
    interval: Duration,
}

/// A node that is probed.
struct Course {
    sidecar: Sidecar,
    pace: Pace,
    /// Its place among those that are due; none while it is being asked.
    next: Option<Key>,
}

impl Course {
    /// Puts it among those that are due, unless it is there.
    fn ask_after(&mut self, pause: Duration, node: NodeRef, due: &mut DelayQueue<NodeRef>) {
        self.next.get_or_insert_with(|| due.insert(node, pause));
    }
}

impl Prober {
    async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut courses: BTreeMap<NodeRef, Course> = BTreeMap::new();
        let mut due: DelayQueue<NodeRef> = DelayQueue::new();
        let (done, mut answers) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Leave(node)) => {
                        if let Some(key) = courses.remove(&node).and_then(|course| course.next) {
                            due.remove(&key);
                        }
                    }
                    Some(Order::Watch(node, sidecar)) => {
                        // What was due at a steady pace is due at once.
                        if let Some(key) = courses.remove(&node).and_then(|course| course.next) {
                            due.remove(&key);
                        }
                        let mut course = Course { sidecar, pace: Pace::begin(), next: None };
                        course.ask_after(Duration::ZERO, node.clone(), &mut due);
                        courses.insert(node, course);
                    }
                },
                Some(expired) = due.next(), if !due.is_empty() => {
                    let node = expired.into_inner();
                    let Some(course) = courses.get_mut(&node) else { continue };
                    course.next = None;
                    let (sidecar, permits, done) = (course.sidecar.clone(), Arc::clone(&permits), done.clone());
                    tokio::spawn(async move {
                        let begun = Instant::now();
                        let permit = permits.acquire().await;
                        let fact = sidecar.gate().await;
                        drop(permit);
                        // Nobody waits for it any more when the prober has ended.
                        done.send((node, sidecar, fact, begun.elapsed())).ok();
                    });
                },
                Some((node, asked, fact, took)) = answers.recv() => {
                    let waiting = courses.values().filter(|course| course.pace.is_hurried()).count();
                    let Some(course) = courses.get_mut(&node) else { continue };
                    if asked != course.sidecar {
                        // It belongs to an earlier incarnation, and so did its pace.
                        course.ask_after(Duration::ZERO, node, &mut due);
                        continue;
                    }
                    self.metrics.probe(&node.namespace, &fact, took);
                    let answer = match fact {
                        Fetched::Gate(health) => Answer::Gate(health),
                        Fetched::Unreachable(silence) => Answer::Unreachable(silence),
                        _ => Answer::Unreachable(Unreachable::Refused),
                    };
                    let pause = course.pace.next(&answer, &node, self.interval, waiting);
                    course.ask_after(pause, node.clone(), &mut due);
                    self.news(&node, answer);
                },
            }
        }
    }

    /// Wakes the node if the answer is another one than before.
    fn news(&self, node: &NodeRef, answer: Answer) {
        {
            let mut known = lock(&self.known);
            let Some(known) = known.get_mut(node) else { return };
            if known.answer.as_ref() == Some(&answer) {
                return;
            }
            if let Some(after) = known.take(answer) {
                self.metrics.healed(after);
            }
        }
        self.fleet.wake(node);
    }
}
