//! Findings in the Secrets of keys. Findings only: no key is ever kept.
//!
//! In memory, so a restarted operator reads each Secret once, and then as seldom as before.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    exclusive::{Stray, StrayKey},
    observation::KeyCheck,
    rate::Now,
};

/// What was last found in the Secrets of one node.
#[derive(Clone, Debug, Default)]
pub struct KeyFindings(Option<KeyCheck>);

impl KeyFindings {
    /// Records what was found.
    pub fn note(&mut self, check: KeyCheck) {
        self.0 = Some(check);
    }

    /// What was last found. A time in the future, from before a clock was set back, counts as a moment ago.
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
