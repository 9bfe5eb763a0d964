//! Contest for a thing that a node wants, given everybody else. What cannot be told counts as taken.

use jiff::Timestamp;

use super::{Contender, DataVolume, Hold, PodUse, Resource, Rivals, Signing, Stray, StrayKey, hold};
use crate::{keys::Digest, node::NodeRef, subject::Subject};

/// Contest for a thing: a node may take it, or may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contest {
    /// It may.
    Free,
    /// It may not; whose it is, in words for status.
    Taken(String),
    /// Not yet: a younger node wants it too, and gives it up once it has seen that this one does.
    Yielded(String),
}

/// A thing that a node wants to take.
#[derive(Clone, Copy, Debug)]
pub struct Bid<'a> {
    /// The node that wants it.
    pub node: &'a NodeRef,
    /// Time at which that node was created.
    pub created: Timestamp,
    /// The Secret that its signing key is from.
    pub signing_secret: Option<&'a str>,
    /// The file that the key is in, where that is known.
    pub file: Option<Digest>,
    /// The thing.
    pub resource: &'a Resource,
}

impl<'a> Bid<'a> {
    /// The bid of a node for a thing; a key is in this file, where that is known.
    #[must_use]
    pub fn of(subject: &'a Subject, resource: &'a Resource, file: Option<Digest>) -> Self {
        let secrets = subject.intent.as_ref().ok().and_then(|intent| intent.key_secrets());
        Self {
            node: &subject.node,
            created: subject.created,
            signing_secret: secrets.map(|(signing, _)| signing),
            file,
            resource,
        }
    }

    /// Contest for the thing, given everybody else.
    #[must_use]
    pub fn against(&self, rivals: &Rivals) -> Contest {
        let holders = rivals.nodes.iter().filter_map(|rival| self.holds(rival));
        let strays = rivals.strays.iter().filter_map(|stray| self.keeps(stray));
        if let Some(who) = holders.chain(strays).next() {
            return Contest::Taken(format!("{}: {who}", self.resource));
        }
        let wants =
            |rival: &&Contender| self.is_about(rival) && rival.hold(self.resource) == Some(Hold::Wanted);
        match rivals.nodes.iter().find(wants) {
            Some(rival) => Contest::Yielded(format!("SeiNode {} gives up what both want", rival.node)),
            None => Contest::Free,
        }
    }

    /// Another holder of the thing that this node holds itself; the older of the two is more in the right, and both are told.
    #[must_use]
    pub fn disputed(&self, rivals: &Rivals) -> Option<String> {
        let holds =
            |rival: &&Contender| self.is_about(rival) && rival.hold(self.resource) == Some(Hold::Held);
        let rival = rivals.nodes.iter().find(holds)?;
        let age = if self.is_younger_than(rival) { "older" } else { "younger" };
        Some(format!(
            "{}: SeiNode {} is {age} and holds it too; pause one of the two, and delete it or put another key into its Secret",
            self.resource, rival.node
        ))
    }

    /// Why another node keeps this one from taking it.
    fn holds(&self, rival: &Contender) -> Option<String> {
        if !self.is_about(rival) {
            return None;
        }
        let who = format!("SeiNode {}", rival.node);
        match (rival.hold(self.resource), self.is_younger_than(rival)) {
            (Some(Hold::Held), _) => return Some(format!("{who} holds it; {}", self.remedy())),
            _ if rival.pod.as_ref().is_some_and(|pod| self.is_copied_by(pod)) => {
                return Some(format!(
                    "the pod of {who} copied it when it started, whatever its Secret holds now; delete that pod"
                ));
            }
            (Some(Hold::Wanted), true) => {
                return Some(format!("{who} is older and wants it too; {}", self.remedy()));
            }
            (Some(Hold::Wanted), false) => return None,
            (None, _) => {}
        }
        match self.resource {
            Resource::SigningKey(_) => match (&rival.signing, rival.signs_now()) {
                (Signing::Unexamined, true) => {
                    Some(format!("{who} signs with a key that was not examined yet"))
                }
                (Signing::Unexamined, false) if self.is_younger_than(rival) => {
                    Some(format!("{who} is older and its key was not examined yet"))
                }
                (Signing::Never | Signing::Unexamined | Signing::Examined, _) => None,
            },
            Resource::Volume(name) => match &rival.volume {
                DataVolume::Own(own) if own == name => {
                    Some(format!("it is the data volume of {who}; {}", self.remedy()))
                }
                DataVolume::Imported(import)
                    if import == name && (self.is_younger_than(rival) || rival.mounts(name)) =>
                {
                    Some(format!("{who} imports it; {}", self.remedy()))
                }
                DataVolume::Own(_) | DataVolume::Imported(_) | DataVolume::None => {
                    rival.mounts(name).then(|| format!("the pod of {who} mounts it"))
                }
            },
        }
    }

    /// Why a pod without a node keeps this one from taking it.
    fn keeps(&self, stray: &Stray) -> Option<String> {
        let here = stray.namespace == self.node.namespace;
        let until_gone =
            || format!("{} {}/{} still uses it and has to go", stray.kind, stray.namespace, stray.name);
        match self.resource {
            Resource::Volume(name) => (here && stray.uses.volume.as_ref() == Some(name)).then(until_gone),
            Resource::SigningKey(mine) => {
                let secret = stray.uses.signing_secret.as_deref()?;
                if self.is_copied_by(&stray.uses) || (here && Some(secret) == self.signing_secret) {
                    return Some(until_gone());
                }
                match stray.key {
                    StrayKey::Is(key) => (key == *mine).then(until_gone),
                    StrayKey::Unknown => Some(format!(
                        "{} {}/{} has no SeiNode, and whether it signs with the same key cannot be told: its Secret {secret} \
                         cannot be read, or was changed since; delete that {0}",
                        stray.kind, stray.namespace, stray.name
                    )),
                    StrayKey::NotRead => None,
                }
            }
        }
    }

    /// True if a pod has a copy of this very key file. Of a copy of another file it cannot be told: the same key may be written
    /// in two ways.
    fn is_copied_by(&self, pod: &PodUse) -> bool {
        matches!(self.resource, Resource::SigningKey(_)) && self.file.is_some() && pod.copied == self.file
    }

    /// True if what a rival does can concern the thing at all.
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
            Resource::SigningKey(_) => {
                "delete that node and wait until its pod is gone, or put another key into this one's Secret"
            }
            Resource::Volume(_) => {
                "delete that node and wait until its pod is gone, or create another SeiNode for another volume"
            }
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
