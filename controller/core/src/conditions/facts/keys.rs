//! What is to be said of a validator's keys. Never what is in them.

use seinode_api::{SeiNodeStatus, conditions as types};

use crate::{
    conditions::{Told, Truth, Verdict},
    exclusive::{self, Bid, Contest, Hold, Resource},
    intent::Intent,
    keys::Finding,
    observation::Observation,
    subject::Subject,
};

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
            let resource = Resource::SigningKey(*key);
            let bid = Bid::of(subject, &resource);
            let claims = exclusive::read(&next.claims);
            let holds = |claim: &exclusive::Claim| {
                claim.hold == Hold::Held && matches!(claim.resource, Resource::SigningKey(_))
            };
            match (exclusive::hold(&claims, &resource), claims.iter().any(holds)) {
                (Some(Hold::Held), _) => match bid.disputed(&seen.rivals) {
                    Some(who) => (Truth::False, "InUse", who),
                    None => {
                        let message =
                            format!("the key in Secret {secret} is in order, and no other node uses it");
                        (Truth::True, "SigningKeyValidated", message)
                    }
                },
                (_, true) if seen.pod().is_some_and(|pod| pod.signing_secret.as_deref() == Some(secret)) => {
                    let message = format!(
                        "Secret {secret} was changed: the pod still signs with the earlier key, and its successor would \
                         sign with another; put the earlier key back, or pause the node before it is replaced"
                    );
                    (Truth::False, "SigningKeyChanged", message)
                }
                (Some(Hold::Wanted) | None, _) => match super::contested(&bid, seen) {
                    Contest::Taken(who) => (Truth::False, "InUse", who),
                    Contest::Free | Contest::Yielded(_) => return before,
                },
            }
        }
        other => refused(other, "SigningKeyNotReady", "SigningKeyInvalid"),
    };
    Some(Told::Is(Verdict { type_: types::SIGNING_KEY_READY, status, reason, message }))
}

/// NodeKeyReady.
pub(super) fn node(intent: &Intent, seen: &Observation) -> Option<Told> {
    let (_, secret) = intent.key_secrets()?;
    let Some(check) = &seen.keys else { return Some(Told::AsBefore(types::NODE_KEY_READY)) };
    let (status, reason, message) = match &check.node {
        Finding::Valid(()) => {
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
