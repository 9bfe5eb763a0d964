//! Rollout slots: nodes that are rolled out, and the slot that one takes.

use std::collections::BTreeSet;

use seinode_api::SeiNode;

use super::{Env, Reconcile};
use crate::{
    node::NodeRef,
    plan::{Plan, PlanKind},
};

impl Reconcile {
    pub(super) fn take_slot(&mut self, env: &mut Env<'_>) {
        let mut rolling = BTreeSet::new();
        if env.memory.slots.are_limited() {
            let memory = &*env.memory;
            env.view.sei_nodes(&mut |cached| {
                let newest = memory.newer_than(cached).map_or(cached, AsRef::as_ref);
                if is_rolling(newest) {
                    rolling.insert(NodeRef::of(&newest.metadata));
                }
            });
        }
        self.seen.slot = Some(env.memory.slots.take(rolling, &self.subject.node));
    }
}

/// True if a node is being rolled out, as far as is stored.
#[must_use]
pub fn is_rolling(node: &SeiNode) -> bool {
    let plan = node.status.as_ref().and_then(|status| status.plan.as_ref()).and_then(Plan::read);
    plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate)
}
