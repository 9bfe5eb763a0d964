//! Invariants that must hold whatever happens, after every step of the world.
//!
//! The ledger remembers what cannot be seen in the world any more: which plans were stored, which tasks were run. What
//! must hold once the world has come to rest is in `settled`.

pub mod keys;
mod retention;
mod rollout;
pub mod settled;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use seinode_api::SeiNodeStatus;
use seinode_core::{
    effect::{Effect, JobRun, Replicas, Submission},
    exclusive::{self, Hold},
    intent::Activity,
    keys::Fingerprint,
    node::{Deletion, NodeRef, Owner, Suspension},
    observation::{Observation, Volume},
    plan::{Plan, PlanPhase},
    reconcile::Reconcile,
    subject::Subject,
    task::{Progress, Task},
    task_type::{By, TaskType},
};

use crate::{
    api_server::ApiServer,
    objects::{Key, Kind, Object, PodFacts},
    world::World,
};

/// The consensus key in each Secret, by namespace and name.
pub type Secrets = BTreeMap<(String, String), Fingerprint>;

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub invariant: &'static str,
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant \"{}\" does not hold: {}", self.invariant, self.message)
    }
}

/// Memory of the invariants.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every plan that was ever stored.
    plans: BTreeSet<String>,
    /// Every attempt at a task that was ever stored.
    attempts: BTreeSet<String>,
    /// Every bootstrap that was stored as done: the node, the volume and the height.
    bootstraps: BTreeSet<(String, String, Option<i64>)>,
    effects: u64,
    /// Every image that ran in a pod of a node.
    images: BTreeSet<(Key, String)>,
    /// The key that `seid` of each pod reads, by UID.
    signs: BTreeMap<String, Fingerprint>,
    /// UIDs of the pods whose `seid` has passed its gate since it started.
    released: BTreeSet<String>,
    /// UIDs of children that were ours once.
    ours: BTreeSet<String>,
    /// Record of what people did.
    pub people: People,
    /// Two operators lead. Between the look of one and its hand-over the other may hand the task over, and it may fail: the
    /// sidecar's contract leaves no way to guard against that. One that is behind may do again what the other has done,
    /// or put back what it has applied. Neither may endanger data or keys; the Lease keeps all of it from happening.
    pub races: bool,
    /// Nodes whose sidecar forgot its tasks while an operator forgot too how far it was: the tasks are done again, and one
    /// that the sidecar did twice meanwhile passes for the second time although config-apply came after it.
    pub forgotten: BTreeSet<Key>,
    /// UIDs of the nodes whose volume must outlive them.
    keeps: BTreeSet<String>,
    violation: Option<Violation>,
}

/// Record of what people did by hand, and what is not our doing therefore.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// StatefulSets whose spec a person changed last.
    pub edited: BTreeSet<Key>,
    /// StatefulSets whose template a person changed at some time: a pod may have been made from it.
    pub spoiled: BTreeSet<Key>,
    /// Nodes that were stopped by an emergency stop, and not asked to go on since.
    pub stopped: BTreeSet<Key>,
    /// Nodes whose StatefulSet was deleted without its pod, in a walk.
    pub orphaned: BTreeSet<Key>,
    /// Nodes of the earlier operator, of which this one knows nothing at first.
    pub adopted: BTreeSet<Key>,
    /// Adopted nodes that hold nothing yet.
    pub unclaimed: BTreeSet<Key>,
    /// Pods that were to be replaced by a restart that a person asked for, and the SeiNodes that were asked, by UID.
    pub restarted: BTreeMap<Key, (String, String)>,
    /// Nodes in whose Secret somebody has put another key at some time.
    pub swapped: BTreeSet<Key>,
}

/// An effect that an operator is about to carry out, and why it thinks that it may.
pub struct Touch<'a> {
    pub node: &'a Key,
    pub subject: &'a Subject,
    pub status: &'a SeiNodeStatus,
    pub seen: &'a Observation,
    pub effect: &'a Effect,
}

impl Ledger {
    /// Number of effects so far.
    pub fn effects(&self) -> u64 {
        self.effects
    }

    pub fn violated(&mut self, invariant: &'static str, message: String) {
        self.violation.get_or_insert(Violation { invariant, message });
    }

    /// The status of a node is stored.
    pub fn stored(&mut self, api: &ApiServer, node: &Key, status: &SeiNodeStatus) {
        if let Some(done) = &status.bootstrap
            && let Some((uid, ..)) = bootstrap(api, node)
        {
            self.bootstraps.insert((uid, done.volume_uid.clone(), done.target_height));
        }
        if exclusive::read(&status.claims).iter().any(|claim| claim.hold == Hold::Held) {
            self.people.unclaimed.remove(node);
        }
        self.vouched(status);
    }

    /// A plan is stored, or may go without: its node was looked at live, and it only opens a gate.
    pub fn vouched(&mut self, status: &SeiNodeStatus) {
        let Some(plan) = &status.plan else { return };
        self.plans.insert(plan.id.clone());
        self.attempts.extend(plan.tasks.iter().map(|task| task.id.clone()));
    }

    /// An effect is about to be carried out.
    pub fn touches(&mut self, api: &ApiServer, touch: &Touch<'_>) {
        self.effects += 1;
        let Touch { node, subject, status, effect, seen: _ } = touch;
        let wanted = subject.deletion == Deletion::Absent;
        let paused = subject.intent.as_ref().is_ok_and(|intent| intent.activity == Activity::Paused);
        let standing =
            matches!(effect, Effect::RemoveLegacyFinalizer | Effect::MarkVolume(_) | Effect::HandOver { .. });
        if let Effect::HandOver { from, .. } = effect {
            let stored = api.get(node).and_then(|node| node.node()?.status.as_ref()?.adopted.clone());
            if stored.is_none_or(|record| record.uid != *from) {
                self.violated("a handover is recorded before anything is handed over", node.to_string());
            }
            if api.has_uid(from) {
                self.violated(
                    "nothing is taken that a living SeiNode owns",
                    format!("{node} takes from {from}"),
                );
            }
        }
        let stops = matches!(effect, Effect::Scale(Replicas::Zero) | Effect::SuspendJob(JobRun::Suspended));
        if wanted && subject.suspension == Suspension::On {
            self.violated("a suspended node receives no effect", format!("{node}: {effect:?}"));
        }
        if wanted && paused && !standing && !stops {
            self.violated("a paused node is only scaled to 0", format!("{node}: {effect:?}"));
        }
        if !wanted && !standing {
            self.violated("a node that is being deleted gets nothing new", format!("{node}: {effect:?}"));
        }
        // What was made by a stored plan, or by the earlier operator, is put back without another one.
        let children = status.children.clone().unwrap_or_default();
        let adopted = self.people.adopted.contains(*node);
        let runs = status.phase == Some(seinode_api::status::Phase::Running);
        let made = match effect {
            Effect::DeleteJob(_) => runs,
            Effect::ApplyStatefulSet | Effect::RepairStatefulSet(_) => {
                adopted || children.stateful_set.is_some()
            }
            Effect::ApplyService | Effect::RepairService(_) => {
                adopted || children.service.is_some() || has_applied_service(status)
            }
            _ => false,
        };
        // What follows from the spec alone needs no plan.
        if made || standing || matches!(effect, Effect::Scale(_) | Effect::SuspendJob(_)) {
            return;
        }
        let plan = status.plan.as_ref().and_then(Plan::read).filter(|plan| plan.phase == PlanPhase::Active);
        let stored = plan.as_ref().is_some_and(|plan| self.plans.contains(plan.id.to_string().as_str()));
        let task = plan.as_ref().and_then(Plan::current).map(|task| task.kind);
        let attempt = match effect {
            Effect::Submit(submission) => self.attempts.contains(&submission.id.to_string()),
            _ => true,
        };
        if !stored || !attempt || !task.is_some_and(|task| asks_for(task, effect)) {
            let live = api.get(node).and_then(|node| node.node()?.status.as_ref()?.plan.clone());
            let message = format!("{node}: {effect:?} for {task:?}; stored is {live:?}");
            self.violated("nothing is touched before its plan is stored", message);
        }
    }

    /// An object is about to be changed for a node.
    pub fn changes(&mut self, node: &NodeRef, live: &Object) {
        let owner = match live {
            Object::Volume(pvc) => Volume::of(node, pvc).owner,
            other => node.owner_of(other.meta()),
        };
        // A Job is deleted by its UID. One that was made for this name has lost its owner since that was decided.
        let is_left = matches!(live, Object::Job(_)) && owner == Owner::Nobody;
        if owner != Owner::Us && !is_left {
            let message = format!("{} of {owner:?} is changed for {node}", live.key());
            self.violated("what belongs to somebody else is never changed", message);
        }
        self.ours.insert(live.uid().to_owned());
    }

    /// An object is about to be applied over. One that was ours may have lost its owner by hand.
    pub fn applies(&mut self, node: &NodeRef, live: &Object) {
        self.people.edited.remove(&live.key());
        if node.owner_of(live.meta()) != Owner::Nobody || !self.ours.contains(live.uid()) {
            self.changes(node, live);
        }
    }

    /// A pod of a node has run this image.
    pub fn ran_image(&mut self, node: &Key, image: &str) {
        self.images.insert((node.clone(), image.to_owned()));
    }

    /// The processes of a pod start. Returns the key that `seid` reads.
    pub fn started(&mut self, object: &Object, secrets: &Secrets) -> Option<Fingerprint> {
        let (pod, node) = (object.pod()?, object.node_key()?);
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        self.images.extend(containers.filter_map(|it| Some((node.clone(), it.image.clone()?))));
        self.reads_its_key(object, secrets)
    }

    /// A bootstrap Job is about to be made.
    pub fn bootstraps(&mut self, api: &ApiServer, node: &Key) {
        let done = |wanted: &_| self.bootstraps.contains(wanted) && !self.races;
        if let Some(wanted) = bootstrap(api, node).filter(done) {
            self.violated("a bootstrap that is done is not done again", format!("{node}: {wanted:?}"));
        }
    }

    /// A sidecar took a task, which has been run so often under this id by now.
    pub fn ran(&mut self, submission: &Submission, runs: u32) {
        if runs > 1 && !self.races {
            let message = format!("{} {} was run {runs} times", submission.task, submission.id);
            self.violated("a task that was accepted is never run twice", message);
        }
    }
}

/// True if the stored plan has its Service already: one that was as it should be is not recorded.
fn has_applied_service(status: &SeiNodeStatus) -> bool {
    let plan = status.plan.as_ref().and_then(Plan::read);
    let is_it = |task: &Task| task.kind == TaskType::ApplyService && task.progress == Progress::Complete;
    plan.is_some_and(|plan| plan.tasks.iter().any(is_it))
}

/// UIDs of a node and of the volume that it uses, and the height that its bootstrap runs up to.
fn bootstrap(api: &ApiServer, node: &Key) -> Option<(String, String, Option<i64>)> {
    let sei_node = api.get(node)?.node()?;
    let intent = Subject::of(sei_node).intent.ok()?;
    let name = intent.data_volume(&NodeRef::of(&sei_node.metadata));
    let volume = api.get(&node.beside(Kind::Volume, &name))?;
    let height = intent.bootstrap().map(|bootstrap| bootstrap.target_height);
    Some((sei_node.metadata.uid.clone()?, volume.uid().to_owned(), height))
}

/// A status in a line.
pub fn brief(status: &SeiNodeStatus) -> String {
    let plan = status.plan.as_ref().map(|plan| {
        let (id, task) = (&plan.id[..8.min(plan.id.len())], plan.current_task.as_deref().unwrap_or_default());
        format!("{id} {} {task} {:?}", plan.phase, plan.message.as_deref().unwrap_or_default())
    });
    let claims: Vec<_> = status.claims.iter().map(|it| format!("{} {}", it.resource, it.state)).collect();
    let said = status.conditions.iter().map(|it| format!("{}={}/{}", it.type_, it.status, it.reason));
    let said: Vec<_> = said.collect();
    format!("phase {:?}, plan {plan:?}, claims {claims:?}, {}", status.phase, said.join(" "))
}

/// True if an effect is what a task is for.
fn asks_for(task: TaskType, effect: &Effect) -> bool {
    match effect {
        Effect::CreateVolume(_) => task == TaskType::EnsureDataPvc,
        Effect::ApplyStatefulSet | Effect::RepairStatefulSet(_) => task == TaskType::ApplyStatefulset,
        Effect::ApplyService | Effect::RepairService(_) => task == TaskType::ApplyService,
        Effect::ApplyBootstrapService => task == TaskType::DeployBootstrapService,
        Effect::CreateJob => task == TaskType::DeployBootstrapJob,
        Effect::DeleteJob(_) => matches!(
            task,
            TaskType::DeployBootstrapJob | TaskType::TeardownBootstrap | TaskType::ApplyStatefulset
        ),
        // The pod of a task that ran past its deadline goes, whatever task waits for it.
        Effect::DeletePod { .. } => task == TaskType::ReplacePod || task.by() != By::Operator,
        Effect::DropTask(_) => task.by() != By::Operator,
        Effect::DeleteService(_) => task == TaskType::TeardownBootstrap,
        Effect::Submit(submission) => submission.task == task,
        Effect::MarkVolume(_)
        | Effect::Scale(_)
        | Effect::SuspendJob(_)
        | Effect::HandOver { .. }
        | Effect::RemoveLegacyFinalizer => true,
    }
}

/// An effect is about to be carried out.
pub fn touches(world: &mut World, touch: &Touch<'_>) {
    let World { api, ledger, .. } = world;
    ledger.touches(api, touch);
    if let Err(violation) = rollout::touches(world, touch) {
        world.ledger.violated(violation.invariant, violation.message);
    }
}

/// Checks a status before it is stored in place of another.
pub fn stores(world: &mut World, node: &Key, reconcile: &Reconcile, status: &SeiNodeStatus) {
    let before = reconcile.object().status.clone().unwrap_or_default();
    let change = (&before, status);
    let checked = rollout::gives_back(world, node, reconcile.subject(), reconcile.seen(), change);
    if let Err(violation) = checked {
        world.ledger.violated(violation.invariant, violation.message);
    }
}

/// Checks all that must hold at any time.
///
/// # Errors
/// The first invariant that does not hold.
pub fn hold(world: &mut World) -> Result<(), Violation> {
    retention::remember(world);
    if let Some(violation) = &world.ledger.violation {
        return Err(violation.clone());
    }
    let mut volumes = BTreeMap::new();
    let mut keys_of_pods = BTreeMap::new();
    for object in world.api.list(Kind::Pod) {
        let Some(pod) = object.pod().filter(|pod| !pod.has_ended()) else { continue };
        let key = object.key();
        let namespace = key.namespace.to_string();
        // Of two pods that a person asked for, or two leaders, one waits until the volume is free.
        let set = object.node_key().map(|node| node.beside(Kind::Set, &node.name));
        let asked_for = |set| world.ledger.people.spoiled.contains(&set);
        let waits = !pod.has_started() && (set.is_some_and(asked_for) || world.ledger.races);
        if let Some(claim) = pod.claim().filter(|_| !waits)
            && let Some(other) = volumes.insert((namespace.clone(), claim.to_owned()), key.clone())
        {
            let message = format!("{other} and {key} both mount PVC {namespace}/{claim}");
            return Err(Violation { invariant: "two pods never mount one volume", message });
        }
        if let Some(signs_with) = keys::signs_with(world, object, pod).filter(|_| !waits)
            && let Some(other) = keys_of_pods.insert(signs_with, key.clone())
        {
            let message = format!("{other} and {key} both sign with {signs_with}");
            return Err(Violation { invariant: "two pods never sign with one key", message });
        }
    }
    retention::hold(world)?;
    keys::hold(world)?;
    rollout::hold(world)
}
