//! The closed set of tasks: their names, who carries them out, and their budgets.

use std::fmt;

use jiff::SignedDuration;

/// Executor of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This operator, through the API server.
    Operator,
    /// The sidecar; its result is awaited.
    Sidecar,
    /// The sidecar, as long as the node runs: it is handed over and not awaited.
    Background,
}

/// Authority that may have a failed task run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// The operator, by itself.
    ByTheOperator,
    /// Only a person, who has looked.
    ByAPerson,
}

/// Changes of a task of the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Files of the node.
    Data,
    /// Nothing of the node's.
    Nothing,
}

/// Makes the tasks out of one table: name, who carries it out, how often it is tried again before its plan fails.
macro_rules! tasks {
    ($($(#[$doc:meta])+ $id:ident: $name:literal, $by:ident, $retries:literal;)+) => {
        /// Type of a task. The names are a contract (plans-tasks-sidecar §4.1): people and sidecars read them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum TaskType {
            $($(#[$doc])+ $id,)+
        }

        impl TaskType {
            const ALL: &[Self] = &[$(Self::$id),+];

            /// The task's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$id => $name,)+ }
            }

            /// Executor of the task.
            #[must_use]
            pub fn by(self) -> By {
                match self { $(Self::$id => By::$by,)+ }
            }

            /// Number of times that a failed task is retried before its plan fails (plans-tasks-sidecar §3.4).
            #[must_use]
            pub fn max_retries(self) -> u32 {
                match self { $(Self::$id => $retries,)+ }
            }
        }
    };
}

tasks! {
    /// The data volume exists and is ours, or may be imported.
    EnsureDataPvc: "ensure-data-pvc", Operator, 0;
    /// The signing key is in order, and nobody else's.
    ValidateSigningKey: "validate-signing-key", Operator, 0;
    /// The P2P key is in order.
    ValidateNodeKey: "validate-node-key", Operator, 0;
    /// The bootstrap Job's Service is applied.
    DeployBootstrapService: "deploy-bootstrap-service", Operator, 0;
    /// The bootstrap Job exists.
    DeployBootstrapJob: "deploy-bootstrap-job", Operator, 0;
    /// The bootstrap Job is done.
    AwaitBootstrapComplete: "await-bootstrap-complete", Operator, 0;
    /// The bootstrap Job, its pod and its Service are gone.
    TeardownBootstrap: "teardown-bootstrap", Operator, 0;
    /// The StatefulSet is applied.
    ApplyStatefulset: "apply-statefulset", Operator, 0;
    /// The headless Service is applied.
    ApplyService: "apply-service", Operator, 0;
    /// No pod of an earlier revision is left.
    ReplacePod: "replace-pod", Operator, 0;
    /// The pod of the present revision runs the image that the spec asks for.
    ObserveImage: "observe-image", Operator, 0;
    /// `seid` runs behind the open gate, and goes on running.
    ObserveSeid: "observe-seid", Operator, 0;
    /// The sidecar restores a snapshot from S3.
    SnapshotRestore: "snapshot-restore", Sidecar, 0;
    /// The sidecar makes the identity of a validator that founds a chain.
    GenerateIdentity: "generate-identity", Sidecar, 0;
    /// The sidecar makes the validator's genesis transaction.
    GenerateGentx: "generate-gentx", Sidecar, 0;
    /// The sidecar hands identity and genesis transaction in.
    UploadGenesisArtifacts: "upload-genesis-artifacts", Sidecar, 0;
    /// The sidecar fetches the chain's genesis, which may be published long after the node was created.
    ConfigureGenesis: "configure-genesis", Sidecar, 180;
    /// The sidecar writes the node's configuration.
    ConfigApply: "config-apply", Sidecar, 0;
    /// The sidecar resolves peers that only it can find, and writes the list of peers anew.
    DiscoverPeers: "discover-peers", Sidecar, 3;
    /// The sidecar writes the founders of the chain into the configuration as peers. Their list is published after the
    /// genesis (W36).
    SetGenesisPeers: "set-genesis-peers", Sidecar, 20;
    /// The sidecar configures Tendermint state sync.
    ConfigureStateSync: "configure-state-sync", Sidecar, 0;
    /// The sidecar checks the configuration.
    ConfigValidate: "config-validate", Sidecar, 0;
    /// The sidecar uploads snapshots from time to time (W24).
    SnapshotUpload: "snapshot-upload", Background, 0;
    /// The sidecar opens the gate that holds `seid` back. It may restart between the task and the look at its gate.
    MarkReady: "mark-ready", Sidecar, 3;
    /// The sidecar exports what a replayer finds (W34).
    ResultExport: "result-export", Background, 0;
}

impl TaskType {
    /// Reads a name; `None` for one that this operator does not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|task| task.as_str() == name)
    }

    /// Authority that may have a failed task run again, by a further attempt or by another plan.
    #[must_use]
    pub fn rerun(self) -> Rerun {
        match self {
            // Not safe to run again after a partial failure (sidecar contract: plans-tasks-sidecar §5.2).
            Self::GenerateGentx => Rerun::ByAPerson,
            _ => Rerun::ByTheOperator,
        }
    }

    /// Its changes while it runs.
    #[must_use]
    pub fn writes(self) -> Writes {
        match (self.by(), self) {
            (By::Operator, _) | (_, Self::MarkReady | Self::ConfigValidate) => Writes::Nothing,
            (By::Sidecar | By::Background, _) => Writes::Data,
        }
    }

    /// Time after its submission for which a plan that takes the place of its own waits for it.
    #[must_use]
    pub fn deadline(self) -> SignedDuration {
        match self {
            // Hundreds of gigabytes are downloaded and unpacked.
            Self::SnapshotRestore => SignedDuration::from_hours(6),
            _ => SignedDuration::from_mins(10),
        }
    }

    /// True if it only checks that what others provide is there: nothing of the node has been made before it is done.
    #[must_use]
    pub fn is_precondition(self) -> bool {
        matches!(self, Self::EnsureDataPvc | Self::ValidateSigningKey | Self::ValidateNodeKey)
    }
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
            assert_eq!(TaskType::parse(task.as_str()), Some(*task));
        }
        assert_eq!(TaskType::parse("replace-everything"), None);
    }

    #[test]
    fn what_others_publish_later_is_asked_for_again() {
        let patient = [TaskType::ConfigureGenesis, TaskType::SetGenesisPeers];
        assert!(patient.iter().all(|task| task.max_retries() >= 20), "W36: the list comes after the genesis");
        assert_eq!(TaskType::GenerateGentx.max_retries(), 0, "it is not safe to run again");
    }
}
