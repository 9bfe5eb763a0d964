//! Tasks that make the node's children: volume, StatefulSet, Service.

use super::{Step, Until, bootstrap, secure, wait as rest};
use crate::{
    answer::Question,
    effect::Effect,
    exclusive::{Claim as Held, Resource},
    failure::Class,
    import::ImportFinding,
    intent::VolumeSource,
    node::Owner,
    observation::{Observation, Stay},
    subject::Subject,
};

/// `ensure-data-pvc`: the data PVC exists and is ours, or may be imported. A foreign one is never touched (W6).
pub(crate) fn ensure_data_pvc(
    subject: &Subject,
    source: &VolumeSource,
    claims: &[Held],
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
        Some(volume) => match claim(&volume.owner, volume.stay) {
            Claim::Ours => Step::Done,
            // What is not ours may lack our label, and then its end is not seen by a watch.
            Claim::Leaving => {
                wait("the data PVC of a deleted SeiNode is still being removed", Class::Transient)
            }
            Claim::Foreign => wait("the data PVC belongs to somebody else", Class::User),
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
        seen.workload.as_ref().map(|workload| claim(&workload.owner, workload.stay)),
        "StatefulSet",
        Effect::ApplyWorkload,
    )
}

/// `apply-service`.
pub(crate) fn apply_service(seen: &Observation) -> Step {
    let found = seen.service.as_ref().map(|service| claim(&service.owner, service.stay));
    apply(found, "Service", Effect::ApplyService)
}

fn apply(found: Option<Claim>, kind: &str, effect: Effect) -> Step {
    match found {
        None | Some(Claim::Ours) => Step::Do(effect),
        Some(Claim::Leaving) => leaving(kind),
        Some(Claim::Foreign) => foreign(kind),
    }
}

/// What has our child's name goes, and is waited for.
pub(super) fn leaving(kind: &str) -> Step {
    wait(&format!("the {kind} of a deleted SeiNode is still being removed"), Class::Transient)
}

/// What has our child's name is somebody else's, and stays as it is.
pub(super) fn foreign(kind: &str) -> Step {
    wait(&format!("a {kind} of this name exists and belongs to somebody else"), Class::User)
}

/// Whether an object that has our child's name may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It may.
    Ours,
    /// It will be gone: it is being deleted, or its owner is.
    Leaving,
    /// It may not.
    Foreign,
}

pub(crate) fn claim(owner: &Owner, stay: Stay) -> Claim {
    match (owner, stay) {
        (Owner::Us, Stay::Staying) => Claim::Ours,
        (Owner::Us | Owner::Predecessor, _) | (_, Stay::Going) => Claim::Leaving,
        (Owner::Nobody | Owner::Other(_), Stay::Staying) => Claim::Foreign,
    }
}

fn wait(why: &str, patience: Class) -> Step {
    rest(why, Until::Retry(patience))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_used_only_when_it_is_ours_and_stays() {
        let other = Owner::Other("Pod/x".into());
        for (owner, stay, expected) in [
            (&Owner::Us, Stay::Staying, Claim::Ours),
            (&Owner::Us, Stay::Going, Claim::Leaving),
            (&Owner::Predecessor, Stay::Staying, Claim::Leaving),
            (&Owner::Predecessor, Stay::Going, Claim::Leaving),
            (&Owner::Nobody, Stay::Staying, Claim::Foreign),
            (&Owner::Nobody, Stay::Going, Claim::Leaving),
            (&other, Stay::Staying, Claim::Foreign),
            (&other, Stay::Going, Claim::Leaving),
        ] {
            assert_eq!(claim(owner, stay), expected, "{owner:?} {stay:?}");
        }
    }
}
