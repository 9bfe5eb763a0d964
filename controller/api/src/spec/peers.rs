//! Sources of a node's peers.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// One source of peers: exactly one of ec2Tags, static and label.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::exactly_one(
    &["ec2Tags", "static", "label"],
    "exactly one of ec2Tags, static and label must be set; write each source as a list item of its own"
))]
pub struct PeerSource {
    /// Instances on AWS, found by their tags. The sidecar asks AWS and needs the right to; it can up to v0.0.56.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_tags: Option<Ec2Tags>,
    /// Peers written out.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub fixed: Option<StaticPeers>,
    /// Other SeiNodes of this cluster, found by their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelPeers>,
}

/// Instances on AWS, found by their tags.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Ec2Tags {
    /// AWS region to search, such as eu-central-1.
    #[schemars(length(min = 1))]
    pub region: String,
    /// Tags that an instance must have, all of them.
    #[schemars(extend("minProperties" = 1))]
    pub tags: BTreeMap<String, String>,
}

/// Peers written out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StaticPeers {
    /// Addresses in the form nodeId@host:port.
    #[schemars(length(min = 1))]
    pub addresses: Vec<String>,
}

/// Other SeiNodes of this cluster, found by their labels.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LabelPeers {
    /// Labels that a SeiNode object (not its pod) must have, all of them. The node itself is left out.
    #[schemars(extend("minProperties" = 1))]
    pub selector: BTreeMap<String, String>,
    /// Namespace to search. Absent or empty: this node's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}
