//! The sidecar container.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The sidecar container. Changes take effect in a new pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// Image of the sidecar. Absent or empty: the default of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// TCP port of the sidecar's HTTP API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = 7777))]
    pub port: Option<i32>,
    /// CPU and memory of the sidecar container, on the node's pod and on a bootstrap Job's. Absent: none are
    /// requested and none limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<ResourceRequirements>,
}
