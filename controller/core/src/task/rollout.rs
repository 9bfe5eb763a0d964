//! Tasks that bring a changed StatefulSet into its pod. Under OnDelete nobody but us replaces the pod.
//!
//! Judged by pods, never by the StatefulSet's `currentRevision`, which does not move under OnDelete (W5). A pod of the
//! present revision is never deleted; whether a pod is Ready does not matter: a node that was halted at an upgrade height
//! is unready on purpose.

use seinode_api::status::StatefulSetStatus;

use super::{Step, Until, starting, wait};
use crate::{
    effect::{Effect, Replicas},
    failure::Class,
    intent::Intent,
    node::Deletion,
    observation::{Container, DataCheck, HANGS_AFTER, Observation, Pod, StatefulSetView},
    query::Query,
    time::after,
};

/// The revision that a new pod would have; a wait while that cannot be told.
fn target<'a>(
    applied: Option<&StatefulSetStatus>,
    seen: &'a Observation,
) -> Result<(&'a StatefulSetView, &'a str), Step> {
    let Some(set) = &seen.stateful_set else { return Err(wait("the StatefulSet is missing", Until::Event)) };
    let floor = applied.filter(|applied| applied.uid == set.uid).and_then(|applied| applied.generation);
    if floor.is_some_and(|floor| set.generation < floor) || set.observed_generation < set.generation {
        return Err(wait("the StatefulSet's controller has not seen its new template yet", Until::Event));
    }
    match &set.update_revision {
        Some(revision) => Ok((set, revision)),
        None => Err(wait("the StatefulSet's controller has not named a revision yet", Until::Event)),
    }
}

/// The pod of the StatefulSet that was made from another revision than a new one would be, or that a requested restart
/// replaces. One without revision was not made by the controller, and is left alone.
pub(crate) fn outdated<'a>(
    applied: Option<&StatefulSetStatus>,
    restarts: Option<&str>,
    seen: &'a Observation,
) -> Option<&'a Pod> {
    let (set, revision) = target(applied, seen).ok()?;
    seen.pods.iter().find(|pod| is_outdated(pod, set, revision, restarts))
}

fn is_outdated(pod: &Pod, set: &StatefulSetView, revision: &str, restarts: Option<&str>) -> bool {
    let of_another = pod.revision.as_deref().is_some_and(|made_from| made_from != revision);
    pod.stateful_set_uid.as_ref() == Some(&set.uid) && (of_another || restarts == Some(&pod.uid))
}

/// True if the StatefulSet makes pods of another image, because it was rendered from another spec: a request of ours
/// that was late, or another leader whose watch was behind, has applied it after the plan did.
pub(crate) fn is_of_another_spec(intent: &Intent, seen: &Observation) -> bool {
    let (Some(set), Some(rendering)) = (&seen.stateful_set, &seen.rendering) else { return false };
    let made = |pod: &Pod| pod.revision.is_some() && pod.revision == set.update_revision;
    set.template_hash.as_ref() != Some(&rendering.template)
        && seen.pod().is_some_and(|pod| made(pod) && pod.seid_image.as_ref() != Some(&intent.image))
}

/// `replace-pod`: no pod of an earlier revision is left. Deleted with the normal grace period, never by force.
pub(crate) fn replace_pod(
    applied: Option<&StatefulSetStatus>,
    restarts: Option<&str>,
    seen: &Observation,
) -> Step {
    let (set, revision) = match target(applied, seen) {
        Ok(target) => target,
        Err(step) => return step,
    };
    if set.replicas > 1 {
        let why =
            format!("the StatefulSet asks for {} pods; a node has one: set its replicas to 1", set.replicas);
        return Step::Hopeless(why);
    }
    let replaced = seen.pods.iter().find(|pod| is_outdated(pod, set, revision, restarts));
    let Some(pod) = replaced else { return Step::Done };
    if pod.deletion == Deletion::Requested {
        return going(pod, seen);
    }
    safe(seen).unwrap_or_else(|| delete(pod))
}

/// Deletes a pod, so that its StatefulSet makes another.
pub(crate) fn delete(pod: &Pod) -> Step {
    let (name, uid, version) = (pod.name.clone(), pod.uid.clone(), pod.version.clone());
    Step::Do(Effect::DeletePod { name, uid, version })
}

fn going(pod: &Pod, seen: &Observation) -> Step {
    let Some((since, end)) = pod.going else { return wait("the earlier pod is going", Until::Event) };
    let why = format!("pod {} is being deleted since {since}", pod.name);
    let hangs = after(end, HANGS_AFTER);
    wait(&why, if seen.now < hangs { Until::At(hangs) } else { Until::Event })
}

/// Without its pod, a volume that is being deleted is gone. So before a pod goes its PVC is looked at, live; `None` when
/// nothing speaks against it. A pod that never ran keeps no data: its PVC may wait for it, or be gone.
pub(crate) fn safe(seen: &Observation) -> Option<Step> {
    let blocked = |why: &str, class| Some(wait(why, Until::Retry(class)));
    let never_ran = seen.pods.iter().all(Pod::never_ran);
    match &seen.data {
        None => Some(Step::Fetch(Query::Data)),
        Some(DataCheck::Safe) => None,
        Some(DataCheck::Missing | DataCheck::Unbound) if never_ran => None,
        Some(DataCheck::Missing) => blocked("the data PVC is missing: the pod stays as it is", Class::User),
        Some(DataCheck::Going(_)) => blocked(
            "the data PVC is being deleted, and only the pod keeps it: see DataVolumeReady",
            Class::User,
        ),
        Some(DataCheck::Unbound) => blocked("the data PVC is not bound: the pod stays as it is", Class::User),
        Some(DataCheck::Unread(failure)) => blocked(&failure.message, failure.class),
    }
}

/// `observe-image`: the pod of the present revision runs the image that the spec asks for (W4, W25).
pub(crate) fn observe_image(
    intent: &Intent,
    applied: Option<&StatefulSetStatus>,
    seen: &Observation,
) -> Step {
    let (set, revision) = match target(applied, seen) {
        Ok(target) => target,
        Err(step) => return step,
    };
    if set.replicas == 0 {
        // It was paused meanwhile.
        return Step::Do(Effect::Scale(Replicas::One));
    }
    let Some(pod) = seen.pod().filter(|pod| pod.revision.as_deref() == Some(revision)) else {
        return wait("the StatefulSet's controller has not made the new pod yet", Until::Event);
    };
    match pod.seid_image.as_ref() == Some(&intent.image) {
        true if pod.seid == Container::Up => Step::Done,
        true => starting(pod, seen.now),
        false => {
            let runs = pod.seid_image.as_deref().unwrap_or("no image");
            let why = format!(
                "the new pod has image {runs} instead of {}: something changes pods as they are made",
                intent.image
            );
            wait(&why, Until::Retry(Class::User))
        }
    }
}

#[cfg(test)]
mod tests;
