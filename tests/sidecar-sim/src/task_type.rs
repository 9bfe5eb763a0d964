//! The task types that sidecar v0.0.47 knows; any other is refused when it is submitted.

use std::fmt;

/// A type of sidecar task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskType {
    /// Unpacks a snapshot.
    SnapshotRestore,
    /// Fetches the chain's genesis.
    ConfigureGenesis,
    /// Writes the node's configuration from a mode and overrides.
    ConfigApply,
    /// Checks the node's configuration.
    ConfigValidate,
    /// Merges values into configuration files.
    ConfigPatch,
    /// Changes fields that a running node reads again.
    ConfigReload,
    /// Finds peers and writes them into the configuration.
    DiscoverPeers,
    /// Writes the state-sync section of the configuration.
    ConfigureStateSync,
    /// Opens the gate that holds `seid` back.
    MarkReady,
    /// Uploads snapshots for ever.
    SnapshotUpload,
    /// Exports block results.
    ResultExport,
    /// Waits for a block height.
    AwaitCondition,
    /// Makes the node's keys.
    GenerateIdentity,
    /// Makes the node's genesis transaction.
    GenerateGentx,
    /// Uploads the genesis transaction and the identity.
    UploadGenesisArtifacts,
    /// Makes the genesis of a new chain and uploads it.
    AssembleAndUploadGenesis,
    /// Writes the peers that the genesis ceremony published.
    SetGenesisPeers,
}

impl TaskType {
    /// Every type, in the order of a plan.
    pub const ALL: [Self; 17] = [
        Self::SnapshotRestore,
        Self::ConfigureGenesis,
        Self::ConfigApply,
        Self::ConfigValidate,
        Self::ConfigPatch,
        Self::ConfigReload,
        Self::DiscoverPeers,
        Self::ConfigureStateSync,
        Self::MarkReady,
        Self::SnapshotUpload,
        Self::ResultExport,
        Self::AwaitCondition,
        Self::GenerateIdentity,
        Self::GenerateGentx,
        Self::UploadGenesisArtifacts,
        Self::AssembleAndUploadGenesis,
        Self::SetGenesisPeers,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SnapshotRestore => "snapshot-restore",
            Self::ConfigureGenesis => "configure-genesis",
            Self::ConfigApply => "config-apply",
            Self::ConfigValidate => "config-validate",
            Self::ConfigPatch => "config-patch",
            Self::ConfigReload => "config-reload",
            Self::DiscoverPeers => "discover-peers",
            Self::ConfigureStateSync => "configure-state-sync",
            Self::MarkReady => "mark-ready",
            Self::SnapshotUpload => "snapshot-upload",
            Self::ResultExport => "result-export",
            Self::AwaitCondition => "await-condition",
            Self::GenerateIdentity => "generate-identity",
            Self::GenerateGentx => "generate-gentx",
            Self::UploadGenesisArtifacts => "upload-genesis-artifacts",
            Self::AssembleAndUploadGenesis => "assemble-and-upload-genesis",
            Self::SetGenesisPeers => "set-genesis-peers",
        }
    }

    /// Reads a name; `None` for a type that the sidecar does not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == name)
    }
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for TaskType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for task in TaskType::ALL {
            assert_eq!(TaskType::parse(task.as_str()), Some(task));
        }
        assert_eq!(TaskType::parse("restart-seid"), None, "a type of later sidecars");
    }
}
