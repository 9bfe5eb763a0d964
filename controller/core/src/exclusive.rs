//! What only one node may use at a time: a signing key, an imported volume.
//!
//! Two pods with one signing key get their validator slashed; two pods on one volume corrupt it. So a node first
//! *wants* a thing (stored in its status), then looks at everybody else, live, and only then *holds* it (stored
//! again). Of two that look at the same time at least one sees the other, because each looked after its own claim was
//! stored. What is held is not taken away; of two that only want, the older creation wins, then the smaller UID.
//!
//! A node that is gone holds on until its pods are gone. Whatever cannot be told counts as held.

use std::fmt;

use jiff::Timestamp;
use seinode_api::status::ClaimStatus;

use crate::{
    keys::Fingerprint,
    node::{NodeRef, Subject},
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

/// How far a node has come with a thing.
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
    /// How far.
    pub hold: Hold,
}

/// Who else may use what a node wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rivals {
    /// All other SeiNodes that use something exclusive, or may.
    pub nodes: Vec<Contender>,
    /// Pods whose SeiNode is gone, or is another one now.
    pub strays: Vec<Stray>,
}

/// Another SeiNode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Which.
    pub node: NodeRef,
    /// When it was created.
    pub created: Timestamp,
    /// What it says of itself.
    pub claims: Vec<Claim>,
    /// Whether it signs, and what is known of its key.
    pub signing: Signing,
    /// The PVC that its data is in, and whether it needs a claim for it.
    pub volume: Data,
    /// What its pod uses now.
    pub pod: Option<PodUse>,
}

/// Whether a node signs, and what is known of its key.
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
pub enum Data {
    /// One that was made for it.
    Own(String),
    /// One that it imports.
    Imported(String),
    /// None: its spec cannot be carried out.
    None,
}

/// What a pod uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodUse {
    /// Name of the Secret that its signing key is from.
    pub signing_secret: Option<String>,
    /// Name of the PVC that it mounts.
    pub volume: Option<String>,
}

/// A pod whose SeiNode is gone, or is another one now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it uses.
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
    /// Its Secret is gone, or unreadable.
    Unknown,
}

/// Whether a node may take a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contest {
    /// It may.
    Free,
    /// It may not; whose it is, in words for status.
    Taken(String),
}

/// A thing that a node wants to take.
#[derive(Clone, Copy, Debug)]
pub struct Bid<'a> {
    /// Who wants it.
    pub node: &'a NodeRef,
    /// When that node was created.
    pub created: Timestamp,
    /// The Secret that its signing key is from.
    pub signing_secret: Option<&'a str>,
    /// The thing.
    pub resource: &'a Resource,
}

impl<'a> Bid<'a> {
    /// The bid of a node for a thing.
    #[must_use]
    pub fn of(subject: &'a Subject, resource: &'a Resource) -> Self {
        let secrets = subject.intent.as_ref().ok().and_then(|intent| intent.key_secrets());
        Self {
            node: &subject.node,
            created: subject.created,
            signing_secret: secrets.map(|(signing, _)| signing),
            resource,
        }
    }

    /// Whether it may be taken, seen everybody else.
    #[must_use]
    pub fn against(&self, rivals: &Rivals) -> Contest {
        let holders = rivals.nodes.iter().filter_map(|rival| self.holds(rival));
        let strays = rivals.strays.iter().filter_map(|stray| self.keeps(stray));
        match holders.chain(strays).next() {
            Some(who) => Contest::Taken(format!("{}: {who}", self.resource)),
            None => Contest::Free,
        }
    }

    /// Whether a node that holds the thing is in the right: no older node holds it too.
    #[must_use]
    pub fn defended(&self, rivals: &Rivals) -> Contest {
        let older = rivals.nodes.iter().find(|rival| {
            self.is_about(rival) && rival.hold(self.resource) == Some(Hold::Held) && self.is_younger_than(rival)
        });
        match older {
            Some(rival) => Contest::Taken(format!("{}: SeiNode {} holds it too", self.resource, rival.node)),
            None => Contest::Free,
        }
    }

    /// Why another node keeps this one from taking it.
    fn holds(&self, rival: &Contender) -> Option<String> {
        if !self.is_about(rival) {
            return None;
        }
        let who = format!("SeiNode {}", rival.node);
        match (rival.hold(self.resource), self.is_younger_than(rival)) {
            (Some(Hold::Held), _) => return Some(format!("{who} holds it; {}", self.remedy())),
            (Some(Hold::Wanted), true) => return Some(format!("{who} is older and wants it too; {}", self.remedy())),
            (Some(Hold::Wanted), false) => return Some(format!("{who} is giving it up")),
            (None, _) => {}
        }
        match self.resource {
            Resource::SigningKey(_) => match (&rival.signing, rival.signs_now()) {
                (Signing::Unexamined, true) => Some(format!("{who} signs with a key that was not examined yet")),
                (Signing::Unexamined, false) if self.is_younger_than(rival) => {
                    Some(format!("{who} is older and its key was not examined yet"))
                }
                (Signing::Never | Signing::Unexamined | Signing::Examined, _) => None,
            },
            Resource::Volume(name) => match &rival.volume {
                Data::Own(own) if own == name => Some(format!("it is the data volume of {who}; {}", self.remedy())),
                Data::Imported(import) if import == name && (self.is_younger_than(rival) || rival.mounts(name)) => {
                    Some(format!("{who} imports it; {}", self.remedy()))
                }
                Data::Own(_) | Data::Imported(_) | Data::None => {
                    rival.mounts(name).then(|| format!("the pod of {who} mounts it"))
                }
            },
        }
    }

    /// Why a pod without a node keeps this one from taking it.
    fn keeps(&self, stray: &Stray) -> Option<String> {
        let here = stray.namespace == self.node.namespace;
        let until_gone = || format!("pod {}/{} still uses it and is going", stray.namespace, stray.name);
        match self.resource {
            Resource::Volume(name) => (here && stray.uses.volume.as_ref() == Some(name)).then(until_gone),
            Resource::SigningKey(mine) => {
                let secret = stray.uses.signing_secret.as_deref()?;
                if here && Some(secret) == self.signing_secret {
                    return Some(until_gone());
                }
                match stray.key {
                    StrayKey::Is(key) => (key == *mine).then(until_gone),
                    StrayKey::Unknown => Some(format!(
                        "pod {}/{} is going, and whether it signs with the same key cannot be told: its Secret {secret} \
                         cannot be read",
                        stray.namespace, stray.name
                    )),
                    StrayKey::NotRead => None,
                }
            }
        }
    }

    /// Whether what a rival does can concern the thing at all.
    fn is_about(&self, rival: &Contender) -> bool {
        rival.node != *self.node
            && match self.resource {
                Resource::SigningKey(_) => true,
                Resource::Volume(_) => rival.node.namespace == self.node.namespace,
            }
    }

    fn is_younger_than(&self, rival: &Contender) -> bool {
        (rival.created, &rival.node.uid) < (self.created, &self.node.uid)
    }

    fn remedy(&self) -> &'static str {
        match self.resource {
            Resource::SigningKey(_) => "delete that node and wait until its pod is gone, or give this one another key",
            Resource::Volume(_) => "delete that node and wait until its pod is gone, or import another volume",
        }
    }
}

impl Contender {
    fn hold(&self, resource: &Resource) -> Option<Hold> {
        hold(&self.claims, resource)
    }

    fn signs_now(&self) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.signing_secret.is_some())
    }

    fn mounts(&self, volume: &str) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.volume.as_deref() == Some(volume))
    }
}

/// How far a node with these claims has come with a thing.
#[must_use]
pub fn hold(claims: &[Claim], resource: &Resource) -> Option<Hold> {
    claims.iter().find(|claim| claim.resource == *resource).map(|claim| claim.hold)
}

/// Reads stored claims; what is not understood is no claim of this operator.
#[must_use]
pub fn read(stored: &[ClaimStatus]) -> Vec<Claim> {
    stored.iter().filter_map(Claim::read).collect()
}

/// The claims with one more, or with one that has come further: one of each kind.
#[must_use]
pub(crate) fn with(claims: &[Claim], resource: &Resource, hold: Hold) -> Vec<ClaimStatus> {
    let mut all: Vec<_> = claims.iter().filter(|claim| !claim.resource.is_like(resource)).cloned().collect();
    all.push(Claim { resource: resource.clone(), hold });
    all.iter().map(Claim::write).collect()
}

/// The claims without those that are only wanted.
#[must_use]
pub(crate) fn held(claims: &[Claim]) -> Vec<ClaimStatus> {
    claims.iter().filter(|claim| claim.hold == Hold::Held).map(Claim::write).collect()
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


