//! Metrics counted and measured when a status is stored: phases, plans, losses of readiness (plans-tasks-sidecar §7).

use jiff::Timestamp;
use kube::ResourceExt;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use seinode_api::{SeiNode, SeiNodeStatus, conditions};
use seinode_core::{
    intent::Intent,
    plan::{Plan, PlanKind, PlanPhase},
};

use super::namespaces;

const CONTROLLER: &str = "seinode";

/// Counters and histograms of what becomes of nodes.
#[derive(Clone)]
pub(super) struct History {
    transitions: IntCounterVec,
    phases: HistogramVec,
    plans: HistogramVec,
    rollouts: HistogramVec,
    losses: IntCounterVec,
}

impl History {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let history = Self {
            transitions: IntCounterVec::new(
                Opts::new(
                    "sei_controller_seinode_phase_transitions_total",
                    "Changes of phase; from_phase is empty for the first one.",
                ),
                &["controller", "namespace", "from_phase", "to_phase"],
            )?,
            phases: HistogramVec::new(
                HistogramOpts::new(
                    "sei_controller_seinode_phase_duration_seconds",
                    "How long a node was in the phase that it left.",
                )
                .buckets(vec![10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0]),
                &["namespace", "chain_id", "phase"],
            )?,
            plans: HistogramVec::new(
                HistogramOpts::new(
                    "sei_controller_plan_duration_seconds",
                    "How long a plan took until it was complete, failed or superseded.",
                )
                .buckets(vec![1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0]),
                &["controller", "namespace", "plan_type", "outcome"],
            )?,
            rollouts: HistogramVec::new(
                HistogramOpts::new(
                    "sei_controller_seinode_rollout_duration_seconds",
                    "From the beginning of a rollout until it was complete or failed, changes of mind included.",
                )
                .buckets(vec![1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0]),
                &["namespace", "outcome"],
            )?,
            losses: IntCounterVec::new(
                Opts::new(
                    "sei_controller_seinode_sidecar_readiness_losses_total",
                    "How often the sidecar of a node that runs lost its readiness, restarts by rollouts aside.",
                ),
                &["namespace", "name"],
            )?,
        };
        let Self { transitions, phases, plans, rollouts, losses } = &history;
        registry.register(Box::new(transitions.clone()))?;
        registry.register(Box::new(phases.clone()))?;
        registry.register(Box::new(plans.clone()))?;
        registry.register(Box::new(rollouts.clone()))?;
        registry.register(Box::new(losses.clone()))?;
        Ok(history)
    }

    pub(super) fn stored(&self, node: &SeiNode, before: &SeiNodeStatus, now: Timestamp) {
        let Some(after) = &node.status else { return };
        let namespace = node.namespace().unwrap_or_default();
        if let Some(to) = after.phase.filter(|_| before.phase != after.phase) {
            let from = before.phase.map(|phase| format!("{phase:?}")).unwrap_or_default();
            let labels = [CONTROLLER, &namespace, &from, &format!("{to:?}")];
            self.transitions.with_label_values(&labels).inc();
            if let (Some(since), false) = (&before.phase_transition_time, from.is_empty()) {
                let labels = [&*namespace, &node.spec.chain_id, &from];
                self.phases.with_label_values(&labels).observe(now.duration_since(since.0).as_secs_f64());
            }
        }
        if let Some((plan, outcome)) = ended(node, before, after) {
            let labels = [CONTROLLER, &namespace, plan_type(plan.kind), outcome];
            let took = now.duration_since(plan.started_at).as_secs_f64();
            self.plans.with_label_values(&labels).observe(took);
        }
        if let Some((begun, outcome)) = rolled(before, after) {
            let took = now.duration_since(begun).as_secs_f64();
            self.rollouts.with_label_values(&[&*namespace, outcome]).observe(took);
        }
        let lost = |status: &SeiNodeStatus| status.sidecar.as_ref().and_then(|it| it.last_lost.clone());
        if lost(after).is_some() && lost(after) != lost(before) {
            self.losses.with_label_values(&[&*namespace, &node.name_any()]).inc();
        }
    }

    pub(super) fn seen(&self, namespace: &str, name: &str) {
        self.losses.with_label_values(&[namespace, name]);
    }

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        // Not there is as good as removed.
        self.losses.remove_label_values(&[namespace, name]).ok();
    }

    /// A namespace has no nodes any more.
    pub(super) fn forget_namespace(&self, namespace: &str) {
        let Self { transitions, phases, plans, rollouts, losses } = self;
        namespaces::remove(transitions, namespace);
        namespaces::remove(phases, namespace);
        namespaces::remove(plans, namespace);
        namespaces::remove(rollouts, namespace);
        namespaces::remove(losses, namespace);
    }
}

/// The plan that went on before and does not now, and how it ended. One that is gone with the spec that it was made for is
/// not complete, also where no other takes its place yet.
fn ended(node: &SeiNode, before: &SeiNodeStatus, after: &SeiNodeStatus) -> Option<(Plan, &'static str)> {
    let read = |status: &SeiNodeStatus| status.plan.as_ref().and_then(Plan::read);
    let old = read(before).filter(|plan| plan.phase == PlanPhase::Active)?;
    let is_wanted = || Intent::parse(node).is_ok_and(|intent| intent.target() == old.target);
    let outcome = match read(after) {
        None if is_wanted() => "complete",
        None => "superseded",
        Some(new) if new.id != old.id => "superseded",
        Some(new) if new.phase != PlanPhase::Active => "failed",
        Some(_) => return None,
    };
    Some((old, outcome))
}

/// The rollout that went on before and does not now: when it began, and how it ended. Of a node that changed its mind in
/// between it is one rollout, of several plans.
fn rolled(before: &SeiNodeStatus, after: &SeiNodeStatus) -> Option<(Timestamp, &'static str)> {
    let told = |status: &SeiNodeStatus| {
        conditions::find(&status.conditions, conditions::NODE_UPDATE_IN_PROGRESS).cloned()
    };
    let begun = told(before).filter(|it| it.status == "True")?;
    let ended = told(after).filter(|it| it.status != "True")?;
    let outcome = match ended.reason.as_str() {
        "UpdateComplete" => "complete",
        "UpdateFailed" => "failed",
        _ => return None,
    };
    Some((begun.last_transition_time.0, outcome))
}

/// The name of a kind of plan in metrics (plans-tasks-sidecar §7).
pub(super) fn plan_type(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::Init => "init",
        PlanKind::NodeUpdate => "node-update",
        PlanKind::MarkReady => "mark-ready-reapply",
        PlanKind::Resubmit => "resubmit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
    use seinode_api::status::{Phase, SidecarStatus};

    fn node(status: SeiNodeStatus) -> SeiNode {
        let spec = seinode_api::SeiNodeSpec {
            chain_id: "c".into(),
            image: "seid:1".into(),
            full_node: Some(Default::default()),
            ..Default::default()
        };
        let mut node = SeiNode::new("n0", spec);
        node.metadata.namespace = Some("sei".into());
        node.status = Some(status);
        node
    }

    fn time(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_phase_that_is_left_has_lasted_and_its_end_is_counted() {
        let history = History::register(&Registry::new()).unwrap();
        let before = SeiNodeStatus {
            phase: Some(Phase::Initializing),
            phase_transition_time: Some(time(100)),
            ..SeiNodeStatus::default()
        };
        let after = SeiNodeStatus { phase: Some(Phase::Running), ..before.clone() };
        history.stored(&node(after.clone()), &before, time(142).0);
        history.stored(&node(after.clone()), &after, time(150).0);
        let labels = [CONTROLLER, "sei", "Initializing", "Running"];
        assert_eq!(history.transitions.with_label_values(&labels).get(), 1);
        let lasted = history.phases.with_label_values(&["sei", "c", "Initializing"]);
        assert_eq!((lasted.get_sample_count(), lasted.get_sample_sum()), (1, 42.0));
    }

    #[test]
    fn a_plan_is_measured_when_it_ends_however_it_ends() {
        let history = History::register(&Registry::new()).unwrap();
        let wanted = Intent::parse(&node(SeiNodeStatus::default())).unwrap().target();
        let other = seinode_core::ids::Target::of(b"another spec");
        let plan = |phase: &str, id: u128, target: seinode_core::ids::Target| {
            let id = seinode_core::ids::PlanId::parse(&uuid::Uuid::from_u128(id).to_string()).unwrap();
            let mut record = seinode_api::status::PlanStatus {
                id: id.to_string(),
                kind: Some("MarkReady".into()),
                phase: phase.into(),
                target: Some(target.to_string()),
                started_at: Some(time(100)),
                ..Default::default()
            };
            record.tasks.clear();
            SeiNodeStatus { plan: Some(record), ..SeiNodeStatus::default() }
        };
        let none = SeiNodeStatus::default();
        let begun = plan("Active", 1, wanted);
        for (before, after, outcome) in [
            (&begun, plan("Failed", 1, wanted), "failed"),
            (&begun, none.clone(), "complete"),
            (&plan("Active", 1, other), plan("Active", 2, wanted), "superseded"),
        ] {
            history.stored(&node(after), before, time(107).0);
            let labels = [CONTROLLER, "sei", "mark-ready-reapply", outcome];
            let took = history.plans.with_label_values(&labels);
            assert_eq!((took.get_sample_count(), took.get_sample_sum()), (1, 7.0), "{outcome}");
        }
        history.stored(&node(begun.clone()), &begun, time(107).0);
        history.stored(&node(none.clone()), &plan("Failed", 1, wanted), time(107).0);
        // Its spec is gone, and what takes its place waits for a slot.
        history.stored(&node(none), &plan("Active", 1, other), time(107).0);
        let labels = [CONTROLLER, "sei", "mark-ready-reapply", "superseded"];
        assert_eq!(history.plans.with_label_values(&labels).get_sample_count(), 2);
        history.forget_namespace("other");
        assert_eq!(history.plans.with_label_values(&labels).get_sample_count(), 2);
        history.forget_namespace("sei");
        assert_eq!(history.plans.with_label_values(&labels).get_sample_count(), 0);
    }

    #[test]
    fn a_rollout_is_measured_from_its_beginning_to_its_end() {
        let history = History::register(&Registry::new()).unwrap();
        let told = |status: &str, reason: &str, since: i64| {
            let condition = Condition {
                type_: conditions::NODE_UPDATE_IN_PROGRESS.into(),
                status: status.into(),
                reason: reason.into(),
                message: String::new(),
                last_transition_time: time(since),
                observed_generation: None,
            };
            SeiNodeStatus { conditions: vec![condition], ..SeiNodeStatus::default() }
        };
        let (first, second) = (told("True", "UpdateStarted", 100), told("True", "UpdateSuperseded", 100));
        history.stored(&node(second.clone()), &first, time(103).0);
        history.stored(&node(told("False", "UpdateComplete", 109)), &second, time(109).0);
        history.stored(&node(told("False", "UpdateFailed", 105)), &first, time(105).0);
        history.stored(
            &node(told("False", "UpdateFailed", 105)),
            &told("False", "UpdateFailed", 105),
            time(106).0,
        );
        for (outcome, seconds) in [("complete", 9.0), ("failed", 5.0)] {
            let took = history.rollouts.with_label_values(&["sei", outcome]);
            assert_eq!((took.get_sample_count(), took.get_sample_sum()), (1, seconds), "{outcome}");
        }
    }

    #[test]
    fn losses_begin_at_0_and_go_with_the_node() {
        let registry = Registry::new();
        let history = History::register(&registry).unwrap();
        history.seen("sei", "n0");
        assert_eq!(history.losses.with_label_values(&["sei", "n0"]).get(), 0);
        let sidecar =
            Some(SidecarStatus { last_lost: Some(MicroTime(time(1).0)), ..SidecarStatus::default() });
        let lost = SeiNodeStatus { sidecar, ..SeiNodeStatus::default() };
        history.stored(&node(lost.clone()), &SeiNodeStatus::default(), time(2).0);
        history.stored(&node(lost.clone()), &lost, time(3).0);
        assert_eq!(history.losses.with_label_values(&["sei", "n0"]).get(), 1);
        history.forget("sei", "n0");
        assert!(!registry.gather().iter().any(|family| family.name().contains("losses")));
    }
}
