//! The controllers of StatefulSets and of Jobs.
//!
//! The one of StatefulSets works on what it saw of a set last, which may be an earlier version of it. Under OnDelete it
//! replaces no pod by itself; a pod has its successor only when it is gone. A Job's pod may have one as soon as it is to
//! go, unless the Job says otherwise (`podReplacementPolicy`).

use std::rc::Rc;

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobCondition},
        core::v1::{Pod, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use seinode_api::names;
use uuid::Uuid;

use super::Deed;
use crate::{
    api_server::Propagation,
    objects::{Key, Kind, Object, PodFacts},
    world::World,
};

/// Marks a pod that its Job itself has stopped: such a one does not count as failed.
const STOPPED_BY_JOB: &str = "sim/stopped-by-job";
/// Nobody asks for more pods than this.
const MOST_PODS: i32 = 2;

pub fn offers(world: &World) -> Vec<Deed> {
    let sets = world.api.list(Kind::Set).flat_map(|set| for_set(world, set));
    let jobs = world.api.list(Kind::Job).filter_map(|job| for_job(world, job));
    sets.chain(jobs).collect()
}

fn for_set(world: &World, object: &Rc<Object>) -> Vec<Deed> {
    if object.is_going() {
        return Vec::new();
    }
    let known = world.known_sets.get(&object.key()).filter(|known| known.uid() == object.uid());
    let seen = known.and_then(|known| known.meta().generation);
    let looks = (seen != object.meta().generation).then(|| Deed::ObserveSet(object.key()));
    let acts = known.and_then(|known| on_pods(world, known));
    match world.slow_controllers {
        true => acts.into_iter().chain(looks).collect(),
        false => looks.into_iter().chain(acts).collect(),
    }
}

/// Next deed about the pods of a set, as its controller knows it.
fn on_pods(world: &World, object: &Rc<Object>) -> Option<Deed> {
    let (key, set) = (object.key(), object.set()?);
    let spec = set.spec.as_ref()?;
    let wanted = spec.replicas.unwrap_or(1);
    let revision = set.status.as_ref().and_then(|status| status.update_revision.as_deref());
    let rolls = spec.update_strategy.as_ref().and_then(|it| it.type_.as_deref()) != Some("OnDelete");
    (0..MOST_PODS).find_map(|ordinal| {
        let name = pod_name(&key, ordinal);
        let Some(pod) = world.api.get(&key.beside(Kind::Pod, &name)) else {
            return (ordinal < wanted && !is_refused(world, object))
                .then(|| Deed::MakePod(key.clone(), ordinal));
        };
        if pod.controller().is_none() && !pod.is_going() {
            return Some(Deed::AdoptPod(key.clone(), ordinal));
        }
        let outdated = rolls && pod.label(names::REVISION_LABEL) != revision;
        let ended = pod.pod().is_some_and(PodFacts::has_ended);
        let stops = ordinal >= wanted || ended || outdated;
        (pod.is_controlled_by(object.uid()) && !pod.is_going() && stops).then(|| Deed::StopPod(pod.key()))
    })
}

fn pod_name(set: &Key, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.name)
}

fn for_job(world: &World, object: &Rc<Object>) -> Option<Deed> {
    let job = object.job().filter(|_| !object.is_going())?;
    let pods: Vec<_> = world.api.list(Kind::Pod).filter(|pod| pod.is_controlled_by(object.uid())).collect();
    let active = pods.iter().find(|pod| !pod.is_going() && !pod.pod().is_some_and(PodFacts::has_ended));
    let spec = job.spec.as_ref()?;
    if is_finished(job) {
        return active.map(|pod| Deed::StopPod(pod.key()));
    }
    if pods.iter().any(|pod| counts(pod).is_some()) {
        return Some(Deed::EndJob(object.key()));
    }
    if spec.suspend == Some(true) {
        return active.map(|pod| Deed::StopPod(pod.key()));
    }
    let waits_for_the_last = spec.pod_replacement_policy.as_deref() == Some("Failed");
    let free = active.is_none() && (pods.is_empty() || !waits_for_the_last);
    (free && !is_refused(world, object)).then(|| Deed::MakePod(object.key(), 0))
}

/// True if the API server refuses the pod that a controller would make.
pub fn is_refused(world: &World, controller: &Object) -> bool {
    controller.node_key().is_some_and(|node| world.refusing.contains(&node))
}

/// The controller sees a set as it is now, and names the revision of its template.
pub fn observe_set(world: &mut World, key: &Key) {
    world.say(|| format!("the controller of {key} sees its newest version"));
    let seen = world.api.update(key, |set| {
        let Object::Set(set) = set else { return };
        let template = set.spec.as_ref().map(|spec| serde_json::to_vec(&spec.template).unwrap());
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, &template.unwrap_or_default());
        let generation = set.metadata.generation;
        let status = set.status.get_or_insert_default();
        status.observed_generation = generation;
        status.update_revision = Some(format!("{:.8}", hash.simple().to_string()));
    });
    if let Some(seen) = seen {
        world.known_sets.insert(key.clone(), seen);
    }
}

/// A pod without controller that has the name of one of its own becomes that.
pub fn adopt_pod(world: &mut World, set: &Key, ordinal: i32) {
    let Some(object) = world.known_sets.get(set).map(Rc::clone) else { return };
    let pod = set.beside(Kind::Pod, &pod_name(set, ordinal));
    world.say(|| format!("{set} adopts {pod}"));
    let owner = reference(&object, set, "StatefulSet");
    world.api.update(&pod, |pod| pod.meta_mut().owner_references.get_or_insert_default().push(owner));
}

pub fn is_finished(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| ["Complete", "Failed"].contains(&it.type_.as_str()) && it.status == "True")
}

/// Result that a pod means for its Job: success, or failure with the words of a condition.
fn counts(pod: &Object) -> Option<Result<(), &'static str>> {
    let phase = pod.pod()?.status.as_ref().and_then(|status| status.phase.as_deref());
    match phase {
        Some("Succeeded") => Some(Ok(())),
        Some("Failed") => Some(Err("Job has reached the specified backoff limit")),
        _ if pod.is_going() && pod.annotation(STOPPED_BY_JOB).is_none() => {
            Some(Err("Job has reached the specified backoff limit"))
        }
        _ => None,
    }
}

/// True if a Job has still to take note of how its pod ended: until then a finalizer keeps the pod.
pub fn is_awaited(world: &World, pod: &Object) -> bool {
    let job = pod.controller().filter(|owner| owner.kind == "Job");
    let job = job.and_then(|owner| world.api.list(Kind::Job).find(|job| job.uid() == owner.uid));
    let unfinished = job.is_some_and(|job| !job.is_going() && !job.job().is_some_and(is_finished));
    unfinished && counts(pod).is_some()
}

pub fn make_pod(world: &mut World, owner: &Key, ordinal: i32) {
    let known = if owner.kind == Kind::Set { world.known_sets.get(owner) } else { world.api.get(owner) };
    let Some(object) = known.map(Rc::clone) else { return };
    let (name, template, kind) = match &*object {
        Object::Set(set) => {
            let mut template = set.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
            let revision = set.status.as_ref().and_then(|status| status.update_revision.clone());
            let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
            labels.insert(names::REVISION_LABEL.to_owned(), revision.unwrap_or_default());
            (pod_name(owner, ordinal), template, "StatefulSet")
        }
        Object::Job(job) => {
            let template = job.spec.as_ref().map(|spec| spec.template.clone());
            (format!("{}-{}", owner.name, world.api.version()), template.unwrap_or_default(), "Job")
        }
        _ => return,
    };
    let PodTemplateSpec { metadata, spec } = template;
    let metadata = metadata.unwrap_or_default();
    let revision = metadata.labels.as_ref().and_then(|all| all.get(names::REVISION_LABEL)).cloned();
    let pod = Pod {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(owner.namespace.to_string()),
            labels: metadata.labels,
            annotations: metadata.annotations,
            owner_references: Some(vec![reference(&object, owner, kind)]),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    };
    world.api.create(pod.into(), world.now);
    world.say(|| format!("{owner} gets pod {name} {}", revision.unwrap_or_default()));
}

fn reference(owner: &Object, key: &Key, kind: &str) -> OwnerReference {
    OwnerReference {
        api_version: if kind == "Job" { "batch/v1" } else { "apps/v1" }.into(),
        kind: kind.into(),
        name: key.name.to_string(),
        uid: owner.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

pub fn stop_pod(world: &mut World, pod: &Key) {
    world.say(|| format!("{pod} is stopped by its controller"));
    let of_job = |pod: &Object| pod.controller().is_some_and(|owner| owner.kind == "Job");
    if world.api.get(pod).is_some_and(|pod| of_job(pod)) {
        world.api.update(pod, |pod| {
            pod.meta_mut().annotations.get_or_insert_default().insert(STOPPED_BY_JOB.into(), "true".into());
        });
    }
    world.api.delete(pod, Propagation::Background, world.now);
}

pub fn end_job(world: &mut World, key: &Key) {
    let Some(job) = world.api.get(key).map(Rc::clone) else { return };
    let pods = world.api.list(Kind::Pod).filter(|pod| pod.is_controlled_by(job.uid()));
    let Some(verdict) = pods.filter_map(|pod| counts(pod)).min_by_key(Result::is_err) else { return };
    world.say(|| format!("{key} ends: {verdict:?}"));
    let condition = JobCondition {
        type_: if verdict.is_ok() { "Complete" } else { "Failed" }.into(),
        status: "True".into(),
        message: verdict.err().map(str::to_owned),
        ..JobCondition::default()
    };
    world.api.update(key, |job| {
        if let Object::Job(job) = job {
            job.status.get_or_insert_default().conditions = Some(vec![condition]);
        }
    });
}
