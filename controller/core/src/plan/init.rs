//! The plan that brings a new node up (plans-tasks-sidecar §2.6).

use crate::{
    intent::{Intent, Mode, Role, SnapshotProduction, Start, VolumeSource},
    task_type::TaskType,
};

/// The tasks that bring a node up.
///
/// # Errors
/// What this version cannot plan yet, in words for status.
pub(crate) fn tasks(intent: &Intent) -> Result<Vec<TaskType>, String> {
    supported(intent)?;
    let mut tasks = vec![TaskType::EnsureDataPvc, TaskType::ApplyStatefulset, TaskType::ApplyService];
    tasks.extend(state(intent));
    Ok(tasks)
}

/// The sidecar's part: from an empty volume to an open gate.
fn state(intent: &Intent) -> Vec<TaskType> {
    let mut tasks = match &intent.mode {
        Mode::Validator { role: Role::Genesis(_), .. } => return ceremony(),
        Mode::FullNode { .. } | Mode::Archive { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => {
            vec![]
        }
    };
    let start = intent.mode.start();
    if let Start::S3 { .. } = start {
        tasks.push(TaskType::SnapshotRestore);
    }
    tasks.extend([TaskType::ConfigureGenesis, TaskType::ConfigApply]);
    if !intent.peers.is_empty() {
        tasks.push(TaskType::DiscoverPeers);
    }
    if *start != Start::BlockSync {
        tasks.push(TaskType::ConfigureStateSync);
    }
    tasks.extend([TaskType::ConfigValidate, TaskType::MarkReady]);
    tasks
}

/// A validator that founds a chain with others: it waits for the genesis that all of them make together.
fn ceremony() -> Vec<TaskType> {
    vec![
        TaskType::GenerateIdentity,
        TaskType::GenerateGentx,
        TaskType::UploadGenesisArtifacts,
        TaskType::ConfigureGenesis,
        TaskType::ConfigApply,
        TaskType::SetGenesisPeers,
        TaskType::ConfigValidate,
        TaskType::MarkReady,
    ]
}

fn supported(intent: &Intent) -> Result<(), String> {
    let refuse = |what: &str| Err(format!("this version of the operator does not bring up {what}"));
    if let VolumeSource::Import(_) = intent.volume {
        return refuse("a node on an imported volume (spec.dataVolume.import)");
    }
    if let Start::S3 { bootstrap_image: Some(_), .. } = intent.mode.start() {
        return refuse("a node through a bootstrap Job (snapshot.bootstrapImage)");
    }
    match &intent.mode {
        Mode::FullNode { snapshots: Some(SnapshotProduction { publish: true, .. }), .. }
        | Mode::Archive { snapshots: Some(SnapshotProduction { publish: true, .. }) } => {
            refuse("a node that uploads snapshots (snapshotGeneration.tendermint.publish)")
        }
        Mode::Replayer { canonical_rpc: Some(_), .. } => {
            refuse("a replayer that exports its results (replayer.resultExport)")
        }
        Mode::Validator { role: Role::Signer { .. }, .. } => {
            refuse("a validator that signs (validator.signingKey)")
        }
        Mode::FullNode { .. } | Mode::Archive { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => {
            Ok(())
        }
    }
}
