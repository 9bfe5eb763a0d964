//! What can be scraped. Counters belong to this process; gauges are read from the watched objects at scrape
//! time, so they can neither leak nor outlive their object (W11, W12).

use std::{sync::Arc, time::Duration};

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounterVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use seinode_api::{SeiNode, conditions, status::Phase};
use seinode_core::{
    answer::Health,
    effect::{Effect, Outcome},
    fact::Fact,
    failure::Class,
};

use crate::cache::Fleet;

/// What is counted; clones share the counters.
#[derive(Clone)]
pub(crate) struct Metrics {
    errors: IntCounterVec,
    effects: IntCounterVec,
    events: IntCounterVec,
    probes: IntCounterVec,
    probe_seconds: Histogram,
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
            probes: counter(
                "sei_controller_seinode_sidecar_health_probes_total",
                "Questions to sidecars whether their gate is open, by what came of them.",
                &["controller", "namespace", "outcome"],
            )?,
            probe_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "sei_controller_seinode_sidecar_probe_duration_seconds",
                    "How long a sidecar took to say whether its gate is open.",
                )
                .buckets(vec![0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5]),
            )?,
        };
        registry.register(Box::new(metrics.probe_seconds.clone()))?;
        registry.register(Box::new(Watched::new(Arc::clone(fleet))?))?;
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

    /// A sidecar was asked whether its gate is open.
    pub(crate) fn probe(&self, namespace: &str, fact: &Fact, took: Duration) {
        let outcome = match fact {
            Fact::Gate(Health::Ready) => "ready",
            Fact::Gate(Health::NotReady) => "not_ready",
            _ => "unreachable",
        };
        self.probes.with_label_values(&["seinode", namespace, outcome]).inc();
        self.probe_seconds.observe(took.as_secs_f64());
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
        Effect::DeletePod { .. } => "delete-pod",
        Effect::Submit(_) => "submit-task",
        Effect::RemoveLegacyFinalizer => "remove-legacy-finalizer",
    }
}

const PHASES: [Phase; 5] =
    [Phase::Pending, Phase::Initializing, Phase::Running, Phase::Failed, Phase::Terminating];

/// Gauges that are read from the watched objects at the scrape.
struct Watched {
    fleet: Arc<Fleet>,
    descriptions: Vec<Desc>,
}

/// The gauges of one scrape.
struct Gauges {
    /// 1 for the phase that a node is in, 0 for the others (plans-tasks-sidecar §7).
    phase: GaugeVec,
    /// 1 while a rollout waits for a person.
    blocked: GaugeVec,
}

impl Gauges {
    fn new() -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str, label| {
            GaugeVec::new(Opts::new(name, help), &["namespace", "name", label])
        };
        Ok(Self {
            phase: gauge(
                "sei_controller_seinode_phase",
                "1 for the phase that the SeiNode is in, 0 for all others.",
                "phase",
            )?,
            blocked: gauge(
                "sei_controller_seinode_rollout_blocked",
                "1 while a rollout of the SeiNode waits for a person, with the reason.",
                "reason",
            )?,
        })
    }

    fn all(&self) -> [&GaugeVec; 2] {
        let Self { phase, blocked } = self;
        [phase, blocked]
    }

    fn read(&self, node: &SeiNode) {
        let Some(status) = &node.status else { return };
        let meta = &node.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let name = meta.name.as_deref().unwrap_or_default();
        for phase in PHASES.iter().filter(|_| status.phase.is_some()) {
            let value = if Some(*phase) == status.phase { 1.0 } else { 0.0 };
            self.phase.with_label_values(&[namespace, name, &format!("{phase:?}")]).set(value);
        }
        if let Some(blocked) = conditions::find(&status.conditions, conditions::ROLLOUT_BLOCKED)
            && blocked.status == "True"
        {
            self.blocked.with_label_values(&[namespace, name, &blocked.reason]).set(1.0);
        }
    }
}

impl Watched {
    fn new(fleet: Arc<Fleet>) -> Result<Self, prometheus::Error> {
        let descriptions = Gauges::new()?.all().iter().flat_map(|gauge| gauge.desc()).cloned().collect();
        Ok(Self { fleet, descriptions })
    }
}

impl Collector for Watched {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(gauges) = Gauges::new() else { return Vec::new() };
        let nodes: Vec<_> = self.fleet.nodes().collect();
        nodes.iter().filter_map(|node| node.0.as_ref().ok()).for_each(|node| gauges.read(node));
        gauges.all().iter().flat_map(|gauge| gauge.collect()).collect()
    }
}
