//! Namespaces that have nodes. Counters of one that has none any more are removed: it may be gone for good.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use prometheus::core::{Collector, MetricVec, MetricVecBuilder};

/// Label that names the namespace.
const NAMESPACE: &str = "namespace";

/// The nodes of each namespace. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Namespaces(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl Namespaces {
    /// Records that a node is there.
    pub(super) fn seen(&self, namespace: &str, name: &str) {
        let mut all = self.0.lock();
        if let Some(nodes) = all.get_mut(namespace) {
            if !nodes.contains(name) {
                nodes.insert(name.to_owned());
            }
            return;
        }
        all.insert(namespace.to_owned(), BTreeSet::from([name.to_owned()]));
    }

    /// Records that a node is gone. Returns whether it was the last one of its namespace.
    pub(super) fn gone(&self, namespace: &str, name: &str) -> bool {
        let mut all = self.0.lock();
        let Some(nodes) = all.get_mut(namespace) else { return false };
        nodes.remove(name);
        nodes.is_empty() && all.remove(namespace).is_some()
    }

    /// True if a namespace has nodes.
    pub(super) fn has(&self, namespace: &str) -> bool {
        self.0.lock().contains_key(namespace)
    }
}

/// Removes the series of a namespace from a metric.
pub(super) fn remove<T: MetricVecBuilder>(metric: &MetricVec<T>, namespace: &str) {
    for family in metric.collect() {
        for series in family.get_metric() {
            let labels: HashMap<&str, &str> =
                series.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if labels.get(NAMESPACE) == Some(&namespace) {
                // Not there is as good as removed.
                metric.remove(&labels).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounterVec, Opts};

    use super::*;

    #[test]
    fn a_namespace_is_gone_with_its_last_node() {
        let namespaces = Namespaces::default();
        for name in ["n0", "n1", "n1"] {
            namespaces.seen("sei", name);
        }
        assert!(!namespaces.gone("sei", "n0") && namespaces.has("sei"));
        assert!(!namespaces.gone("other", "n0"), "none was there");
        assert!(namespaces.gone("sei", "n1") && !namespaces.has("sei"));
    }

    #[test]
    fn only_the_series_of_the_namespace_are_removed() {
        let counter = IntCounterVec::new(Opts::new("c", "c"), &["controller", NAMESPACE, "outcome"]).unwrap();
        for (namespace, outcome) in [("gone", "ready"), ("gone", "not_ready"), ("stays", "ready")] {
            counter.with_label_values(&["seinode", namespace, outcome]).inc();
        }
        remove(&counter, "gone");
        let left = counter.collect();
        assert_eq!(left[0].get_metric().len(), 1);
        assert_eq!(counter.with_label_values(&["seinode", "stays", "ready"]).get(), 1);
    }
}
