//! Tasks: the closed set of steps that plans are made of.

pub(crate) mod children;
pub(crate) mod sidecar;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::{
    effect::{Class, Effect, Question},
    ids::TaskId,
};

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
            // Above all generate-gentx: it is not safe to run again after a partial failure (sidecar contract).
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

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One task of a plan and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What it does.
    pub kind: TaskType,
    /// Identity of the present attempt.
    pub id: TaskId,
    /// How far it has come.
    pub progress: Progress,
    /// Number of the present attempt, from 0.
    pub attempt: u32,
    /// The present attempt is not made before this time.
    pub not_before: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    Pending,
    /// Handed to the sidecar at this time.
    Running {
        /// When.
        submitted_at: Timestamp,
    },
    /// Done.
    Complete,
    /// Failed for good.
    Failed,
}

/// What a task wants next, seen the present facts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// It is done.
    Done,
    /// A fact is missing.
    Look(Question),
    /// This has to be done.
    Do(Effect),
    /// Nothing to do now.
    Wait(Wait),
    /// The attempt failed, with the reason.
    Failed(String),
}

/// Why a task does nothing now, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// What is waited for, in words without numbers that change.
    pub(crate) why: String,
    /// When to look again.
    pub(crate) until: Until,
}

/// When to look again at a node that rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When something changes that is watched.
    Event,
    /// At this time, or when something changes.
    At(Timestamp),
    /// Soon, then ever less often: the class says how patiently.
    Retry(Class),
}

/// Pause before attempt `attempt` (1 is the first repetition): 10 s, 20 s, then 30 s (plans-tasks-sidecar §3.4).
pub(crate) fn retry_delay(attempt: u32) -> SignedDuration {
    SignedDuration::from_secs((5 << attempt.clamp(1, 5)).min(30))
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

    #[test]
    fn retries_are_spaced_as_the_contract_says() {
        let seconds: Vec<_> = (1..=5).map(|attempt| retry_delay(attempt).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 30, 30, 30]);
    }
}
