//! Gauges that are read from the watched objects at the scrape: they can neither leak nor outlive their object (W11, W12).
//! Only the leader shows them, so that each node has one series.

use std::{collections::BTreeMap, sync::Arc};

use prometheus::{
    GaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use seinode_api::{SeiNode, conditions, status::Phase};
use seinode_core::{
    peers::Tally,
    plan::{Plan, PlanPhase},
};

use super::{
    history::plan_type,
    work::{AtWork, Work},
};
use crate::{cache::Fleet, fence::Fence};

const PHASES: [Phase; 5] =
    [Phase::Pending, Phase::Initializing, Phase::Running, Phase::Failed, Phase::Terminating];

/// Conditions whose reason is shown as well: the others say enough by their status.
const WITH_REASON: [&str; 3] =
    [conditions::READY, conditions::NODE_UPDATE_IN_PROGRESS, conditions::TEMPLATE_OUTDATED];

/// The gauges of all nodes.
pub(super) struct Watched {
    fleet: Arc<Fleet>,
    work: Work,
    fence: Fence,
    descriptions: Vec<Desc>,
}

/// The gauges of one scrape (plans-tasks-sidecar §7).
struct Gauges {
    /// 1 for the phase that a node is in, 0 for the others.
    phase: GaugeVec,
    /// 1 for the status that a condition has.
    condition: GaugeVec,
    /// 1 for the reason of some conditions.
    reason: GaugeVec,
    /// Always 1: what a node is, and what it runs.
    info: GaugeVec,
    /// 1 while a plan goes on, 0 while the next one is awaited.
    plan: GaugeVec,
    /// 1 while what takes hours gets on.
    restoring: GaugeVec,
    /// Number of SeiNodes that a node selects as peers, by what is known of them.
    peers: GaugeVec,
    /// 1 while a rollout waits for a person.
    blocked: GaugeVec,
    /// 1 while the gate is open, as far as is known.
    ready: GaugeVec,
    /// Number of nodes that have a plan that goes on.
    active: GaugeVec,
}

impl Watched {
    pub(super) fn new(fleet: Arc<Fleet>, work: Work, fence: Fence) -> Result<Self, prometheus::Error> {
        let descriptions = Gauges::new()?.all().iter().flat_map(|gauge| gauge.desc()).cloned().collect();
        Ok(Self { fleet, work, fence, descriptions })
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
        let at_work = self.work.now(&self.fleet);
        let mut plans = BTreeMap::new();
        for node in nodes.iter().filter_map(|node| node.0.as_ref().ok()) {
            let plan = node.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
            gauges.read(node);
            if let Some(plan) = &plan {
                gauges.read_plan(node, plan, &at_work);
            }
            let active = plan.is_some_and(|plan| plan.phase == PlanPhase::Active);
            let namespace = node.metadata.namespace.clone().unwrap_or_default();
            *plans.entry(namespace).or_default() += f64::from(u8::from(active));
        }
        for (namespace, count) in plans {
            gauges.active.with_label_values(&["seinode", &namespace]).set(count);
        }
        gauges.all().iter().flat_map(|gauge| gauge.collect()).collect()
    }
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
            reason: gauge(
                "sei_controller_seinode_condition_reason",
                "1 for the reason of the conditions Ready, NodeUpdateInProgress and TemplateOutdated.",
                &["namespace", "name", "type", "reason"],
            )?,
            info: gauge(
                "sei_controller_seinode_info",
                "Chain and mode of the SeiNode, and the image that its pod runs; always 1.",
                &["namespace", "name", "chain_id", "mode", "image"],
            )?,
            plan: gauge(
                "sei_controller_seinode_plan",
                "1 while a plan of the SeiNode goes on, 0 while it has failed and the next is awaited.",
                &["namespace", "name", "plan_type", "task"],
            )?,
            restoring: gauge(
                "sei_controller_seinode_restoring",
                "1 while the SeiNode restores a snapshot or runs up to its height and gets on with it, else 0.",
                &["namespace", "name"],
            )?,
            peers: gauge(
                "sei_controller_seinode_peers",
                "How many SeiNodes the SeiNode selects as peers: resolved, outdated (it runs with another node id of theirs, or \
                 without them) or unresolved.",
                &["namespace", "name", "state"],
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

    fn all(&self) -> [&GaugeVec; 10] {
        let Self { phase, condition, reason, info, plan, restoring, peers, blocked, ready, active } = self;
        [phase, condition, reason, info, plan, restoring, peers, blocked, ready, active]
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
            if WITH_REASON.contains(&&*it.type_) {
                self.reason.with_label_values(&[namespace, name, &it.type_, &it.reason]).set(1.0);
            }
        }
        let image = status.current_image.as_deref().unwrap_or_default();
        let mode = status.mode.as_deref().unwrap_or_default();
        self.info.with_label_values(&[namespace, name, &node.spec.chain_id, mode, image]).set(1.0);
        if node.spec.peers.iter().any(|source| source.label.is_some()) {
            let Tally { resolved, outdated, unresolved } = Tally::of(status);
            for (state, number) in
                [("resolved", resolved), ("outdated", outdated), ("unresolved", unresolved)]
            {
                let number = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
                self.peers.with_label_values(&[namespace, name, state]).set(number);
            }
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

    /// A plan that is not over, and whether its longest tasks get on.
    fn read_plan(&self, node: &SeiNode, plan: &Plan, at_work: &AtWork) {
        let namespace = node.metadata.namespace.as_deref().unwrap_or_default();
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let Some(task) = plan.current().map(|task| task.kind) else { return };
        let active = plan.phase == PlanPhase::Active;
        let labels = [namespace, name, plan_type(plan.kind), task.as_str()];
        self.plan.with_label_values(&labels).set(f64::from(u8::from(active)));
        if let Some(gets_on) = at_work.on(task, namespace, name) {
            self.restoring.with_label_values(&[namespace, name]).set(f64::from(u8::from(active && gets_on)));
        }
    }
}
