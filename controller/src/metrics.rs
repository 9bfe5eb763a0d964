//! Metrics that can be scraped. Counters belong to this process; gauges are read from the watched objects at scrape
//! time, so they can neither leak nor outlive their object (W11, W12).

mod history;
mod leader;
mod namespaces;
mod queue;
mod watched;
mod work;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use seinode_api::{SeiNode, SeiNodeStatus};
use seinode_core::{
    effect::{Effect, Outcome},
    failure::Class,
    node::NodeRef,
    query::Fetched,
    sidecar::{Answer, Health, TaskReport},
};

use self::{
    history::History, leader::Leader, namespaces::Namespaces, queue::Queue, watched::Watched, work::Work,
};
use crate::{cache::Fleet, fence::Fence};

/// Metrics of the controller; clones share the counters.
#[derive(Clone)]
pub(crate) struct Metrics {
    errors: IntCounterVec,
    effects: IntCounterVec,
    events: IntCounterVec,
    probes: IntCounterVec,
    probe_seconds: Histogram,
    heal_seconds: Histogram,
    panics: IntCounter,
    history: History,
    namespaces: Namespaces,
    queue: Queue,
    work: Work,
    /// Number of times that the leader changed, as the Lease says.
    pub(crate) transitions: IntGauge,
    /// Gauge: 1 if the installed CRD is older than this operator, else 0.
    pub(crate) outdated: IntGauge,
}

impl Metrics {
    /// Makes the metrics and puts them into a registry.
    ///
    /// # Errors
    /// When a name is malformed or taken.
    pub(crate) fn register(
        registry: &Registry,
        fleet: &Arc<Fleet>,
        fence: &Fence,
    ) -> Result<Self, prometheus::Error> {
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
            heal_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "sei_controller_seinode_sidecar_heal_duration_seconds",
                    "From the first 503 of a sidecar to its first 200 after it.",
                )
                .buckets(vec![0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0]),
            )?,
            panics: IntCounter::new(
                "sei_controller_reconcile_panics_total",
                "Reconciles that panicked: a defect of the operator. Only that node is affected.",
            )?,
            history: History::register(registry)?,
            namespaces: Namespaces::default(),
            queue: Queue::register(registry)?,
            work: Work::default(),
            transitions: IntGauge::with_opts(Opts::new(
                "sei_controller_leader_transitions",
                "How often the leader changed, as the Lease says.",
            ))?,
            outdated: IntGauge::with_opts(Opts::new(
                "sei_controller_crd_outdated",
                "1 while the installed CRD lacks fields that this operator writes, else 0.",
            ))?,
        };
        registry.register(Box::new(metrics.probe_seconds.clone()))?;
        registry.register(Box::new(metrics.heal_seconds.clone()))?;
        registry.register(Box::new(metrics.panics.clone()))?;
        registry.register(Box::new(metrics.transitions.clone()))?;
        registry.register(Box::new(metrics.outdated.clone()))?;
        registry.register(Box::new(Leader::new(fence.clone())?))?;
        registry.register(Box::new(Watched::new(Arc::clone(fleet), metrics.work.clone(), fence.clone())?))?;
        // From 0 on: the first error is an increase.
        for class in [Class::Conflict, Class::Transient, Class::Denied, Class::User, Class::Invariant] {
            metrics.errors.with_label_values(&[label(class)]);
        }
        Ok(metrics)
    }

    pub(crate) fn error(&self, class: Class) {
        self.errors.with_label_values(&[label(class)]).inc();
    }

    /// A reconcile panicked.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    pub(crate) fn effect(&self, effect: &Effect, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Failed(_) => "failed",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unreachable(..) | Outcome::TaskDropped(_, Err(_)) => "silent",
            Outcome::Volume(_)
            | Outcome::StatefulSetApplied(..)
            | Outcome::Scaled(_)
            | Outcome::StatefulSetHandedOver(_)
            | Outcome::ServiceHandedOver(_)
            | Outcome::VolumeInUse(_)
            | Outcome::ServiceApplied(..)
            | Outcome::BootstrapServiceApplied(_)
            | Outcome::Job(_)
            | Outcome::JobDeleted
            | Outcome::ServiceDeleted
            | Outcome::PodDeleted(_)
            | Outcome::Submitted(_)
            | Outcome::TaskDropped(_, Ok(()))
            | Outcome::FinalizerRemoved(_) => "done",
        };
        self.effects.with_label_values(&[kind(effect), outcome]).inc();
    }

    /// A sidecar was probed, by whomever. Nothing is counted for a namespace that has no nodes any more.
    pub(crate) fn probe(&self, namespace: &str, answer: &Answer<Health>, took: Duration) {
        if !self.namespaces.has(namespace) {
            return;
        }
        let outcome = match answer {
            Ok(Health::Ready) => "ready",
            Ok(Health::NotReady) => "not_ready",
            Err(_) => "unreachable",
        };
        self.probes.with_label_values(&["seinode", namespace, outcome]).inc();
        self.probe_seconds.observe(took.as_secs_f64());
    }

    /// A sidecar answers 200 again, so long after it first answered 503.
    pub(crate) fn healed(&self, after: Duration) {
        self.heal_seconds.observe(after.as_secs_f64());
    }

    /// A status was stored.
    pub(crate) fn stored(&self, node: &SeiNode, before: &SeiNodeStatus, now: Timestamp) {
        self.history.stored(node, before, now);
    }

    /// A node was seen: what is counted for it begins at 0, so that the first loss is an increase.
    pub(crate) fn seen(&self, namespace: &str, name: &str) {
        self.namespaces.seen(namespace, name);
        self.history.seen(namespace, name);
    }

    /// A node is gone, and its series with it; with the last one of a namespace those of the namespace.
    pub(crate) fn forget(&self, namespace: &str, name: &str) {
        self.history.forget(namespace, name);
        if self.namespaces.gone(namespace, name) {
            namespaces::remove(&self.probes, namespace);
            self.history.forget_namespace(namespace);
        }
        self.queue.forget(namespace, name);
        self.work.forget(namespace, name);
    }

    /// A fact of a node was fetched.
    pub(crate) fn fetched(&self, node: &NodeRef, fetched: &Fetched) {
        if let Fetched::Task(_, Ok(TaskReport::Running)) = fetched {
            self.work.heard(&node.namespace, &node.name);
        }
    }

    /// Something changed around a node: it waits for a pass.
    pub(crate) fn woken(&self, namespace: &str, name: &str) {
        self.queue.woken(namespace, name);
    }

    /// A pass over a node begins.
    pub(crate) fn begun(&self, namespace: &str, name: &str) {
        self.queue.begun(namespace, name);
    }

    pub(crate) fn event(&self, fate: &str) {
        self.events.with_label_values(&[fate]).inc();
    }
}

/// Makes the counter of watches that broke, by plural of what they watch. It is there before the watches are.
///
/// # Errors
/// When its name is taken.
pub(crate) fn watch_restarts(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    let restarts = IntCounterVec::new(
        Opts::new(
            "sei_controller_watch_restarts_total",
            "How often a watch could not be opened or broke, and was opened anew.",
        ),
        &["kind"],
    )?;
    registry.register(Box::new(restarts.clone()))?;
    Ok(restarts)
}

fn label(class: Class) -> &'static str {
    match class {
        Class::Conflict => "conflict",
        Class::Transient => "transient",
        Class::Denied => "denied",
        Class::User => "user",
        Class::Invariant => "invariant",
    }
}

/// An outcome in a log line: what happened, without the objects.
pub(crate) struct Brief<'a>(pub(crate) &'a Outcome);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Outcome::Failed(failure) => write!(f, "{:?}: {}", failure.class, failure.message),
            Outcome::Rejected(words) => write!(f, "rejected: {words}"),
            Outcome::Unreachable(_, unreachable) | Outcome::TaskDropped(_, Err(unreachable)) => {
                write!(f, "{unreachable}")
            }
            Outcome::Volume(_) => f.write_str("volume"),
            Outcome::StatefulSetApplied(..)
            | Outcome::StatefulSetHandedOver(_)
            | Outcome::ServiceHandedOver(_)
            | Outcome::Scaled(_)
            | Outcome::VolumeInUse(_)
            | Outcome::ServiceApplied(..)
            | Outcome::BootstrapServiceApplied(_)
            | Outcome::Job(_) => f.write_str("applied"),
            Outcome::JobDeleted
            | Outcome::ServiceDeleted
            | Outcome::PodDeleted(_)
            | Outcome::TaskDropped(_, Ok(())) => f.write_str("deleted"),
            Outcome::Submitted(_) => f.write_str("submitted"),
            Outcome::FinalizerRemoved(_) => f.write_str("removed"),
        }
    }
}

/// The name of an effect, for metrics and logs.
pub(crate) fn kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::CreateVolume(_) => "create-volume",
        Effect::MarkVolume(_) => "mark-volume",
        Effect::ApplyStatefulSet | Effect::RepairStatefulSet(_) => "apply-statefulset",
        Effect::Scale(_) => "scale",
        Effect::ApplyService | Effect::RepairService(_) => "apply-service",
        Effect::ApplyBootstrapService => "apply-bootstrap-service",
        Effect::CreateJob => "create-bootstrap-job",
        Effect::SuspendJob(_) => "suspend-bootstrap-job",
        Effect::DeleteJob(_) => "delete-bootstrap-job",
        Effect::DeleteService(_) => "delete-bootstrap-service",
        Effect::DeletePod { .. } => "delete-pod",
        Effect::Submit(_) => "submit-task",
        Effect::DropTask(_) => "drop-task",
        Effect::RemoveLegacyFinalizer => "remove-legacy-finalizer",
        Effect::HandOver { .. } => "hand-over",
    }
}
