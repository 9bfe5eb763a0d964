//! Tasks that look at the keys of a validator that signs: they are in order, and nobody else signs with them.
//!
//! What is in the Secrets is known here as a finding; the keys themselves never get this far.

use super::{Step, Until, secure, wait};
use crate::{
    answer::Question,
    exclusive::{Claim, Resource},
    failure::Class,
    keys::Finding,
    observation::{KeyCheck, Observation},
    subject::Subject,
};

/// `validate-signing-key`.
pub(crate) fn signing(subject: &Subject, claims: &[Claim], seen: &Observation) -> Step {
    let Some(check) = of_this_pass(seen) else { return Step::Look(Question::Keys) };
    match &check.signing {
        Finding::Valid(fingerprint) => secure(subject, claims, seen, Resource::SigningKey(*fingerprint)),
        other => trouble(other),
    }
}

/// `validate-node-key`.
pub(crate) fn node(seen: &Observation) -> Step {
    let Some(check) = of_this_pass(seen) else { return Step::Look(Question::Keys) };
    match &check.node {
        Finding::Valid(()) => Step::Done,
        other => trouble(other),
    }
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
