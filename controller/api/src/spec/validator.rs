//! Validators: their keys, and the ceremony that founds a chain.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::rules;

/// A validator: it signs blocks once it has its keys. Without keys it follows the chain; they may be added
/// later, and then stay.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::rule(
        "has(self.signingKey) == has(self.nodeKey)",
        "signingKey and nodeKey go together; set both, or neither"
    ),
    validation = rules::rule(
        "!has(self.signingKey) || !has(self.signingKey.secret) || \
         !has(self.nodeKey) || !has(self.nodeKey.secret) || \
         self.signingKey.secret.secretName != self.nodeKey.secret.secretName",
        "signingKey and nodeKey name the same Secret; keep them in two, so that whoever needs one cannot read \
         the other"
    ),
    validation = rules::stricter(
        "!has($.signingKey) || !has($.genesisCeremony)",
        "a genesis ceremony makes its own keys; remove genesisCeremony, or both keys"
    ),
    validation = rules::rule(
        "!has(oldSelf.signingKey) || has(self.signingKey)",
        "signingKey and nodeKey cannot be removed: a validator that had keys must not come back with others; \
         put them back, or delete the SeiNode"
    )
    .reason(Reason::FieldValueForbidden)
)]
pub struct Validator {
    /// State that the node starts from. Absent: it syncs block by block from genesis. Without effect in a
    /// genesis ceremony.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Found a new chain together with other validators. Cannot be combined with keys: the ceremony makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_ceremony: Option<GenesisCeremony>,
    /// Key that blocks are signed with; its Secret holds it under priv_validator_key.json. Needs nodeKey. May be
    /// added later, not removed. Two nodes must never run with the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<KeySource>,
    /// Key that the node is known by among peers; its Secret holds it under node_key.json. Needs signingKey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_key: Option<KeySource>,
}

/// A validator's part in founding a chain.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GenesisCeremony {
    /// Chain that is founded.
    #[schemars(length(min = 1))]
    pub chain_id: String,
    /// Self-delegation of the validator, in coin notation such as 10000000usei.
    #[schemars(length(min = 1))]
    pub staking_amount: String,
    /// Balance of the validator's account at genesis, in coin notation.
    #[schemars(length(min = 1))]
    pub account_balance: String,
    /// Genesis parameters to set, as the text of a JSON object with dotted keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis_params: Option<String>,
    /// Number of this validator among the founders, from 0.
    #[schemars(range(min = 0))]
    pub index: i32,
}

/// Source of a key. A Secret is the only kind of source so far.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::rule("has(self.secret)", "this key has no source; set secret.secretName")
    .field_path(".secret")
    .reason(Reason::FieldValueRequired))]
pub struct KeySource {
    /// A Secret in the node's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretKey>,
}

/// A Secret in the node's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Name of the Secret. Cannot change.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = rules::immutable(
        "secretName cannot change: it would swap the key under the node; create another SeiNode for another key"
    ))]
    pub secret_name: String,
}
