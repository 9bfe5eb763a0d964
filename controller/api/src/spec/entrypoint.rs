//! The command line of the `seid` container.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Command line that replaces "seid start --home /sei". No shell reads it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Entrypoint {
    /// The program, and the first of its arguments.
    #[schemars(length(min = 1, max = 16))]
    pub command: Vec<String>,
    /// Further arguments, after those in command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub args: Vec<String>,
}
