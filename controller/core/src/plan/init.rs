//! The plan that brings a new node up (plans-tasks-sidecar §2.6).

use crate::{
    intent::{Intent, Mode, Role, SnapshotProduction, Start},
    task_type::TaskType,
};

/// Objects that an earlier plan may have left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leftovers {
    /// A bootstrap Job.
    pub(crate) bootstrap: bool,
    /// A StatefulSet, whose pod may be as an earlier spec wanted it.
    pub(crate) stateful_set: bool,
}

/// Bootstrap of the node's volume: it has been through the one that its spec asks for, or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bootstrapped {
    /// It has: it is not done again (W7).
    Yes,
    /// The volume was handed over by another node: its data is taken as it is.
    Adopted,
    /// It has not.
    No,
}

/// The tasks that bring a node up.
pub(crate) fn tasks(intent: &Intent, bootstrapped: Bootstrapped, leftovers: Leftovers) -> Vec<TaskType> {
    let mut tasks = vec![TaskType::EnsureDataPvc];
    if intent.key_secrets().is_some() {
        tasks.extend([TaskType::ValidateSigningKey, TaskType::ValidateNodeKey]);
    }
    let by_job = intent.bootstrap().is_some();
    let runs_job = by_job && bootstrapped == Bootstrapped::No;
    if runs_job {
        tasks.extend([TaskType::DeployBootstrapService, TaskType::DeployBootstrapJob]);
        tasks.extend(prepare(intent, State::Restored));
        tasks.extend([TaskType::MarkReady, TaskType::AwaitBootstrapComplete]);
    }
    if runs_job || leftovers.bootstrap {
        tasks.push(TaskType::TeardownBootstrap);
    }
    tasks.extend([TaskType::ApplyStatefulset, TaskType::ApplyService]);
    if leftovers.stateful_set {
        tasks.extend([TaskType::ReplacePod, TaskType::ObserveImage]);
    }
    let state = if by_job || bootstrapped == Bootstrapped::Adopted { State::Kept } else { State::Restored };
    if let Mode::Validator { role: Role::Genesis(_), .. } = &intent.mode {
        tasks.extend(ceremony(state));
    } else {
        tasks.extend(prepare(intent, state));
    }
    match background(&intent.mode) {
        Some(TaskType::ResultExport) => tasks.extend([TaskType::MarkReady, TaskType::ResultExport]),
        before => tasks.extend(before.into_iter().chain([TaskType::MarkReady])),
    }
    tasks.push(TaskType::ObserveSeid);
    tasks
}

/// The task that the sidecar carries on with while a node of this mode runs.
pub(crate) fn background(mode: &Mode) -> Option<TaskType> {
    match mode {
        Mode::FullNode { snapshots, .. } | Mode::Archive { snapshots } => {
            let publish = matches!(snapshots, Some(SnapshotProduction { publish: true, .. }));
            publish.then_some(TaskType::SnapshotUpload)
        }
        Mode::Replayer { canonical_rpc, .. } => canonical_rpc.as_ref().map(|_| TaskType::ResultExport),
        Mode::Validator { .. } => None,
    }
}

/// State of the chain: it has still to come onto the volume, or is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has.
    Restored,
    /// The bootstrap Job has brought it, or the node that the volume was before.
    Kept,
}

/// The sidecar's part, from an empty volume to a configuration that is known to be good.
fn prepare(intent: &Intent, state: State) -> Vec<TaskType> {
    let start = intent.mode.start();
    let restores = state == State::Restored && *start != Start::BlockSync;
    let mut tasks = Vec::new();
    if restores && matches!(start, Start::S3 { .. }) {
        tasks.push(TaskType::SnapshotRestore);
    }
    tasks.extend([TaskType::ConfigureGenesis, TaskType::ConfigApply]);
    if intent.discovers_peers() {
        tasks.push(TaskType::DiscoverPeers);
    }
    if restores {
        tasks.push(TaskType::ConfigureStateSync);
    }
    tasks.push(TaskType::ConfigValidate);
    tasks
}

/// A validator that founds a chain with others: it waits for the genesis that all of them make together.
fn ceremony(state: State) -> Vec<TaskType> {
    let found = match state {
        State::Restored => {
            &[TaskType::GenerateIdentity, TaskType::GenerateGentx, TaskType::UploadGenesisArtifacts][..]
        }
        State::Kept => &[],
    };
    let join = [
        TaskType::ConfigureGenesis,
        TaskType::ConfigApply,
        TaskType::SetGenesisPeers,
        TaskType::ConfigValidate,
    ];
    found.iter().copied().chain(join).collect()
}
