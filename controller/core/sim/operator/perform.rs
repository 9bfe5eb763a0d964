//! Carries effects out in the world, as `controller/src/perform.rs` and `controller/src/persist.rs` have to.
//!
//! What is guarded here is guarded there, and nothing else: a change of an object that was seen names the UID of the one
//! that was seen; a Job is made only when, seen live, neither the StatefulSet nor any pod has the volume; what may give
//! a node a pod is done only when, seen live, the SeiNode is still there with the same spec.

use std::{rc::Rc, sync::Arc};

use seinode_api::{SeiNode, SeiNodeStatus, names};
use seinode_core::{
    adoption::{Child, Heritage},
    edits::{self, Edit},
    effect::{Effect, JobRun, Outcome, Replicas, Submission},
    failure::{Class, Failure},
    ids::TaskId,
    intent::Intent,
    node::{NodeRef, Owner},
    observation::{Job, Observation, ServiceView, StatefulSetView, Strategy, Volume},
    render,
    retention::Retention,
    sidecar::Unreachable,
    subject::Subject,
};

use super::platform;
use crate::{
    actors,
    api_server::Propagation,
    fields,
    invariants::{brief, keys},
    objects::{Key, Kind, Object},
    world::World,
};

/// Outcome of a status write.
pub enum Written {
    Stored(Rc<Object>),
    Gone,
    Conflict,
}

/// Replaces the status, if the object is still the one that was read.
pub fn store(world: &mut World, index: usize, object: &SeiNode, status: &SeiNodeStatus) -> Written {
    let meta = &object.metadata;
    let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
    let key = Key::new(Kind::Node, namespace.unwrap_or_default(), name.unwrap_or_default());
    let Some(live) = world.api.get(&key) else { return Written::Gone };
    if live.meta().uid != meta.uid || live.meta().resource_version != meta.resource_version {
        world.say(|| format!("operator {index} may not store the status of {key}: somebody was first"));
        return Written::Conflict;
    }
    // Stored means written as JSON and read back.
    let json = serde_json::to_value(status).unwrap();
    let kept: SeiNodeStatus = serde_json::from_value(json).unwrap();
    world.say(|| format!("operator {index} stores {}", brief(&kept)));
    world.ledger.stored(&world.api, &key, &kept);
    let stored = world.api.update(&key, |object| {
        if let Object::Node(node) = object {
            node.status = Some(kept);
        }
    });
    stored.map_or(Written::Gone, Written::Stored)
}

/// Somebody else changes the SeiNode.
pub fn meddle(world: &mut World, key: &Key) {
    let version = world.api.version().to_string();
    world.api.update(key, |node| {
        node.meta_mut().labels.get_or_insert_default().insert("sim/meddled".into(), version);
    });
}

/// The outcome of a request that nobody answers.
pub fn unanswered(effect: &Effect) -> Outcome {
    match effect {
        Effect::Submit(submission) => Outcome::Unreachable(submission.id, Unreachable::Timeout),
        Effect::DropTask(id) => Outcome::TaskDropped(*id, Err(Unreachable::Timeout)),
        _ => Outcome::Failed(Failure { class: Class::Transient, message: "no answer".into() }),
    }
}

fn conflict() -> Outcome {
    Outcome::Failed(Failure { class: Class::Conflict, message: "the object is another one now".into() })
}

/// Presence of the object in the cache: if it is there, the core has judged it already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

impl Known {
    fn of<T>(cached: Option<&T>) -> Self {
        if cached.is_some() { Self::Yes } else { Self::No }
    }
}

/// The world as one effect meets it.
struct Hands<'a> {
    world: &'a mut World,
    node: &'a NodeRef,
    intent: &'a Intent,
    seen: &'a Observation,
}

/// Carries an effect out.
pub fn perform(world: &mut World, subject: &Subject, seen: &Observation, effect: &Effect) -> Outcome {
    let node = &subject.node;
    if *effect == Effect::RemoveLegacyFinalizer {
        let key = Key::new(Kind::Node, &node.namespace, &node.name);
        if world.api.get(&key).is_some_and(|live| live.uid() != node.uid) {
            return conflict();
        }
        let kept = world.api.update(&key, |node| {
            node.meta_mut().finalizers.get_or_insert_default().retain(|it| it != names::LEGACY_FINALIZER);
        });
        return Outcome::FinalizerRemoved(kept.and_then(|kept| kept.node().cloned()).map(Arc::new));
    }
    if let Effect::MarkVolume(retention) = effect {
        return mark_volume(world, node, *retention);
    }
    let Some(intent) = subject.readable() else { return conflict() };
    Hands { world, node, intent, seen }.perform(effect)
}

fn mark_volume(world: &mut World, node: &NodeRef, retention: Retention) -> Outcome {
    let key = Key::new(Kind::Volume, &node.namespace, &names::data_volume(&node.name));
    let Some(live) = world.api.get(&key).map(Rc::clone) else { return conflict() };
    if live.volume().is_some_and(|pvc| Volume::of(node, pvc).owner != Owner::Us) {
        return outcome(node, &live);
    }
    let (uid, owner) = (node.uid.clone(), node.owner_reference());
    world.ledger.changes(node, &live);
    let changed = world.api.edit(&key, names::FIELD_MANAGER, |pvc| {
        let meta = pvc.meta_mut();
        meta.annotations.get_or_insert_default().insert(names::OWNER_UID_ANNOTATION.into(), uid);
        let owners = meta.owner_references.get_or_insert_default();
        owners.retain(|it| it.uid != owner.uid);
        if retention == Retention::GoesWithTheNode {
            owners.push(owner);
        }
    });
    changed.map_or_else(conflict, |pvc| outcome(node, &pvc))
}

/// The outcome of an effect that returned an object.
fn outcome(node: &NodeRef, object: &Object) -> Outcome {
    match object {
        Object::Volume(pvc) => Outcome::Volume(Volume::of(node, pvc)),
        Object::Set(sts) => Outcome::StatefulSetApplied(StatefulSetView::of(node, sts), Vec::new()),
        Object::Service(service) => Outcome::ServiceApplied(ServiceView::of(node, service), Vec::new()),
        Object::Job(job) => Outcome::Job(Job::of(node, job)),
        Object::Node(_) | Object::Pod(_) => conflict(),
    }
}

impl Hands<'_> {
    fn perform(&mut self, effect: &Effect) -> Outcome {
        let node = self.node;
        match effect {
            Effect::CreateVolume(retention) => self.create_volume(*retention),
            Effect::ApplyStatefulSet => self.apply_workload(&[]),
            Effect::RepairStatefulSet(left) => self.apply_workload(left),
            Effect::Scale(replicas) => match self.scale(*replicas) {
                Outcome::StatefulSetApplied(sts, _) => Outcome::Scaled(sts),
                other => other,
            },
            Effect::ApplyService => self.apply_own_service(&[]),
            Effect::RepairService(left) => self.apply_own_service(left),
            Effect::ApplyBootstrapService => {
                let service = render::bootstrap_service(node, self.intent);
                match self.apply_service(&service.into(), &[]) {
                    Outcome::ServiceApplied(service, _) => Outcome::BootstrapServiceApplied(service),
                    other => other,
                }
            }
            Effect::CreateJob => match self.create_job() {
                Outcome::StatefulSetApplied(sts, _) => Outcome::VolumeInUse(sts),
                other => other,
            },
            Effect::SuspendJob(run) => self.suspend_job(*run),
            Effect::DeleteJob(uid) => {
                let name = names::bootstrap_job(&node.name);
                self.delete(Kind::Job, &name, uid, Propagation::Foreground).unwrap_or(Outcome::JobDeleted)
            }
            Effect::DeleteService(uid) => {
                let deleted = self.delete(Kind::Service, &node.name, uid, Propagation::Background);
                deleted.unwrap_or(Outcome::ServiceDeleted)
            }
            Effect::DeletePod { name, uid, version } => self.delete_pod(name, uid, version),
            Effect::Submit(submission) => self.submit(submission),
            Effect::HandOver { child, uid, from, retention } => self.hand_over(*child, uid, from, *retention),
            Effect::DropTask(id) => Outcome::TaskDropped(*id, self.drop_task(*id)),
            Effect::MarkVolume(_) | Effect::RemoveLegacyFinalizer => conflict(),
        }
    }

    /// Read and changed at one version, as the real one is guarded.
    fn hand_over(&mut self, child: Child, uid: &str, from: &str, retention: Retention) -> Outcome {
        let kind = match child {
            Child::StatefulSet => Kind::Set,
            Child::Service => Kind::Service,
            Child::Volume => Kind::Volume,
        };
        let key = self.key(kind, &child.name(self.node));
        let Some(live) = self.world.api.get(&key).filter(|live| live.uid() == uid).map(Rc::clone) else {
            return conflict();
        };
        match Heritage::of(self.node, from, live.meta()) {
            Heritage::Foreign => return conflict(),
            Heritage::Ours | Heritage::Left | Heritage::Unmarked => {}
        }
        let owner = self.node.owner_reference();
        let changed = self.world.api.edit(&key, names::FIELD_MANAGER, |object| {
            let meta = object.meta_mut();
            let mark = (names::OWNER_UID_ANNOTATION.to_owned(), owner.uid.clone());
            meta.annotations.get_or_insert_default().extend([mark]);
            let owners = meta.owner_references.get_or_insert_default();
            owners.retain(|it| it.uid != from && it.uid != owner.uid);
            if child != Child::Volume || retention == Retention::GoesWithTheNode {
                owners.push(owner);
            }
        });
        match changed.map_or_else(conflict, |object| self.outcome(&object)) {
            Outcome::StatefulSetApplied(sts, _) => Outcome::StatefulSetHandedOver(sts),
            Outcome::ServiceApplied(service, _) => Outcome::ServiceHandedOver(service),
            other => other,
        }
    }

    fn key(&self, kind: Kind, name: &str) -> Key {
        Key::new(kind, &self.node.namespace, name)
    }

    fn outcome(&self, object: &Object) -> Outcome {
        outcome(self.node, object)
    }

    /// Changes the object of this name and UID, and nothing of any other.
    fn change(&mut self, key: &Key, uid: Option<&str>, change: impl FnOnce(&mut Object)) -> Outcome {
        let Some(live) = self.world.api.get(key).filter(|live| Some(live.uid()) == uid) else {
            return conflict();
        };
        self.world.ledger.changes(self.node, live);
        let changed = self.world.api.edit(key, names::FIELD_MANAGER, change);
        changed.map_or_else(conflict, |object| self.outcome(&object))
    }

    /// Creates an object, or reads the one that is there.
    fn create(&mut self, mut object: Object) -> Outcome {
        let key = object.key();
        fields::created(&mut object, names::FIELD_MANAGER);
        let now = self.world.now;
        let created = self.world.api.create(object, now).or_else(|| self.world.api.get(&key).cloned());
        created.map_or_else(conflict, |object| self.outcome(&object))
    }

    fn create_volume(&mut self, retention: Retention) -> Outcome {
        self.create(render::volume(self.node, self.intent, &platform::settings(), retention).into())
    }

    /// Server-side apply of the StatefulSet that was seen, or of a new one; what others put into it is taken out.
    fn apply_workload(&mut self, left: &[Edit]) -> Outcome {
        let key = self.key(Kind::Set, &self.node.name);
        let wanted = render::stateful_set(self.node, self.intent, &platform::settings()).into();
        let seen = self.seen.stateful_set.as_ref();
        if let Some(seen) = seen {
            let live = self.world.api.get(&key).map(|live| live.meta().resource_version.clone());
            if live.flatten().as_ref() != Some(&seen.version) {
                return conflict();
            }
        }
        if seen.is_some_and(|seen| seen.strategy == Strategy::Rolling && seen.owner == Owner::Us) {
            self.world.api.edit(&key, names::FIELD_MANAGER, |set| {
                if let Object::Set(set) = set {
                    let strategy = set.spec.get_or_insert_default().update_strategy.get_or_insert_default();
                    strategy.type_ = Some("OnDelete".into());
                    strategy.rolling_update = None;
                }
            });
        }
        let outcome = self.apply(&wanted, Known::of(seen), left);
        let Some(live) = self.world.api.get(&key) else { return outcome };
        let foreign = edits::foreign(&fields::json(live), left);
        if foreign.is_empty() || self.node.owner_of(live.meta()) != Owner::Us {
            return outcome;
        }
        let mended =
            self.world.api.edit(&key, names::FIELD_MANAGER, |set| *set = fields::without(set, &foreign));
        mended.map_or_else(conflict, |set| self.applied(&set))
    }

    fn apply_own_service(&mut self, left: &[Edit]) -> Outcome {
        self.apply_service(&render::service(self.node, self.intent).into(), left)
    }

    /// Applies the Service. One that was seen is named by its UID.
    fn apply_service(&mut self, wanted: &Object, left: &[Edit]) -> Outcome {
        let seen = self.seen.service.as_ref();
        let live = self.world.api.get(&wanted.key()).map(|live| live.uid().to_owned());
        if seen.is_some_and(|seen| live.as_ref() != Some(&seen.uid)) {
            return conflict();
        }
        self.apply(wanted, Known::of(seen), left)
    }

    /// Server-side apply. What the cache has not seen may still be there, and somebody else's: that is looked for first.
    fn apply(&mut self, wanted: &Object, known: Known, left: &[Edit]) -> Outcome {
        let key = wanted.key();
        let Some(live) = self.world.api.get(&key).map(Rc::clone) else {
            return self.create(wanted.clone());
        };
        if known == Known::No && self.node.owner_of(live.meta()) != Owner::Us {
            return self.outcome(&live);
        }
        let owners = wanted.meta().owner_references.clone().unwrap_or_default();
        self.world.ledger.applies(self.node, &live);
        let applied = self.world.api.update(&key, |live| {
            *live = fields::applied(live, wanted, left, names::FIELD_MANAGER);
            let references = live.meta_mut().owner_references.get_or_insert_default();
            references.retain(|it| !owners.iter().any(|owner| owner.uid == it.uid));
            references.extend(owners);
        });
        applied.map_or_else(conflict, |object| self.applied(&object))
    }

    /// The outcome of an apply, with the edits that were seen and are still there.
    fn applied(&self, object: &Object) -> Outcome {
        let json = fields::json(object);
        match self.outcome(object) {
            Outcome::StatefulSetApplied(sts, _) => {
                let edits =
                    self.seen.live_stateful_set.as_ref().map_or(&[][..], |live| live.edits.as_slice());
                Outcome::StatefulSetApplied(sts, edits::kept(edits, &json))
            }
            Outcome::ServiceApplied(service, _) => {
                let edits = self.seen.live_service.as_ref().map_or(&[][..], |live| live.edits.as_slice());
                Outcome::ServiceApplied(service, edits::kept(edits, &json))
            }
            other => other,
        }
    }

    fn scale(&mut self, replicas: Replicas) -> Outcome {
        let key = self.key(Kind::Set, &self.node.name);
        let seen = self.seen.stateful_set.as_ref().map(|set| set.uid.as_str());
        let count = match replicas {
            Replicas::Zero => 0,
            Replicas::One => 1,
        };
        self.change(&key, seen, |set| {
            if let Object::Set(set) = set {
                set.spec.get_or_insert_default().replicas = Some(count);
            }
        })
    }

    fn create_job(&mut self) -> Outcome {
        let set = self.world.api.get(&self.key(Kind::Set, &self.node.name)).cloned();
        let has_volume = |set: &StatefulSetView| set.owner != Owner::Us || set.replicas > 0;
        if let Some(set) = set
            && set.set().is_some_and(|set| has_volume(&StatefulSetView::of(self.node, set)))
        {
            return self.outcome(&set);
        }
        let is_of_node = |pod: &Rc<Object>| {
            let labels = pod.meta().labels.as_ref();
            pod.meta().namespace.as_ref() == Some(&self.node.namespace)
                && labels.and_then(|all| all.get(names::NODE_LABEL)) == Some(&self.node.name)
        };
        if self.world.api.list(Kind::Pod).any(is_of_node) {
            return conflict();
        }
        let Some(job) = render::bootstrap_job(self.node, self.intent, &platform::settings()) else {
            return conflict();
        };
        self.world.ledger.bootstraps(&self.world.api, &self.key(Kind::Node, &self.node.name));
        self.create(job.into())
    }

    fn suspend_job(&mut self, run: JobRun) -> Outcome {
        let key = self.key(Kind::Job, &names::bootstrap_job(&self.node.name));
        let seen = self.seen.job.as_ref().map(|job| job.uid.as_str());
        self.change(&key, seen, |job| {
            if let Object::Job(job) = job {
                job.spec.get_or_insert_default().suspend = Some(run == JobRun::Suspended);
            }
        })
    }

    /// Deletes an object; `Some` when it could not.
    fn delete(&mut self, kind: Kind, name: &str, uid: &str, how: Propagation) -> Option<Outcome> {
        let key = self.key(kind, name);
        let live = self.world.api.get(&key)?;
        if live.uid() != uid {
            return Some(conflict());
        }
        self.world.ledger.changes(self.node, live);
        let now = self.world.now;
        self.world.api.delete(&key, how, now);
        None
    }

    fn delete_pod(&mut self, name: &str, uid: &str, version: &str) -> Outcome {
        let key = self.key(Kind::Pod, name);
        let gone = Outcome::PodDeleted(uid.to_owned());
        let Some(live) = self.world.api.get(&key) else { return gone };
        if live.uid() != uid || live.meta().resource_version.as_deref() != Some(version) {
            return conflict();
        }
        self.world.say(|| format!("{key} is deleted by an operator"));
        let now = self.world.now;
        self.world.api.delete(&key, Propagation::Background, now);
        gone
    }

    /// The pod that listens where the pod that was seen did.
    fn host(&self) -> Option<String> {
        actors::at(self.world, self.seen.host()?.ip?)
    }

    fn drop_task(&mut self, id: TaskId) -> Result<(), Unreachable> {
        let pod = self.host().ok_or(Unreachable::Refused)?;
        self.world.sidecars.drop_task(&pod, id)
    }

    fn submit(&mut self, submission: &Submission) -> Outcome {
        let Some(pod) = self.host() else {
            return Outcome::Unreachable(submission.id, Unreachable::Refused);
        };
        keys::submits(self.world, self.seen, &pod, submission);
        match self.world.sidecars.submit(&pod, submission, self.world.now) {
            Ok(runs) => {
                self.world.ledger.ran(submission, runs);
                Outcome::Submitted(submission.task)
            }
            Err(unreachable) => Outcome::Unreachable(submission.id, unreachable),
        }
    }
}
