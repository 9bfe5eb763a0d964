//! Findings in the Secrets of keys. Findings only: no key is ever kept.
//!
//! In memory, so a restarted operator reads each Secret once, and then as seldom as before.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    exclusive::{Claim, Resource, Stray, StrayKey, held_keys},
    keys::{Finding, Fingerprint},
    observation::KeyCheck,
    rate::Now,
};

/// Last findings in the Secrets of one node.
#[derive(Clone, Debug, Default)]
pub struct KeyFindings(Option<KeyCheck>);

impl KeyFindings {
    /// Records what was found for a node with these claims. Returns it with the key that the pod mounts, as far as that is
    /// known.
    pub fn note(&mut self, check: KeyCheck, claims: &[Claim]) -> KeyCheck {
        let check = KeyCheck { mounted: self.mounted(&check, claims), ..check };
        self.0 = Some(check.clone());
        check
    }

    /// The key that `seid` mounts from the Secret: the one that the Secret held when its container started. A container that
    /// started after another key was found may have either.
    fn mounted(&self, check: &KeyCheck, claims: &[Claim]) -> Option<Fingerprint> {
        let fingerprint = |check: &KeyCheck| match &check.signing {
            Finding::Valid(key) => Some(key.fingerprint),
            _ => None,
        };
        let (before, now) = (self.0.as_ref(), fingerprint(check)?);
        match before {
            Some(before) if before.seid_id.is_some() && before.seid_id == check.seid_id => before.mounted,
            // No container had started yet, and the Secret is as it was then.
            Some(before) if before.seid_id.is_none() && fingerprint(before) == Some(now) => Some(now),
            _ => held_keys(claims).all(|key| *key == Resource::SigningKey(now)).then_some(now),
        }
    }

    /// Last findings. A time in the future, from before a clock was set back, counts as a moment ago.
    #[must_use]
    pub fn last(&self, now: Timestamp) -> Option<KeyCheck> {
        let check = self.0.clone()?;
        let at = if check.at > now { just_before(now) } else { check.at };
        Some(KeyCheck { at, ..check })
    }
}

/// Never the present itself: that would count as read in this reconcile.
fn just_before(now: Timestamp) -> Timestamp {
    now.saturating_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}

/// A stray's kind, namespace and name.
type StrayName = (&'static str, String, String);

/// A stray's key cannot change, but its Secret may become readable: a finding counts for this long.
const STRAY_TTL: std::time::Duration = std::time::Duration::from_secs(60);

/// Keys of pods without a SeiNode, and of what may still make such pods.
#[derive(Clone, Debug, Default)]
pub struct StrayKeys(BTreeMap<StrayName, (crate::rate::Monotonic, StrayKey)>);

impl StrayKeys {
    /// Fills in what was found of these strays a short while ago.
    pub fn recall(&self, strays: &mut [Stray], now: Now) {
        for stray in strays {
            if let Some((at, key)) = self.0.get(&name_of(stray))
                && now.monotonic.since(*at) < STRAY_TTL
            {
                stray.key = *key;
            }
        }
    }

    /// Records what was found of all strays there are.
    pub fn note(&mut self, strays: &[Stray], now: Now) {
        self.0 = strays.iter().map(|stray| (name_of(stray), (now.monotonic, stray.key))).collect();
    }
}

fn name_of(stray: &Stray) -> StrayName {
    (stray.kind, stray.namespace.clone(), stray.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exclusive::Hold,
        keys::{Digest, SigningKey},
    };

    fn key(number: u8) -> Fingerprint {
        Fingerprint::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap()
    }

    fn check(pod: Option<&str>, seid: Option<&str>, found: u8) -> KeyCheck {
        let signing = Finding::Valid(SigningKey { fingerprint: key(found), file: Digest::of(&[found]) });
        let (pod, seid_id) = (pod.map(str::to_owned), seid.map(str::to_owned));
        KeyCheck {
            at: Timestamp::UNIX_EPOCH,
            pod,
            seid_id,
            mounted: None,
            signing,
            node: Finding::Missing("not looked at".into()),
        }
    }

    /// The key that is known to be mounted after the last of these checks, of a node that holds these keys.
    fn mounted(held: &[u8], checks: &[(Option<&str>, Option<&str>, u8)]) -> Option<Fingerprint> {
        let claim = |number: &u8| Claim { resource: Resource::SigningKey(key(*number)), hold: Hold::Held };
        let claims: Vec<_> = held.iter().map(claim).collect();
        let mut findings = KeyFindings::default();
        let noted =
            checks.iter().map(|(pod, seid, found)| findings.note(check(*pod, *seid, *found), &claims));
        noted.last().and_then(|check| check.mounted)
    }

    #[test]
    fn a_container_keeps_the_key_that_it_started_with() {
        let pod = Some("pod");
        assert_eq!(mounted(&[1], &[(pod, Some("a"), 1), (pod, Some("a"), 2)]), Some(key(1)));
        assert_eq!(mounted(&[1], &[(pod, Some("a"), 1), (pod, Some("b"), 1)]), Some(key(1)));
        assert_eq!(mounted(&[], &[(pod, Some("a"), 1)]), Some(key(1)), "it was adopted");
        assert_eq!(mounted(&[1, 2], &[(None, None, 2), (pod, Some("a"), 2)]), Some(key(2)), "it was resumed");
    }

    #[test]
    fn a_container_that_started_after_a_change_may_have_either_key() {
        let pod = Some("pod");
        assert_eq!(mounted(&[1], &[(pod, Some("a"), 1), (pod, Some("b"), 2)]), None);
        assert_eq!(mounted(&[1], &[(pod, Some("a"), 1), (pod, Some("a"), 2), (pod, Some("b"), 2)]), None);
        assert_eq!(mounted(&[1], &[(pod, Some("a"), 2)]), None, "nobody saw what was there before");
        assert_eq!(mounted(&[1, 2], &[(pod, Some("a"), 1), (pod, Some("b"), 1)]), None);
        assert_eq!(mounted(&[1], &[(None, None, 1), (pod, Some("a"), 2)]), None);
    }
}
