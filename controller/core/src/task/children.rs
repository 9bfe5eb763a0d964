//! Tasks that make the node's children: volume, StatefulSet, Service.

use super::{
    Step, Until, bootstrap,
    ownership::{Ownership, foreign, leaving, ownership},
    secure, wait as rest,
};
use crate::{
    effect::Effect,
    exclusive::{Claim, Resource},
    failure::Class,
    import::ImportFinding,
    intent::VolumeSource,
    observation::{Observation, Serves},
    query::Query,
    render,
    retention::Retention,
    storage::BindingMode,
    subject::Subject,
};

/// `ensure-data-pvc`: the data PVC exists and is ours, or may be imported. A foreign one is never touched (W6).
pub(crate) fn ensure_data_pvc(
    subject: &Subject,
    source: &VolumeSource,
    claims: &[Claim],
    seen: &Observation,
) -> Step {
    match source {
        VolumeSource::Own => own_volume(subject, seen),
        VolumeSource::Import(name) => match &seen.import {
            Some(ImportFinding::Waits { .. }) => {
                secure(subject, claims, seen, Resource::Volume(name.clone()))
            }
            _ => imported(seen)
                .unwrap_or_else(|| secure(subject, claims, seen, Resource::Volume(name.clone()))),
        },
    }
}

/// Obstacle to writing to an imported volume: one that waited for its pod is judged once it is bound.
pub(crate) fn imported(seen: &Observation) -> Option<Step> {
    match &seen.import {
        None => Some(Step::Fetch(Query::Import)),
        Some(ImportFinding::Ready { .. }) => None,
        Some(ImportFinding::Waits { .. }) => {
            Some(wait("the imported PVC is not bound yet", Class::Transient))
        }
        Some(ImportFinding::NotReady(why)) => Some(wait(why, Class::Transient)),
        Some(ImportFinding::Invalid(why)) => Some(wait(why, Class::User)),
        Some(ImportFinding::Unread(failure)) => Some(wait(&failure.message, failure.class)),
    }
}

fn own_volume(subject: &Subject, seen: &Observation) -> Step {
    match &seen.volume {
        None => {
            let retention = subject.data_volume.retention(&seen.retention);
            Step::Do(Effect::CreateVolume(retention.unwrap_or(Retention::Kept)))
        }
        Some(volume) => match ownership(&volume.owner, volume.deletion) {
            Ownership::Ours => Step::Done,
            // What is not ours may lack our label, and then its end is not seen by a watch.
            Ownership::Leaving => {
                wait("the data PVC of a deleted SeiNode is still being removed", Class::Transient)
            }
            Ownership::Foreign => wait("the data PVC belongs to somebody else", Class::User),
        },
    }
}

/// `apply-statefulset`. Never while a bootstrap Job or its pod has the volume (W20).
pub(crate) fn apply_statefulset(source: &VolumeSource, seen: &Observation) -> Step {
    if let Some(step) = seen.job.as_ref().and_then(bootstrap::remove) {
        return step;
    }
    if seen.pods.iter().any(|pod| pod.job_uid.is_some()) {
        return rest("the bootstrap pod is going, and has the volume until then", Until::Event);
    }
    if let Some(step) = unbound(source, seen) {
        return step;
    }
    apply(
        seen.stateful_set.as_ref().map(|workload| ownership(&workload.owner, workload.deletion)),
        "StatefulSet",
        Effect::ApplyStatefulSet,
    )
}

/// The wait for a PVC that is bound without a pod: a pod that is made before sits in the scheduler's back-off.
fn unbound(source: &VolumeSource, seen: &Observation) -> Option<Step> {
    let is_new = *source == VolumeSource::Own && seen.stateful_set.is_none();
    let class = seen.volume.as_ref().filter(|_| is_new)?.pending_class.as_ref()?;
    match seen.binding_mode {
        None => Some(Step::Fetch(Query::BindingMode(class.clone()))),
        Some(BindingMode::Immediate) => {
            Some(rest("the data PVC is not bound yet: see DataVolumeReady", Until::Event))
        }
        Some(BindingMode::WaitForFirstConsumer | BindingMode::Unknown) => None,
    }
}

/// `apply-service`. One that is as it would be rendered is done.
pub(crate) fn apply_service(subject: &Subject, seen: &Observation) -> Step {
    let labels = subject.intent.as_ref().map(|intent| render::child_labels(&subject.node, intent));
    if let (Some(service), Some(rendering), Ok(labels)) = (&seen.service, &seen.rendering, labels)
        && ownership(&service.owner, service.deletion) == Ownership::Ours
        && service.serves == Serves::Node
        && service.digest == rendering.service
        && labels.iter().all(|(key, value)| service.labels.get(key) == Some(value))
    {
        return Step::Done;
    }
    let found = seen.service.as_ref().map(|service| ownership(&service.owner, service.deletion));
    apply(found, "Service", Effect::ApplyService)
}

fn apply(found: Option<Ownership>, kind: &str, effect: Effect) -> Step {
    match found {
        None | Some(Ownership::Ours) => Step::Do(effect),
        Some(Ownership::Leaving) => leaving(kind),
        Some(Ownership::Foreign) => foreign(kind),
    }
}

fn wait(why: &str, patience: Class) -> Step {
    rest(why, Until::Retry(patience))
}
