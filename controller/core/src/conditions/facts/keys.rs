//! Conditions of a validator's keys. They never contain any part of a key.

use seinode_api::{SeiNodeStatus, conditions as types};

use crate::{
    conditions::{Told, Truth, Verdict},
    exclusive::{self, Bid, Contest, Hold, Resource},
    intent::Intent,
    keys::Finding,
    observation::{Container, KeySource, Observation, Pod},
    subject::Subject,
    task::keys::{self, PodKey},
};

const CHANGED: &str = "SigningKeyChanged";
const UNKNOWN: &str = "SigningKeyUnknown";

/// SigningKeyReady.
pub(super) fn signing(
    subject: &Subject,
    intent: &Intent,
    next: &SeiNodeStatus,
    seen: &Observation,
) -> Option<Told> {
    let (secret, _) = intent.key_secrets()?;
    let before = Some(Told::AsBefore(types::SIGNING_KEY_READY));
    let Some(check) = &seen.keys else { return before };
    let (status, reason, message) = match &check.signing {
        Finding::Valid(key) => {
            let resource = Resource::SigningKey(key.fingerprint);
            let claims = exclusive::read(&next.claims);
            let is_held = exclusive::hold(&claims, &resource) == Some(Hold::Held);
            let pod = seen.pod().filter(|pod| keys::has_the_secret(pod, intent));
            let of_pod =
                pod.and_then(|pod| of_pod(pod, keys::key_of(pod, intent, key, check), is_held, secret));
            let bid = |resource| Bid::of(subject, resource, seen.file_of(resource));
            let who = exclusive::held_keys(&claims).find_map(|it| bid(it).disputed(&seen.rivals));
            match (who, of_pod) {
                (Some(who), _) => (Truth::False, "InUse", who),
                (None, Some((reason, message))) if exclusive::held_keys(&claims).next().is_some() => {
                    (Truth::False, reason, message)
                }
                (None, _) if is_held => {
                    let message =
                        format!("the key in Secret {secret} is in order, and no other node uses it");
                    (Truth::True, "SigningKeyValidated", message)
                }
                (None, _) => match super::contested(&bid(&resource), seen) {
                    Contest::Taken(who) => (Truth::False, "InUse", who),
                    Contest::Free | Contest::Yielded(_) => return before,
                },
            }
        }
        other => refused(other, "SigningKeyNotReady", "SigningKeyInvalid"),
    };
    Some(Told::Is(Verdict { type_: types::SIGNING_KEY_READY, status, reason, message }))
}

/// Trouble with the key of a pod: the reason, and what to do.
fn of_pod(pod: &Pod, has: PodKey, is_held: bool, secret: &str) -> Option<(&'static str, String)> {
    let copies = matches!(pod.key_source, KeySource::Copy(_));
    let (reason, what) = match has {
        PodKey::None => return None,
        PodKey::Secrets if is_held => return None,
        PodKey::Secrets => (
            CHANGED,
            "was changed: the pod has a key that this node does not hold, and its gate stays shut; put the earlier key back and \
             delete the pod, or pause the node and let it run again to change over to the new key",
        ),
        PodKey::Another if is_held => (
            CHANGED,
            "was changed since the pod copied its key: the pod's gate is not opened again; put the earlier file back, or delete \
             the pod, so that its successor copies the key anew",
        ),
        PodKey::Another => (
            CHANGED,
            "was changed: the pod still has the earlier key, and its gate is not opened again; put the earlier key back, or \
             pause the node and let it run again to change over to the new key",
        ),
        // Until the sidecar is up the init container may still be at work.
        PodKey::Unknown if copies && pod.sidecar == Container::Down => return None,
        PodKey::Unknown if copies => (
            UNKNOWN,
            "may not hold the pod's key: the pod has not reported which key it copied, and its gate stays shut; delete the pod, \
             so that its successor copies the key anew",
        ),
        PodKey::Unknown => (
            UNKNOWN,
            "was changed, and the pod may have started again since: it may have either key, this node holds both, and the pod's \
             gate is not opened again; pause the node, put the right key into the Secret, and let the node run again",
        ),
    };
    Some((reason, format!("Secret {secret} {what}")))
}

/// NodeKeyReady.
pub(super) fn node(intent: &Intent, seen: &Observation) -> Option<Told> {
    let (_, secret) = intent.key_secrets()?;
    let Some(check) = &seen.keys else { return Some(Told::AsBefore(types::NODE_KEY_READY)) };
    let (status, reason, message) = match &check.node {
        Finding::Valid(_) => {
            (Truth::True, "NodeKeyValidated", format!("the key in Secret {secret} is in order"))
        }
        other => refused(other, "NodeKeyNotReady", "NodeKeyInvalid"),
    };
    Some(Told::Is(Verdict { type_: types::NODE_KEY_READY, status, reason, message }))
}

fn refused<T>(
    finding: &Finding<T>,
    not_ready: &'static str,
    invalid: &'static str,
) -> (Truth, &'static str, String) {
    match finding {
        Finding::Invalid(why) => (Truth::False, invalid, why.clone()),
        Finding::Missing(why) | Finding::Going(why) => (Truth::False, not_ready, why.clone()),
        Finding::Unread(failure) => (Truth::False, not_ready, failure.message.clone()),
        Finding::Valid(_) => (Truth::True, not_ready, String::new()),
    }
}
