//! A signer in whose Secret somebody has put another key, once the world has come to rest.

use seinode_core::{
    exclusive::{self, Resource},
    intent::Intent,
};

use super::{Rested, Violation};
use crate::{
    invariants::keys::{holds, tells_its_key},
    objects::PodFacts,
    world::World,
};

impl Rested<'_> {
    /// True if the pod's key is in question; then the node has to say so, and nothing signs with a key that it does not hold.
    pub(super) fn has_another_key(&self, intent: &Intent) -> Result<bool, Violation> {
        let Some((secret, _)) = intent.key_secrets() else { return Ok(false) };
        let World { secrets, ledger, .. } = self.world;
        if !ledger.people.swapped.contains(&self.key) {
            return Ok(false);
        }
        let secret = (self.subject.node.namespace.clone(), secret.to_owned());
        let Some(key) = secrets.get(&secret) else { return Ok(false) };
        if self.holder(&Resource::SigningKey(*key)).is_some() {
            self.is("a key in question is told", self.truth("SigningKeyReady") == Some("False"))?;
            return Ok(true);
        }
        let Some(pod) = self.pod().filter(|pod| pod.pod().is_some_and(PodFacts::has_started)) else {
            return Ok(false);
        };
        let Some(reads) = ledger.reads(pod.uid()) else { return Ok(false) };
        let held = exclusive::read(&self.status.claims).len();
        if *key == reads && holds(self.world, &self.key, reads) && held == 1 {
            return Ok(false);
        }
        if ledger.has_passed_its_gate(pod.uid()) {
            let is_known = holds(self.world, &self.key, reads) || tells_its_key(self.world, &self.key, pod);
            self.is("a node holds the key that its pod signs with", is_known)?;
        }
        self.is("a key in question is told", self.truth("SigningKeyReady") == Some("False"))?;
        Ok(true)
    }
}
