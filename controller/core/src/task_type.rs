//! The closed set of tasks: their names and their budgets.

use std::fmt;

/// What a task does. The names are a contract (plans-tasks-sidecar §4.1): people and sidecars read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskType {
    /// The data volume exists and is ours.
    EnsureDataPvc,
    /// The StatefulSet is applied.
    ApplyStatefulset,
    /// The headless Service is applied.
    ApplyService,
    /// The sidecar restores a snapshot from S3.
    SnapshotRestore,
    /// The sidecar makes the identity of a validator that founds a chain.
    GenerateIdentity,
    /// The sidecar makes the validator's genesis transaction.
    GenerateGentx,
    /// The sidecar hands identity and genesis transaction in.
    UploadGenesisArtifacts,
    /// The sidecar fetches the chain's genesis.
    ConfigureGenesis,
    /// The sidecar writes the node's configuration.
    ConfigApply,
    /// The sidecar resolves peers and writes them into the configuration.
    DiscoverPeers,
    /// The sidecar writes the founders of the chain into the configuration as peers.
    SetGenesisPeers,
    /// The sidecar configures Tendermint state sync.
    ConfigureStateSync,
    /// The sidecar checks the configuration.
    ConfigValidate,
    /// The sidecar opens the gate that holds `seid` back.
    MarkReady,
}

impl TaskType {
    const ALL: [Self; 14] = [
        Self::EnsureDataPvc,
        Self::ApplyStatefulset,
        Self::ApplyService,
        Self::SnapshotRestore,
        Self::GenerateIdentity,
        Self::GenerateGentx,
        Self::UploadGenesisArtifacts,
        Self::ConfigureGenesis,
        Self::ConfigApply,
        Self::DiscoverPeers,
        Self::SetGenesisPeers,
        Self::ConfigureStateSync,
        Self::ConfigValidate,
        Self::MarkReady,
    ];

    /// The task's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnsureDataPvc => "ensure-data-pvc",
            Self::ApplyStatefulset => "apply-statefulset",
            Self::ApplyService => "apply-service",
            Self::SnapshotRestore => "snapshot-restore",
            Self::GenerateIdentity => "generate-identity",
            Self::GenerateGentx => "generate-gentx",
            Self::UploadGenesisArtifacts => "upload-genesis-artifacts",
            Self::ConfigureGenesis => "configure-genesis",
            Self::ConfigApply => "config-apply",
            Self::DiscoverPeers => "discover-peers",
            Self::SetGenesisPeers => "set-genesis-peers",
            Self::ConfigureStateSync => "configure-state-sync",
            Self::ConfigValidate => "config-validate",
            Self::MarkReady => "mark-ready",
        }
    }

    /// Reads a name; `None` for one that this operator does not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == name)
    }

    /// Whether a task that failed may be run again, by a further attempt or by another plan.
    #[must_use]
    pub fn rerun(self) -> Rerun {
        match self {
            // Not safe to run again after a partial failure (sidecar contract: plans-tasks-sidecar §5.2).
            Self::GenerateGentx => Rerun::ByAPerson,
            Self::EnsureDataPvc
            | Self::ApplyStatefulset
            | Self::ApplyService
            | Self::SnapshotRestore
            | Self::GenerateIdentity
            | Self::UploadGenesisArtifacts
            | Self::ConfigureGenesis
            | Self::ConfigApply
            | Self::DiscoverPeers
            | Self::SetGenesisPeers
            | Self::ConfigureStateSync
            | Self::ConfigValidate
            | Self::MarkReady => Rerun::ByTheOperator,
        }
    }

    /// How often a failed task is tried again before its plan fails (plans-tasks-sidecar §3.4).
    #[must_use]
    pub fn max_retries(self) -> u32 {
        match self {
            // The genesis may be published long after the node was created.
            Self::ConfigureGenesis => 180,
            // Peers come up in any order; the founders' list is published after the genesis (W36).
            Self::DiscoverPeers | Self::SetGenesisPeers => 20,
            // The sidecar may restart between the task and the look at its gate.
            Self::MarkReady => 3,
            Self::EnsureDataPvc
            | Self::ApplyStatefulset
            | Self::ApplyService
            | Self::SnapshotRestore
            | Self::GenerateIdentity
            | Self::GenerateGentx
            | Self::UploadGenesisArtifacts
            | Self::ConfigApply
            | Self::ConfigureStateSync
            | Self::ConfigValidate => 0,
        }
    }
}

/// Who may have a failed task run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// The operator, by itself.
    ByTheOperator,
    /// Only a person, who has looked.
    ByAPerson,
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
        assert_eq!(TaskType::parse("replace-everything"), None);
    }
}
