//! Invariants of rollouts, which must hold whatever happens.

use std::collections::BTreeMap;

use seinode_api::{SeiNodeStatus, names};
use seinode_core::{
    drift,
    effect::{Effect, Replicas, Submission},
    intent::{Activity, ModeName},
    memory::{RolloutPolicy, Share},
    node::{Deletion, Suspension},
    observation::{DataCheck, Observation, Slot},
    plan::{Plan, PlanKind},
    reconcile::holds_slot,
    render,
    subject::Subject,
    task_type::{By, TaskType},
};

use super::{Touch, Violation};
use crate::{
    objects::{Key, Kind, Object, PodFacts},
    operator::{Operator, settings},
    sidecars::besides_peers,
    world::World,
};

fn broken(invariant: &'static str, message: String) -> Result<(), Violation> {
    Err(Violation { invariant, message })
}

/// Checks an effect before it is carried out.
pub fn touches(world: &World, touch: &Touch<'_>) -> Result<(), Violation> {
    match touch.effect {
        Effect::DeletePod { name, uid, version } => {
            let pod = world.api.get(&touch.node.beside(Kind::Pod, name));
            let pod =
                pod.filter(|pod| pod.uid() == uid && pod.meta().resource_version.as_ref() == Some(version));
            let Some(pod) = pod else { return Ok(()) };
            if is_present(world, touch.node, pod) && !is_to_be_restarted(touch, uid) {
                let message = format!("{} of revision {:?}", pod.key(), pod.label(REVISION));
                return broken("a pod of the present revision is never deleted by us", message);
            }
            takes_a_slot(world, touch, pod)?;
            keeps_its_data(world, touch)
        }
        Effect::Scale(Replicas::Zero) => keeps_its_data(world, touch),
        Effect::ApplyStatefulSet | Effect::RepairStatefulSet(_) | Effect::Scale(Replicas::One) => {
            let set = world.api.get(&touch.node.beside(Kind::Set, &touch.node.name));
            let replicas = set.and_then(|set| set.set()?.spec.as_ref()?.replicas);
            let version = set.and_then(|set| set.meta().resource_version.as_ref());
            let as_seen = touch.seen.stateful_set.as_ref().map(|seen| &seen.version) == version;
            let refused = !matches!(touch.effect, Effect::Scale(_)) && !as_seen;
            let stopped = world.ledger.people.stopped.contains(touch.node) && !world.ledger.races;
            if replicas == Some(0) && stopped && !refused {
                return broken(
                    "an emergency stop is never undone without being asked",
                    touch.node.to_string(),
                );
            }
            Ok(())
        }
        Effect::Submit(submission) => submits(world, touch, submission),
        _ => Ok(()),
    }
}

const REVISION: &str = names::REVISION_LABEL;
const TEMPLATE_HASH: &str = names::TEMPLATE_HASH_ANNOTATION;

/// True if a pod is what its StatefulSet would make now. If a person changed the set since we applied it, or a second
/// operator did, nobody can know in time.
fn is_present(world: &World, node: &Key, pod: &Object) -> bool {
    let key = node.beside(Kind::Set, &node.name);
    let Some(object) = world.api.get(&key).filter(|set| pod.is_controlled_by(set.uid())) else {
        return false;
    };
    let by_us = !world.ledger.people.edited.contains(&key) && !world.ledger.races;
    let status = object.set().and_then(|set| set.status.as_ref());
    by_us
        && status.is_some_and(|status| {
            status.observed_generation == object.meta().generation
                && status.update_revision.as_deref() == pod.label(REVISION)
        })
}

/// True if a person has asked for another pod in the place of this one.
fn is_to_be_restarted(touch: &Touch<'_>, uid: &str) -> bool {
    drift::pending_restart(touch.status).is_some_and(|record| record.pod.as_deref() == Some(uid))
}

/// True if the set is what the spec asks for now, whoever has stored that it is.
fn is_as_rendered(world: &World, touch: &Touch<'_>) -> bool {
    let Ok(intent) = &touch.subject.intent else { return false };
    let set = world.api.get(&touch.node.beside(Kind::Set, &touch.node.name));
    let rendered = render::rendering(&touch.subject.node, intent, &settings()).template;
    set.and_then(|set| set.annotation(TEMPLATE_HASH)) == Some(rendered.as_str())
}

/// A pod goes only when its data stays. What happens between the live look and the deletion nobody can know.
fn keeps_its_data(world: &World, touch: &Touch<'_>) -> Result<(), Violation> {
    let Ok(intent) = &touch.subject.intent else { return Ok(()) };
    let key = touch.node.beside(Kind::Volume, &intent.data_volume(&touch.subject.node));
    let stays = world.api.get(&key).is_some_and(|volume| !volume.is_going());
    // A person gave the data of this very volume up.
    let lost = touch.status.data_volume.as_ref().map(|volume| &volume.uid);
    let given_up = lost.is_some() && touch.subject.recreate.as_ref() == lost && world.api.get(&key).is_none();
    let never_ran = touch.seen.pods.iter().all(|pod| pod.machine.is_none() && pod.ip.is_none());
    if stays || given_up || never_ran || touch.seen.data == Some(DataCheck::Safe) {
        return Ok(());
    }
    broken("no pod goes while its volume would go with it", format!("{:?} and {key}", touch.effect))
}

/// A node that serves goes down with a slot only, where slots are counted.
fn takes_a_slot(world: &World, touch: &Touch<'_>, pod: &Object) -> Result<(), Violation> {
    let serves = pod.pod().is_some_and(PodFacts::is_ready) && !pod.is_going();
    let is_counted = world.operators.iter().any(|operator| operator.policy() != RolloutPolicy::default());
    let updates = touch.status.plan.as_ref().and_then(Plan::read);
    let updates = updates.is_some_and(|plan| plan.kind == PlanKind::NodeUpdate);
    // What the watch has not brought yet nobody can know.
    let was_down = touch.seen.slot == Some(Slot::NotNeeded);
    match serves && is_counted && updates && touch.status.slot.is_none() && !was_down {
        true => broken("a node that serves goes down with a slot only", touch.node.to_string()),
        false => Ok(()),
    }
}

/// Checks that a slot that a status gives up is given up for a reason.
pub fn gives_back(
    world: &World,
    node: &Key,
    subject: &Subject,
    seen: &Observation,
    change: (&SeiNodeStatus, &SeiNodeStatus),
) -> Result<(), Violation> {
    let (before, after) = change;
    let (Some(slot), None) = (&before.slot, &after.slot) else { return Ok(()) };
    let goes_on = subject
        .intent
        .as_ref()
        .is_ok_and(|intent| intent.activity == Activity::Runs && intent.target().to_string() == slot.target);
    let is_out = !goes_on
        || subject.suspension == Suspension::On
        || subject.deletion == Deletion::Requested
        || after.scaled_by_hand.is_some();
    let pod = world.api.get(&node.beside(Kind::Pod, &format!("{}-0", node.name)));
    let serves = pod.and_then(|pod| pod.pod()).is_some_and(PodFacts::is_ready)
        || seen.pod().is_some_and(|pod| pod.ready);
    match is_out || serves {
        true => Ok(()),
        false => broken("a node keeps its slot until it serves or its target changes", node.to_string()),
    }
}

/// Checks a task that is handed to the sidecar of a node that is being rolled out.
fn submits(world: &World, touch: &Touch<'_>, submission: &Submission) -> Result<(), Violation> {
    let plan =
        touch.status.plan.as_ref().and_then(Plan::read).filter(|plan| plan.kind == PlanKind::NodeUpdate);
    let (Some(plan), Some(seen)) = (plan, touch.seen.host()) else { return Ok(()) };
    let Some(pod) =
        world.api.get(&touch.node.beside(Kind::Pod, &seen.name)).filter(|pod| pod.uid() == seen.uid)
    else {
        return Ok(());
    };
    let later = plan.tasks.iter().skip_while(|task| task.id != submission.id).skip(1);
    // Only seid itself is observed behind the open gate.
    let awaited = later.filter(|task| task.kind.by() != By::Background && task.kind != TaskType::ObserveSeid);
    let awaited = awaited.count();
    let opens = submission.task == TaskType::MarkReady;
    let is_present = is_present(world, touch.node, pod) && !is_to_be_restarted(touch, &seen.uid);
    if opens && awaited > 0 && is_as_rendered(world, touch) && is_present {
        return broken(
            "a pod of the target revision gets mark-ready after all that changes it",
            touch.node.to_string(),
        );
    }
    let writes = matches!(
        submission.task,
        TaskType::ConfigApply | TaskType::DiscoverPeers | TaskType::SetGenesisPeers
    );
    let unwritten = writes && !world.ledger.races && !is_written(world, pod, submission);
    if unwritten && world.sidecars.is_open(pod.uid()) {
        let message = format!("{}: {} {:?}", touch.node, submission.task, submission.params);
        return broken("a configuration is written while the gate is shut", message);
    }
    Ok(())
}

/// True if this was written to the volume before: then it may be written again although the gate is open. That is what
/// happens when the spec goes back before its pod was replaced: whether the configuration in between got to the volume
/// cannot be told, the pod is already of the revision that is wanted, and a pod of the present revision is never
/// deleted. The peers are written after config-apply, which overwrites them: their addresses are no part of a revision,
/// so any may be written then.
fn is_written(world: &World, pod: &Object, submission: &Submission) -> bool {
    let Some(volume) = world.sidecars.volume(pod.uid()) else { return true };
    let config = world.sidecars.written(volume, TaskType::ConfigApply);
    match submission.task {
        TaskType::ConfigApply => config.map(besides_peers) == Some(besides_peers(&submission.params)),
        _ => config.is_some(),
    }
}

/// Checks what must hold at any time.
pub fn hold(world: &World) -> Result<(), Violation> {
    let (mut rolling, mut groups) = (0, BTreeMap::<_, usize>::new());
    for object in world.api.list(Kind::Node) {
        let Some(node) = object.node() else { continue };
        let key = object.key();
        if holds_slot(node) {
            rolling += 1;
            let mode = ModeName::of(&node.spec);
            *groups.entry((&node.spec.chain_id, mode)).or_default() += 1;
        }
        let says = node.status.as_ref().and_then(|status| status.current_image.clone());
        if let Some(image) = says.filter(|image| !world.ledger.images.contains(&(key.clone(), image.clone())))
        {
            return broken("currentImage is an image that the node has run", format!("{key} says {image}"));
        }
    }
    for policy in world.operators.iter().map(Operator::policy).filter(|_| !world.ledger.races) {
        let most = policy.concurrent;
        if most > 0 && rolling > most {
            return broken("no more rollouts than slots", format!("{rolling} of {most}"));
        }
        // A share of a number of nodes may shrink when one of them goes.
        let most = if let Share::Nodes(most) = policy.unavailable { usize::from(most) } else { usize::MAX };
        if let Some((group, rolling)) = groups.iter().find(|(_, rolling)| **rolling > most) {
            let message = format!("{rolling} of {most} of {group:?}");
            return broken("no more rollouts of a chain than may be down", message);
        }
    }
    for object in world.api.list(Kind::Set) {
        let replicas = object.set().and_then(|set| set.spec.as_ref()?.replicas).unwrap_or(1);
        if replicas > 1 && !world.ledger.people.edited.contains(&object.key()) {
            return broken("we never ask for two pods", format!("{} asks for {replicas}", object.key()));
        }
    }
    Ok(())
}
