//! Tasks that look at the keys of a validator that signs: they are in order, and nobody else signs with them.
//!
//! What is in the Secrets is known here as a finding; the keys themselves never get this far.

use super::{Step, Until, secure, wait};
use crate::{
    effect::{Effect, Replicas},
    exclusive::{Bid, Claim, Contest, Hold, Resource, held_keys, hold},
    failure::Class,
    intent::Intent,
    keys::{Finding, SigningKey},
    observation::{KeyCheck, KeySource, Observation, Pod, Run},
    query::Query,
    subject::Subject,
    task_type::TaskType,
};

/// The step before an effect that gives a signing node a pod or opens its gate: its keys are read once more, because what
/// was validated may have been changed since, and the pod signs with what the Secret held when it was made. `None` when
/// nothing stands in the way.
///
/// The gate is the last guard: a pod that the StatefulSet controller makes by itself (eviction, drain, deletion by hand) has
/// passed no other.
pub(crate) fn before(
    subject: &Subject,
    effect: &Effect,
    claims: &[Claim],
    seen: &Observation,
) -> Option<Step> {
    let intent = subject.intent.as_ref().ok().filter(|intent| intent.key_secrets().is_some())?;
    let opens = matches!(effect, Effect::Submit(it) if it.task == TaskType::MarkReady);
    let gives_a_pod = match effect {
        Effect::ApplyStatefulSet
        | Effect::RepairStatefulSet(_)
        | Effect::Scale(Replicas::One)
        | Effect::DeletePod { .. } => true,
        Effect::CreateVolume(_)
        | Effect::MarkVolume(_)
        | Effect::Scale(Replicas::Zero)
        | Effect::ApplyService
        | Effect::RepairService(_)
        | Effect::ApplyBootstrapService
        | Effect::CreateJob
        | Effect::SuspendJob(_)
        | Effect::DeleteJob(_)
        | Effect::DeleteService(_)
        | Effect::Submit(_)
        | Effect::DropTask(_)
        | Effect::RemoveLegacyFinalizer
        | Effect::HandOver { .. } => false,
    };
    if !(opens || gives_a_pod) {
        return None;
    }
    let not_done = [signing(subject, claims, seen), node(seen)].into_iter().find(|step| *step != Step::Done);
    not_done.or_else(|| seen.pod().filter(|_| opens).and_then(|_| of_the_pod(intent, seen)))
}

/// Why the gate of the node's pod stays shut although the Secret is in order: the pod has another key, or nobody knows which.
/// Judged by the pod as it was read live.
fn of_the_pod(intent: &Intent, seen: &Observation) -> Option<Step> {
    let Some(pod) = &seen.live_pod else { return Some(Step::Fetch(Query::Pod)) };
    let (check, pod) = (of_this_pass(seen)?, pod.as_ref()?);
    let Finding::Valid(key) = &check.signing else { return None };
    let why = match key_of(pod, intent, key, check) {
        PodKey::Secrets | PodKey::None => return None,
        PodKey::Another => "the pod has another key than the Secret: its gate stays shut",
        PodKey::Unknown => "it is not known which key the pod has: its gate stays shut",
    };
    // A change of the pod wakes the node.
    Some(wait(why, Until::Retry(Class::User)))
}

/// The key that a pod has, compared with that in the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodKey {
    /// The pod signs with none.
    None,
    /// The Secret's.
    Secrets,
    /// Another one than the Secret's now; or the same, in a file that was written anew.
    Another,
    /// Not known.
    Unknown,
}

/// Compares the key of a pod with that in the Secret that the spec names.
pub(crate) fn key_of(pod: &Pod, intent: &Intent, secrets: &SigningKey, check: &KeyCheck) -> PodKey {
    let is = |same| if same { PodKey::Secrets } else { PodKey::Another };
    match (pod.key_source, check.mounted) {
        (KeySource::None, _) => PodKey::None,
        _ if !has_the_secret(pod, intent) => PodKey::Another,
        (KeySource::Copy(Some(digest)), _) => is(digest == secrets.file),
        (KeySource::Secret, Some(mounted)) if check.seid_id == pod.seid_id => {
            is(mounted == secrets.fingerprint)
        }
        (KeySource::Copy(None) | KeySource::Secret, _) => PodKey::Unknown,
    }
}

/// True if a pod's key is from the Secret that the spec names.
pub(crate) fn has_the_secret(pod: &Pod, intent: &Intent) -> bool {
    let secret = intent.key_secrets().map(|(signing, _)| signing);
    pod.signing_secret.as_deref() == secret
}

/// True if the gate of a pod may be opened at all: a pod with a key from another Secret than the spec's is one to replace.
pub(crate) fn may_be_opened(pod: &Pod, intent: &Intent) -> bool {
    pod.signing_secret.is_none() || has_the_secret(pod, intent)
}

/// `validate-signing-key`.
pub(crate) fn signing(subject: &Subject, claims: &[Claim], seen: &Observation) -> Step {
    let Some(check) = of_this_pass(seen) else { return Step::Fetch(Query::Keys) };
    let Finding::Valid(key) = &check.signing else { return trouble(&check.signing) };
    let resource = Resource::SigningKey(key.fingerprint);
    if signs_with_another(subject, &resource, claims, seen) {
        // The claim of the earlier key must not go while something signs with it.
        return wait(
            "the Secret was changed, and the pod still has the earlier key",
            Until::Retry(Class::User),
        );
    }
    match secure(subject, claims, seen, resource.clone()) {
        Step::Done => undisputed(subject, claims, seen, &resource),
        step => step,
    }
}

/// Nobody else holds the key that this node holds. One that it holds beside another may have been taken unseen, because its
/// pod may sign with it: then everybody is looked at live.
fn undisputed(subject: &Subject, claims: &[Claim], seen: &Observation, resource: &Resource) -> Step {
    let bid = Bid::of(subject, resource, seen.file_of(resource));
    if let Some(who) = bid.disputed(&seen.rivals) {
        return wait(&who, Until::Retry(Class::Transient));
    }
    if held_keys(claims).count() < 2 {
        return Step::Done;
    }
    match &seen.live_rivals {
        Some((asked, rivals)) if asked == resource => match bid.against(rivals) {
            Contest::Free => Step::Done,
            Contest::Taken(who) | Contest::Yielded(who) => wait(&who, Until::Retry(Class::Transient)),
        },
        _ => Step::Fetch(Query::Rivals(resource.clone())),
    }
}

/// `validate-node-key`.
pub(crate) fn node(seen: &Observation) -> Step {
    let Some(check) = of_this_pass(seen) else { return Step::Fetch(Query::Keys) };
    match &check.node {
        Finding::Valid(_) => Step::Done,
        other => trouble(other),
    }
}

/// True if a pod of the node lives that signs with another key from the same Secret. A pod with another Secret is one
/// that the spec replaces: its key stays claimed until it is gone.
fn signs_with_another(subject: &Subject, resource: &Resource, claims: &[Claim], seen: &Observation) -> bool {
    let holds_another = held_keys(claims).any(|it| it != resource);
    // With both held the pod may sign with either.
    holds_another
        && hold(claims, resource) != Some(Hold::Held)
        && subject.intent.as_ref().is_ok_and(|intent| {
            seen.pods.iter().any(|pod| pod.run == Run::Lives && has_the_secret(pod, intent))
        })
}

/// A plan is begun on keys as they are now, not as they were found minutes ago.
fn of_this_pass(seen: &Observation) -> Option<&KeyCheck> {
    seen.keys.as_ref().filter(|check| check.at == seen.now)
}

fn trouble<T>(finding: &Finding<T>) -> Step {
    match finding {
        Finding::Valid(_) => Step::Done,
        Finding::Missing(why) | Finding::Going(why) => wait(why, Until::Retry(Class::Transient)),
        Finding::Invalid(why) => wait(why, Until::Retry(Class::User)),
        Finding::Unread(failure) => wait(&failure.message, Until::Retry(failure.class)),
    }
}
