//! What a pass is about: a SeiNode, read and parsed once.

use jiff::Timestamp;
use seinode_api::{SeiNode, names};

use crate::{
    intent::Intent,
    node::{LegacyFinalizer, Life, NodeRef, Suspension},
    violation::Violation,
};

/// What a pass is about: the node's identity and what its object asks for, parsed once.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Which node.
    pub node: NodeRef,
    /// When it was created: the older of two nodes that want the same thing gets it.
    pub created: Timestamp,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether it is being deleted.
    pub life: Life,
    /// Whether it still carries the earlier operator's finalizer.
    pub finalizer: LegacyFinalizer,
    /// Whether a person wants nothing to be changed for it.
    pub suspension: Suspension,
    /// The value of annotation `sei.io/retry`.
    pub retry: Option<String>,
    /// The value of annotation `sei.io/recreate-volume`.
    pub recreate: Option<String>,
    /// What it asks for, or every rule that its spec breaks.
    pub intent: Result<Intent, Vec<Violation>>,
}

impl Subject {
    /// Reads a SeiNode.
    #[must_use]
    pub fn of(object: &SeiNode) -> Self {
        let meta = &object.metadata;
        let finalizers = meta.finalizers.iter().flatten();
        let annotation = |name| meta.annotations.as_ref().and_then(|all| all.get(name));
        Self {
            node: NodeRef::of(meta),
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            generation: meta.generation.unwrap_or_default(),
            life: match meta.deletion_timestamp {
                Some(_) => Life::Deleting,
                None => Life::Wanted,
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
            recreate: annotation(names::RECREATE_VOLUME_ANNOTATION).cloned(),
            intent: Intent::parse(object),
        }
    }
}
