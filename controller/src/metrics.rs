//! What can be scraped. Counters belong to this process; gauges are read from the watched objects at scrape
//! time, so they can neither leak nor outlive their object (W11, W12).

use std::sync::Arc;

use prometheus::{
    GaugeVec, IntCounterVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use seinode_api::status::Phase;
use seinode_core::{
    effect::{Effect, Outcome},
    failure::Class,
};

use crate::cache::Fleet;

/// What is counted; clones share the counters.
#[derive(Clone)]
pub(crate) struct Metrics {
    errors: IntCounterVec,
    effects: IntCounterVec,
    events: IntCounterVec,
}

impl Metrics {
    /// Makes the metrics and puts them into a registry.
    ///
    /// # Errors
    /// When a name is malformed or taken.
    pub(crate) fn register(registry: &Registry, fleet: &Arc<Fleet>) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let metrics = Self {
            errors: counter(
                "sei_controller_reconcile_errors_total",
                "Passes that ended early because something did not work, by what may help.",
                &["class"],
            )?,
            effects: counter(
                "sei_controller_effects_total",
                "Changes made or tried, by kind and outcome.",
                &["kind", "outcome"],
            )?,
            events: counter(
                "sei_controller_events_total",
                "Kubernetes events by fate: sent, failed, dropped.",
                &["fate"],
            )?,
        };
        registry.register(Box::new(Phases::new(Arc::clone(fleet))?))?;
        Ok(metrics)
    }

    pub(crate) fn error(&self, class: Class) {
        let class = match class {
            Class::Conflict => "conflict",
            Class::Transient => "transient",
            Class::Denied => "denied",
            Class::User => "user",
            Class::Invariant => "invariant",
        };
        self.errors.with_label_values(&[class]).inc();
    }

    pub(crate) fn effect(&self, effect: &Effect, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Failed(_) => "failed",
            Outcome::Rejected(_) => "rejected",
            Outcome::Silent(_) => "silent",
            Outcome::Volume(_)
            | Outcome::Workload(_)
            | Outcome::Service(_)
            | Outcome::Job(_)
            | Outcome::Deleted
            | Outcome::Submitted
            | Outcome::FinalizerRemoved => "done",
        };
        self.effects.with_label_values(&[kind(effect), outcome]).inc();
    }

    pub(crate) fn event(&self, fate: &str) {
        self.events.with_label_values(&[fate]).inc();
    }
}

/// The name of an effect, for metrics and logs.
pub(crate) fn kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::CreateVolume => "create-volume",
        Effect::MarkVolume(_) => "mark-volume",
        Effect::ApplyWorkload => "apply-statefulset",
        Effect::Scale(_) => "scale",
        Effect::ApplyService => "apply-service",
        Effect::ApplyBootstrapService => "apply-bootstrap-service",
        Effect::CreateJob => "create-bootstrap-job",
        Effect::SuspendJob(_) => "suspend-bootstrap-job",
        Effect::DeleteJob(_) => "delete-bootstrap-job",
        Effect::DeleteService(_) => "delete-bootstrap-service",
        Effect::Submit(_) => "submit-task",
        Effect::RemoveLegacyFinalizer => "remove-legacy-finalizer",
    }
}

const PHASES: [Phase; 5] =
    [Phase::Pending, Phase::Initializing, Phase::Running, Phase::Failed, Phase::Terminating];

/// `sei_controller_seinode_phase`: 1 for the phase that a node is in, 0 for the others (plans-tasks-sidecar §7).
struct Phases {
    fleet: Arc<Fleet>,
    description: Desc,
}

impl Phases {
    fn new(fleet: Arc<Fleet>) -> Result<Self, prometheus::Error> {
        let description = Self::gauge()?.desc().first().map(|desc| (*desc).clone());
        let missing = || prometheus::Error::Msg("a gauge without description".into());
        Ok(Self { fleet, description: description.ok_or_else(missing)? })
    }

    fn gauge() -> Result<GaugeVec, prometheus::Error> {
        let help = "1 for the phase that the SeiNode is in, 0 for all others.";
        GaugeVec::new(Opts::new("sei_controller_seinode_phase", help), &["namespace", "name", "phase"])
    }
}

impl Collector for Phases {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(gauge) = Self::gauge() else { return Vec::new() };
        for node in self.fleet.nodes() {
            let Ok(node) = &node.0 else { continue };
            let Some(current) = node.status.as_ref().and_then(|status| status.phase) else { continue };
            let meta = &node.metadata;
            let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
            for phase in PHASES {
                let value = if phase == current { 1.0 } else { 0.0 };
                let labels = [namespace.unwrap_or_default(), name.unwrap_or_default(), &format!("{phase:?}")];
                gauge.with_label_values(&labels).set(value);
            }
        }
        gauge.collect()
    }
}
