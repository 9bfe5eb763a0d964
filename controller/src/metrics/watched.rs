//! Gauges that are read from the watched objects at the scrape: they can neither leak nor outlive their object (W11, W12).
//! Only the leader shows them, so that each node has one series.

use std::{collections::BTreeMap, sync::Arc};

use prometheus::{
    GaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use seinode_api::{SeiNode, conditions, status::Phase};
use seinode_core::plan::{Plan, PlanPhase};

use crate::{cache::Fleet, fence::Fence};

const PHASES: [Phase; 5] =
    [Phase::Pending, Phase::Initializing, Phase::Running, Phase::Failed, Phase::Terminating];

/// The gauges of all nodes.
pub(super) struct Watched {
    fleet: Arc<Fleet>,
    fence: Fence,
    descriptions: Vec<Desc>,
}

/// The gauges of one scrape (plans-tasks-sidecar §7).
struct Gauges {
    /// 1 for the phase that a node is in, 0 for the others.
    phase: GaugeVec,
    /// 1 for the status that a condition has.
    condition: GaugeVec,
    /// 1 while a rollout waits for a person.
    blocked: GaugeVec,
    /// 1 while the gate is open, as far as is known.
    ready: GaugeVec,
    /// How many nodes have a plan that goes on.
    active: GaugeVec,
}

impl Watched {
    pub(super) fn new(fleet: Arc<Fleet>, fence: Fence) -> Result<Self, prometheus::Error> {
        let descriptions = Gauges::new()?.all().iter().flat_map(|gauge| gauge.desc()).cloned().collect();
        Ok(Self { fleet, fence, descriptions })
    }
}

impl Collector for Watched {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(gauges) = Gauges::new() else { return Vec::new() };
        if !self.fence.holds() {
            return Vec::new();
        }
        let nodes: Vec<_> = self.fleet.nodes().collect();
        let mut plans = BTreeMap::new();
        for node in nodes.iter().filter_map(|node| node.0.as_ref().ok()) {
            gauges.read(node);
            let namespace = node.metadata.namespace.clone().unwrap_or_default();
            *plans.entry(namespace).or_default() += f64::from(u8::from(has_plan(node)));
        }
        for (namespace, count) in plans {
            gauges.active.with_label_values(&["seinode", &namespace]).set(count);
        }
        gauges.all().iter().flat_map(|gauge| gauge.collect()).collect()
    }
}

fn has_plan(node: &SeiNode) -> bool {
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
    plan.is_some_and(|plan| plan.phase == PlanPhase::Active)
}

impl Gauges {
    fn new() -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        Ok(Self {
            phase: gauge(
                "sei_controller_seinode_phase",
                "1 for the phase that the SeiNode is in, 0 for all others.",
                &["namespace", "name", "phase"],
            )?,
            condition: gauge(
                "sei_controller_seinode_condition",
                "1 for the status that a condition of the SeiNode has.",
                &["namespace", "name", "type", "status"],
            )?,
            blocked: gauge(
                "sei_controller_seinode_rollout_blocked",
                "1 while a rollout of the SeiNode waits for a person, with the reason.",
                &["namespace", "name", "reason"],
            )?,
            ready: gauge(
                "sei_controller_seinode_sidecar_ready",
                "1 while the gate of the SeiNode's sidecar is open, else 0; of nodes that run.",
                &["namespace", "name"],
            )?,
            active: gauge(
                "sei_controller_plan_active",
                "How many SeiNodes have a plan that goes on.",
                &["controller", "namespace"],
            )?,
        })
    }

    fn all(&self) -> [&GaugeVec; 5] {
        let Self { phase, condition, blocked, ready, active } = self;
        [phase, condition, blocked, ready, active]
    }

    fn read(&self, node: &SeiNode) {
        let Some(status) = &node.status else { return };
        let meta = &node.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let name = meta.name.as_deref().unwrap_or_default();
        for phase in PHASES.iter().filter(|_| status.phase.is_some()) {
            let value = f64::from(u8::from(Some(*phase) == status.phase));
            self.phase.with_label_values(&[namespace, name, &format!("{phase:?}")]).set(value);
        }
        for it in &status.conditions {
            self.condition.with_label_values(&[namespace, name, &it.type_, &it.status]).set(1.0);
        }
        if let Some(blocked) = conditions::find(&status.conditions, conditions::ROLLOUT_BLOCKED)
            && blocked.status == "True"
        {
            self.blocked.with_label_values(&[namespace, name, &blocked.reason]).set(1.0);
        }
        if status.phase == Some(Phase::Running) {
            let ready = conditions::find(&status.conditions, conditions::SIDECAR_READY);
            let value = f64::from(u8::from(ready.is_some_and(|it| it.status == "True")));
            self.ready.with_label_values(&[namespace, name]).set(value);
        }
    }
}
