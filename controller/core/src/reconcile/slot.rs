//! Rollout slots: nodes that count, and the slot that one takes.

use seinode_api::{SeiNode, SeiNodeStatus, conditions, names, status::Phase};

use super::{Env, Reconcile};
use crate::{
    intent::ModeName,
    memory::{Asker, Census, Group, Held, Memory},
    node::NodeRef,
    observation::{Pod, Standing},
    observe::View,
    plan::{Plan, PlanKind},
};

impl Reconcile {
    pub(super) fn take_slot(&mut self, env: &mut Env<'_>) {
        let asker = Asker {
            node: self.subject.node.clone(),
            group: group(&self.object),
            standing: self.standing(),
            held: self.held(),
        };
        let census = match env.memory.slots.are_limited() {
            true => census(env.memory, env.view, &self.object, &asker),
            false => Census::default(),
        };
        self.seen.slot = Some(env.memory.slots.take(&asker, &census));
    }

    /// True if others may have to wait for this node, as far as is stored and was observed.
    pub(super) fn counts(&self) -> bool {
        let is_down = was_up(&self.object) && self.standing() == Standing::NotReady;
        holds_slot(&self.object) || (is_down && !has_given_back(&self.object))
    }

    fn standing(&self) -> Standing {
        let name = pod_name(&self.subject.node.name);
        Standing::of(self.seen.pods.iter().find(|pod| pod.name == name))
    }

    /// Slot that the node holds.
    fn held(&self) -> Held {
        let target = self.subject.intent.as_ref().ok().map(|intent| intent.target().to_string());
        let plan = self.status.plan.as_ref().and_then(Plan::read);
        let updates = plan.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate);
        match &self.status.slot {
            Some(slot) if Some(&slot.target) == target.as_ref() => Held::ThisTarget,
            Some(_) => Held::EarlierTarget,
            None if updates && self.standing() == Standing::NotReady => Held::NothingAnyMore,
            None => Held::Nothing,
        }
    }
}

/// True if a node holds a rollout slot, as far as is stored.
#[must_use]
pub fn holds_slot(node: &SeiNode) -> bool {
    node.status.as_ref().is_some_and(|status| status.slot.is_some())
}

/// Looks who else counts: the holders of all groups, and those of the asker's group that are not Ready.
fn census(memory: &Memory, view: &dyn View, asking: &SeiNode, asker: &Asker) -> Census {
    let mut census = Census::default();
    let (mut bystanders, mut suspects) = (Vec::new(), Vec::new());
    view.sei_nodes(&mut |cached| {
        let node = memory.newer_than(cached).map_or(cached, AsRef::as_ref);
        let found = NodeRef::of(&node.metadata);
        let in_group = group(node) == asker.group;
        census.were_up = census.were_up.saturating_add(usize::from(in_group && was_up(node)));
        if found == asker.node {
            return;
        }
        if holds_slot(node) {
            if in_group && node.spec.image == asking.spec.image {
                suspects.push(found.clone());
            }
            census.holders.insert(found, group(node));
        } else if in_group && was_up(node) && !has_given_back(node) {
            bystanders.push(found);
        }
    });
    if memory.slots.is_full(asker, &census) {
        return census;
    }
    census.is_suspect =
        asker.standing.is_surely_down() && suspects.iter().any(|node| standing(view, node).is_surely_down());
    let unready = bystanders.into_iter().filter(|node| standing(view, node) == Standing::NotReady);
    census.unready = unready.collect();
    census
}

/// Standing of another node, as far as is watched.
fn standing(view: &dyn View, node: &NodeRef) -> Standing {
    let mut standing = Standing::Absent;
    view.pod(&node.namespace, &pod_name(&node.name), &mut |pod| standing = Standing::of(Some(&Pod::of(pod))));
    standing
}

fn pod_name(node: &str) -> String {
    format!("{node}-0")
}

fn group(node: &SeiNode) -> Group {
    Group { chain: node.spec.chain_id.clone(), mode: ModeName::of(&node.spec) }
}

fn was_up(node: &SeiNode) -> bool {
    let phase = node.status.as_ref().and_then(|status| status.phase);
    phase == Some(Phase::Running) && node.metadata.deletion_timestamp.is_none()
}

/// True if nobody waits for a node that is not Ready: it is paused, suspended, stopped by hand, invalid, or being deleted.
fn has_given_back(node: &SeiNode) -> bool {
    let annotations = node.metadata.annotations.as_ref();
    let suspended = annotations.and_then(|all| all.get(names::SUSPEND_ANNOTATION));
    let is_out = |status: &SeiNodeStatus| {
        let valid = conditions::find(&status.conditions, conditions::SPEC_VALID);
        status.scaled_by_hand.is_some() || valid.is_some_and(|valid| valid.status == "False")
    };
    node.metadata.deletion_timestamp.is_some()
        || node.spec.paused == Some(true)
        || suspended.is_some_and(|value| value == "true")
        || node.status.as_ref().is_some_and(is_out)
}
