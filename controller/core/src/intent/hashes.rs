//! Hashes of what a spec asks for. They are made when they are asked for: admission, which parses each spec twice, needs
//! none. Equal specs have equal hashes, whatever the order in which their members were written.

use seinode_api::spec::SeiNodeSpec;

use super::Intent;
use crate::{drift::SpecHashes, ids::Target};

/// Source that an intent was read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReadFrom {
    pub(super) spec: Box<SeiNodeSpec>,
    /// The node's own, where label peers without namespace are sought.
    pub(super) namespace: String,
}

impl Intent {
    /// Hash of what the spec asks for. Pausing a node, or keeping its volume, leads a plan nowhere else.
    #[must_use]
    pub fn target(&self) -> Target {
        let mut spec = (*self.read_from.spec).clone();
        spec.paused = None;
        if let Some(volume) = &mut spec.data_volume {
            volume.retain = None;
        }
        spec.data_volume = spec.data_volume.filter(|volume| volume.import.is_some());
        // Structs serialise in the order of their fields and maps are BTreeMaps, so the text is canonical. A spec that
        // was read from JSON serialises to JSON; the empty default is unreachable.
        Target::of(&serde_json::to_vec(&spec).unwrap_or_default())
    }

    /// Hashes of what a node that runs follows, part by part.
    #[must_use]
    pub fn spec_hashes(&self) -> SpecHashes {
        SpecHashes::of(&self.read_from.spec, &self.read_from.namespace)
    }

    /// Hash of what a bootstrap Job is made of: a change of anything else does not begin it anew.
    #[must_use]
    pub fn bootstrap_target(&self) -> Target {
        let spec = &self.read_from.spec;
        let import = spec.data_volume.as_ref().and_then(|volume| volume.import.as_ref());
        let parts = (&spec.chain_id, &spec.sidecar, import, format!("{:?}", self.mode.start()));
        Target::of(&serde_json::to_vec(&parts).unwrap_or_default())
    }
}
