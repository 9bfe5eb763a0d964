//! Time at which each watch was opened last. A healthy one ends and is opened anew every few minutes, so a time that is old says that
//! what the operator sees is old as well, also where no error was met.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus::{
    GaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Seconds since 1970 at which each watch was opened last, by its path. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Opened(Arc<Mutex<BTreeMap<String, f64>>>);

/// Shows the oldest of each kind at the scrape: there is one watch of a kind for each served namespace.
struct Oldest {
    opened: Opened,
    descriptions: Vec<Desc>,
}

impl Opened {
    /// Has it shown by a registry.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let opened = Self::default();
        let descriptions = gauge()?.desc().into_iter().cloned().collect();
        registry.register(Box::new(Oldest { opened: opened.clone(), descriptions }))?;
        Ok(opened)
    }

    /// A watch of this path was opened.
    pub(super) fn now(&self, path: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.lock().insert(path.to_owned(), now);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Oldest {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(gauge) = gauge() else { return Vec::new() };
        let mut oldest: BTreeMap<String, f64> = BTreeMap::new();
        for (path, at) in self.opened.lock().iter() {
            let kind = path.rsplit('/').next().unwrap_or_default();
            let known = oldest.entry(kind.to_owned()).or_insert(*at);
            *known = known.min(*at);
        }
        for (kind, at) in oldest {
            gauge.with_label_values(&[&kind]).set(at);
        }
        gauge.collect()
    }
}

fn gauge() -> Result<GaugeVec, prometheus::Error> {
    GaugeVec::new(
        Opts::new(
            "sei_controller_watch_opened_seconds",
            "When the watch of a kind was opened last, in seconds since 1970; of several the oldest.",
        ),
        &["kind"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_watches_of_a_kind_the_oldest_is_shown() {
        let registry = Registry::new();
        let opened = Opened::register(&registry).unwrap();
        assert!(registry.gather().is_empty(), "nothing was opened yet");
        opened.now("/api/v1/namespaces/a/pods");
        opened.lock().insert("/api/v1/namespaces/b/pods".into(), 7.0);
        opened.now("/apis/sei.io/v1alpha1/seinodes");
        let families = registry.gather();
        let found: Vec<_> = families[0]
            .get_metric()
            .iter()
            .map(|it| (it.get_label()[0].value().to_owned(), it.get_gauge().get_value()))
            .collect();
        assert_eq!(found[0], ("pods".to_owned(), 7.0));
        assert!(found[1].0 == "seinodes" && found[1].1 > 1.7e9, "{found:?}");
    }
}
