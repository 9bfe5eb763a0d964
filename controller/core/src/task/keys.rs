//! Tasks that look at the keys of a validator that signs: they are in order, and nobody else signs with them.
//!
//! What is in the Secrets is known here as a finding; the keys themselves never get this far.

use super::{Step, Until, secure, wait};
use crate::{
    effect::{Effect, Replicas},
    exclusive::{Claim, Hold, Resource, hold},
    failure::Class,
    keys::Finding,
    observation::{KeyCheck, Observation, Run},
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
    let signs = subject.intent.as_ref().is_ok_and(|intent| intent.key_secrets().is_some());
    let lets_it_sign = match effect {
        Effect::ApplyStatefulSet
        | Effect::RepairStatefulSet(_)
        | Effect::Scale(Replicas::One)
        | Effect::DeletePod { .. } => true,
        Effect::Submit(submission) => submission.task == TaskType::MarkReady,
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
        | Effect::RemoveLegacyFinalizer
        | Effect::HandOver { .. } => false,
    };
    if !(signs && lets_it_sign) {
        return None;
    }
    match signing(subject, claims, seen) {
        Step::Done => Some(node(seen)).filter(|step| *step != Step::Done),
        other => Some(other),
    }
}

/// `validate-signing-key`.
pub(crate) fn signing(subject: &Subject, claims: &[Claim], seen: &Observation) -> Step {
    let Some(check) = of_this_pass(seen) else { return Step::Fetch(Query::Keys) };
    match &check.signing {
        Finding::Valid(key) => {
            let resource = Resource::SigningKey(*key);
            match signs_with_another(subject, &resource, claims, seen) {
                // The claim of the earlier key must not go while something signs with it.
                true => {
                    let why = "the Secret was changed, and the pod still signs with the earlier key";
                    wait(why, Until::Retry(Class::User))
                }
                false => secure(subject, claims, seen, resource),
            }
        }
        other => trouble(other),
    }
}

/// `validate-node-key`.
pub(crate) fn node(seen: &Observation) -> Step {
    let Some(check) = of_this_pass(seen) else { return Step::Fetch(Query::Keys) };
    match &check.node {
        Finding::Valid(()) => Step::Done,
        other => trouble(other),
    }
}

/// Whether a pod of the node lives that signs with another key from the same Secret. A pod with another Secret is one that
/// the spec replaces: its key stays claimed until it is gone.
fn signs_with_another(subject: &Subject, resource: &Resource, claims: &[Claim], seen: &Observation) -> bool {
    let secret =
        subject.intent.as_ref().ok().and_then(|intent| intent.key_secrets()).map(|(signing, _)| signing);
    let holds_another = claims.iter().any(|claim| {
        claim.hold == Hold::Held
            && matches!(claim.resource, Resource::SigningKey(_))
            && claim.resource != *resource
    });
    // With both held the pod may sign with either.
    holds_another
        && hold(claims, resource) != Some(Hold::Held)
        && seen.pods.iter().any(|pod| pod.run == Run::Lives && pod.signing_secret.as_deref() == secret)
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
