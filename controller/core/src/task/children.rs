//! Tasks that make the node's children: volume, StatefulSet, Service.

use super::{
    Step, Until, bootstrap,
    kin::{Kin, foreign, kin, leaving},
    secure, wait as rest,
};
use crate::{
    answer::Question,
    effect::Effect,
    exclusive::{Claim, Resource},
    failure::Class,
    import::ImportFinding,
    intent::VolumeSource,
    observation::{Observation, Serves},
    render,
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
        VolumeSource::Own => own_volume(seen),
        VolumeSource::Import(name) => match &seen.import {
            None => Step::Look(Question::Import),
            Some(ImportFinding::Ready { .. }) => {
                secure(subject, claims, seen, Resource::Volume(name.clone()))
            }
            Some(ImportFinding::NotReady(why)) => wait(why, Class::Transient),
            Some(ImportFinding::Invalid(why)) => wait(why, Class::User),
            Some(ImportFinding::Unread(failure)) => wait(&failure.message, failure.class),
        },
    }
}

fn own_volume(seen: &Observation) -> Step {
    match &seen.volume {
        None => Step::Do(Effect::CreateVolume),
        Some(volume) => match kin(&volume.owner, volume.stay) {
            Kin::Ours => Step::Done,
            // What is not ours may lack our label, and then its end is not seen by a watch.
            Kin::Leaving => {
                wait("the data PVC of a deleted SeiNode is still being removed", Class::Transient)
            }
            Kin::Foreign => wait("the data PVC belongs to somebody else", Class::User),
        },
    }
}

/// `apply-statefulset`. Never while a bootstrap Job or its pod has the volume (W20).
pub(crate) fn apply_statefulset(seen: &Observation) -> Step {
    if let Some(step) = seen.job.as_ref().and_then(bootstrap::remove) {
        return step;
    }
    if seen.pods.iter().any(|pod| pod.job_uid.is_some()) {
        return rest("the bootstrap pod is going, and has the volume until then", Until::Event);
    }
    apply(
        seen.workload.as_ref().map(|workload| kin(&workload.owner, workload.stay)),
        "StatefulSet",
        Effect::ApplyWorkload,
    )
}

/// `apply-service`. One that is as it would be rendered is done.
pub(crate) fn apply_service(subject: &Subject, seen: &Observation) -> Step {
    let labels = subject.intent.as_ref().map(|intent| render::child_labels(&subject.node, intent));
    if let (Some(service), Some(rendering), Ok(labels)) = (&seen.service, &seen.rendering, labels)
        && kin(&service.owner, service.stay) == Kin::Ours
        && service.serves == Serves::Node
        && service.digest == rendering.service
        && labels.iter().all(|(key, value)| service.labels.get(key) == Some(value))
    {
        return Step::Done;
    }
    let found = seen.service.as_ref().map(|service| kin(&service.owner, service.stay));
    apply(found, "Service", Effect::ApplyService)
}

fn apply(found: Option<Kin>, kind: &str, effect: Effect) -> Step {
    match found {
        None | Some(Kin::Ours) => Step::Do(effect),
        Some(Kin::Leaving) => leaving(kind),
        Some(Kin::Foreign) => foreign(kind),
    }
}

fn wait(why: &str, patience: Class) -> Step {
    rest(why, Until::Retry(patience))
}
