//! Source of the data volume.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// Source of the data volume, and whether it outlives the node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::stricter(
    "!has($.retain) || !has($.__import__)",
    "retain says what becomes of a volume that the operator made; an imported one is never deleted: remove retain"
).field_path(".retain").reason(Reason::FieldValueForbidden))]
pub struct DataVolume {
    /// Use a PVC that exists already instead of making one. It is not deleted with the node. Cannot be removed
    /// once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportVolume>,
    /// True to keep the data volume when the SeiNode is deleted. Absent: as the platform has it for this kind of node; by
    /// default true for archives and for validators with a signing key, whose volume holds what keeps them from signing
    /// twice, and false for all others. May change at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain: Option<bool>,
}

/// A PVC that exists already.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImportVolume {
    /// Name of the PVC, in the node's namespace. Cannot change.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = rules::immutable(
        "dataVolume.import.pvcName cannot change: it would swap the data under the node; create another \
         SeiNode for another volume"
    ))]
    pub pvc_name: String,
}
