//! Things that only one node may use at a time: a signing key, an imported volume.
//!
//! Two pods with one signing key get their validator slashed; two pods on one volume corrupt it. So a node first
//! *wants* a thing (stored in its status), then looks at everybody else, live, and only then *holds* it (stored
//! again). Of two that look at the same time at least one sees the other, because each looked after its own claim was
//! stored. What is held is not taken away; of two that only want, the older creation wins, then the smaller UID.
//!
//! A node that is gone holds on until its pods are gone. Whatever cannot be told counts as held.

mod bid;

use std::fmt;

use jiff::Timestamp;
use seinode_api::status::ClaimStatus;

pub use bid::{Bid, Contest};

use crate::{
    keys::{Digest, Fingerprint},
    node::NodeRef,
};

const SIGNING_KEY: &str = "signing-key";
const VOLUME: &str = "volume";
const WANTED: &str = "Wanted";
const HELD: &str = "Held";

/// A thing that only one node may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A consensus key, whatever Secret it is in: by its address, in all namespaces.
    SigningKey(Fingerprint),
    /// A PVC of the node's own namespace.
    Volume(String),
}

/// Progress of a node towards having a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It wants it, and has to look at the others first.
    Wanted,
    /// It has it.
    Held,
}

/// A thing and how far a node has come with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The thing.
    pub resource: Resource,
    /// Progress of the node with it.
    pub hold: Hold,
}

/// Others that may use what a node wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rivals {
    /// All other SeiNodes that use something exclusive, or may.
    pub nodes: Vec<Contender>,
    /// Pods whose SeiNode is gone or is another one now, and what may still make such pods.
    pub strays: Vec<Stray>,
}

/// Another SeiNode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Identity of the node.
    pub node: NodeRef,
    /// Time at which the SeiNode was created.
    pub created: Timestamp,
    /// Claims that it reports.
    pub claims: Vec<Claim>,
    /// Use of a signing key, and knowledge of that key.
    pub signing: Signing,
    /// The PVC that its data is in, and whether it needs a claim for it.
    pub volume: DataVolume,
    /// Things that its pod uses now.
    pub pod: Option<PodUse>,
}

/// Use of a signing key by a node, and knowledge of that key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// It has no signing key.
    Never,
    /// Nobody has looked at its Secret yet.
    Unexamined,
    /// Its Secret was looked at.
    Examined,
}

/// The PVC that a node's data is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataVolume {
    /// The PVC that was made for it.
    Own(String),
    /// The PVC that it imports.
    Imported(String),
    /// None: its spec cannot be carried out.
    None,
}

/// Things that a pod uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodUse {
    /// Name of the Secret that its signing key is from.
    pub signing_secret: Option<String>,
    /// The key file that it copied when it started: its Secret may hold another one by now.
    pub copied: Option<Digest>,
    /// Name of the PVC that it mounts.
    pub volume: Option<String>,
}

/// A pod whose SeiNode is gone or is another one now, or what may still make such a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Its kind, such as pod.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Things that it uses.
    pub uses: PodUse,
    /// The key that it signs with.
    pub key: StrayKey,
}

/// The key that a stray pod signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrayKey {
    /// Its Secret was not read.
    NotRead,
    /// This one.
    Is(Fingerprint),
    /// Its Secret is gone, unreadable, or holds another file than the pod copied.
    Unknown,
}

/// Progress of a node with these claims towards having a thing.
#[must_use]
pub fn hold(claims: &[Claim], resource: &Resource) -> Option<Hold> {
    claims.iter().find(|claim| claim.resource == *resource).map(|claim| claim.hold)
}

/// The signing keys that are held.
pub(crate) fn held_keys(claims: &[Claim]) -> impl Iterator<Item = &Resource> {
    let held = claims.iter().filter(|claim| claim.hold == Hold::Held).map(|claim| &claim.resource);
    held.filter(|resource| matches!(resource, Resource::SigningKey(_)))
}

/// Reads stored claims; what is not understood is no claim of this operator.
#[must_use]
pub fn read(stored: &[ClaimStatus]) -> Vec<Claim> {
    stored.iter().filter_map(Claim::read).collect()
}

/// The claims with one more, or with one that has come further. Of each kind at most one is wanted; a signing key that is
/// held stays so beside another one: a pod may still sign with it.
#[must_use]
pub(crate) fn with(claims: &[Claim], resource: &Resource, hold: Hold) -> Vec<ClaimStatus> {
    let goes = |claim: &Claim| {
        let may_be_used = claim.hold == Hold::Held && matches!(claim.resource, Resource::SigningKey(_));
        claim.resource == *resource || (claim.resource.is_like(resource) && !may_be_used)
    };
    let mut all: Vec<_> = claims.iter().filter(|claim| !goes(claim)).cloned().collect();
    all.push(Claim { resource: resource.clone(), hold });
    all.iter().map(Claim::write).collect()
}

/// Lets go every signing key but this one: the node's pod signs with it, and no other pod is left.
pub(crate) fn only(stored: &mut Vec<ClaimStatus>, resource: &Resource) {
    let holds = hold(&read(stored), resource) == Some(Hold::Held);
    if let (true, Resource::SigningKey(key)) = (holds, resource) {
        stored.retain(|claim| claim.resource != SIGNING_KEY || claim.id == key.to_string());
    }
}

/// Lets go what is only wanted. What is held stays: a pod may use it.
pub(crate) fn let_go(stored: &mut Vec<ClaimStatus>) {
    stored.retain(|claim| claim.state != WANTED);
}

impl Claim {
    fn read(stored: &ClaimStatus) -> Option<Self> {
        let resource = match stored.resource.as_str() {
            SIGNING_KEY => Resource::SigningKey(Fingerprint::parse(&stored.id)?),
            VOLUME => Resource::Volume(stored.id.clone()),
            _ => return None,
        };
        let hold = match stored.state.as_str() {
            WANTED => Hold::Wanted,
            HELD => Hold::Held,
            _ => return None,
        };
        Some(Self { resource, hold })
    }

    fn write(&self) -> ClaimStatus {
        let (resource, id) = match &self.resource {
            Resource::SigningKey(fingerprint) => (SIGNING_KEY, fingerprint.to_string()),
            Resource::Volume(name) => (VOLUME, name.clone()),
        };
        let state = match self.hold {
            Hold::Wanted => WANTED,
            Hold::Held => HELD,
        };
        ClaimStatus { resource: resource.to_owned(), id, state: state.to_owned() }
    }
}

impl Resource {
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SigningKey(_) => f.write_str("the signing key is in use"),
            Self::Volume(name) => write!(f, "PVC {name} is in use"),
        }
    }
}

#[cfg(test)]
mod tests;
