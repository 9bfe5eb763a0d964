//! Nodes that were woken and wait for a reconcile: how many there are, and for how long.
//!
//! A node that is worked on and was woken again meanwhile waits too. A pass that begins because a pause is over was not
//! woken, and does not count.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use parking_lot::Mutex;
use prometheus::{
    Gauge, Histogram, HistogramOpts, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Since when each node waits, by namespace and name.
type Waiting = Arc<Mutex<BTreeMap<(String, String), Instant>>>;

/// Nodes that wait for a reconcile. Clones share it.
#[derive(Clone)]
pub(super) struct Queue {
    waiting: Waiting,
    waits: Histogram,
}

/// The gauges of the queue, read at the scrape.
struct Gauges {
    waiting: Waiting,
    depth: Gauge,
    oldest: Gauge,
}

impl Queue {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let waiting = Waiting::default();
        let waits = HistogramOpts::new(
            "sei_controller_queue_wait_seconds",
            "How long a node that was woken waited for its reconcile.",
        )
        .buckets(vec![0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0]);
        let waits = Histogram::with_opts(waits)?;
        registry.register(Box::new(waits.clone()))?;
        let gauge = |name: &str, help: &str| Gauge::with_opts(Opts::new(name, help));
        registry.register(Box::new(Gauges {
            waiting: Arc::clone(&waiting),
            depth: gauge(
                "sei_controller_queue_depth",
                "How many nodes were woken and wait for a reconcile.",
            )?,
            oldest: gauge(
                "sei_controller_queue_oldest_age_seconds",
                "How long the node waits that waits longest for a reconcile; 0 when none does.",
            )?,
        }))?;
        Ok(Self { waiting, waits })
    }

    /// A node was woken. One that waits already goes on waiting.
    pub(super) fn woken(&self, namespace: &str, name: &str) {
        self.waiting.lock().entry((namespace.to_owned(), name.to_owned())).or_insert_with(Instant::now);
    }

    /// Its reconcile begins.
    pub(super) fn begun(&self, namespace: &str, name: &str) {
        if let Some(since) = self.take(namespace, name) {
            self.waits.observe(since.elapsed().as_secs_f64());
        }
    }

    /// It is gone, and waits no more.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.take(namespace, name);
    }

    fn take(&self, namespace: &str, name: &str) -> Option<Instant> {
        self.waiting.lock().remove(&(namespace.to_owned(), name.to_owned()))
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        [&self.depth, &self.oldest].into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (depth, oldest) = {
            let waiting = self.waiting.lock();
            (waiting.len(), waiting.values().min().map_or(0.0, |since| since.elapsed().as_secs_f64()))
        };
        self.depth.set(u32::try_from(depth).map_or(f64::INFINITY, f64::from));
        self.oldest.set(oldest);
        [&self.depth, &self.oldest].into_iter().flat_map(Collector::collect).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(registry: &Registry, name: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }

    #[test]
    fn who_was_woken_waits_until_its_pass_begins_or_it_is_gone() {
        let registry = Registry::new();
        let queue = Queue::register(&registry).unwrap();
        let depth = || gauge(&registry, "sei_controller_queue_depth");
        assert_eq!((depth(), gauge(&registry, "sei_controller_queue_oldest_age_seconds")), (0.0, 0.0));
        for name in ["a", "b", "a"] {
            queue.woken("sei", name);
        }
        assert_eq!(depth(), 2.0, "one that waits already is not counted twice");
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(gauge(&registry, "sei_controller_queue_oldest_age_seconds") >= 0.002);
        queue.begun("sei", "a");
        queue.forget("sei", "b");
        assert_eq!((depth(), queue.waits.get_sample_count()), (0.0, 1));
        queue.begun("sei", "a");
        assert_eq!(queue.waits.get_sample_count(), 1, "a reconcile that nobody asked for waited for nothing");
    }
}
