//! The subject of a reconcile: a SeiNode, read and parsed once.

use jiff::Timestamp;
use seinode_api::{SeiNode, SeiNodeSpec, names};

use crate::{
    intent::{Activity, Intent},
    node::{Deletion, LegacyFinalizer, NodeRef, Suspension},
    retention::{Retention, RetentionPolicy, RetentionWish},
    violation::Violation,
};

/// The subject of a reconcile: the node's identity and what its object asks for, parsed once.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Identity of the node.
    pub node: NodeRef,
    /// Time of its creation: the older of two nodes that want the same thing gets it.
    pub created: Timestamp,
    /// Generation of the spec.
    pub generation: i64,
    /// State of its deletion.
    pub deletion: Deletion,
    /// The earlier operator's finalizer, if the node still carries it.
    pub finalizer: LegacyFinalizer,
    /// Suspension by a person, who wants nothing to be changed for the node.
    pub suspension: Suspension,
    /// The value of annotation `sei.io/retry`.
    pub retry: Option<String>,
    /// The value of annotation `sei.io/restart`.
    pub restart: Option<String>,
    /// The value of annotation `sei.io/recreate-volume`.
    pub recreate: Option<String>,
    /// The value of annotation `sei.io/adopt`: the UID of a SeiNode that is gone.
    pub adopt: Option<String>,
    /// Its data volume, as far as the spec can be read.
    pub data_volume: DataVolume,
    /// Intent of its spec, or every rule that the spec breaks.
    pub intent: Result<Intent, Vec<Violation>>,
    /// Intent as far as it can be read from a spec that breaks rules.
    pub salvaged: Option<Intent>,
}

/// A node's data volume, read from the spec whether or not the rest of it is valid: retention must not depend on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataVolume {
    /// The PVC `data-<name>` that we make.
    Own(RetentionWish),
    /// A PVC that existed before: we neither tie nor delete it.
    Imported,
}

impl DataVolume {
    fn of(spec: &SeiNodeSpec) -> Self {
        match spec.data_volume.as_ref().is_some_and(|volume| volume.import.is_some()) {
            true => Self::Imported,
            false => Self::Own(RetentionWish::of(spec)),
        }
    }

    /// The retention of a volume that we make; `None` for an imported one, which always stays.
    pub(crate) fn retention(&self, policy: &RetentionPolicy) -> Option<Retention> {
        match self {
            Self::Own(wish) => Some(policy.decide(wish)),
            Self::Imported => None,
        }
    }
}

impl Subject {
    /// Reads a SeiNode.
    #[must_use]
    pub fn of(object: &SeiNode) -> Self {
        let meta = &object.metadata;
        let finalizers = meta.finalizers.iter().flatten();
        let annotation = |name| meta.annotations.as_ref().and_then(|all| all.get(name));
        let intent = Intent::parse(object);
        Self {
            node: NodeRef::of(meta),
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            generation: meta.generation.unwrap_or_default(),
            deletion: match meta.deletion_timestamp {
                Some(_) => Deletion::Requested,
                None => Deletion::Absent,
            },
            finalizer: match finalizers.into_iter().any(|name| name == names::LEGACY_FINALIZER) {
                true => LegacyFinalizer::Present,
                false => LegacyFinalizer::Absent,
            },
            suspension: match annotation(names::SUSPEND_ANNOTATION).map(String::as_str) {
                Some("true") => Suspension::On,
                _ => Suspension::Off,
            },
            retry: annotation(names::RETRY_ANNOTATION).cloned(),
            restart: annotation(names::RESTART_ANNOTATION).filter(|value| !value.is_empty()).cloned(),
            recreate: annotation(names::RECREATE_VOLUME_ANNOTATION).cloned(),
            adopt: annotation(names::ADOPT_ANNOTATION).filter(|uid| !uid.is_empty()).cloned(),
            data_volume: DataVolume::of(&object.spec),
            salvaged: if intent.is_err() { Intent::salvage(object) } else { None },
            intent,
        }
    }

    /// The intent, or what can be read of one that breaks rules: enough to guard a node that runs.
    #[must_use]
    pub fn readable(&self) -> Option<&Intent> {
        self.intent.as_ref().ok().or(self.salvaged.as_ref())
    }

    /// True if the spec is valid and nobody has paused or suspended the node.
    pub(crate) fn is_to_run(&self) -> bool {
        let runs = self.intent.as_ref().is_ok_and(|intent| intent.activity == Activity::Runs);
        runs && self.suspension == Suspension::Off
    }

    /// True if a condition or a claim depends on a part of the spec that breaks a rule.
    pub(crate) fn is_broken(&self, part: &str) -> bool {
        let found = self.intent.as_ref().err();
        found.is_some_and(|found| found.iter().any(|violation| violation.field.starts_with(part)))
    }
}
