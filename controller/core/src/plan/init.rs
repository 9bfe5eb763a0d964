//! The plan that brings a new node up (plans-tasks-sidecar §2.6).

use crate::{
    intent::{Intent, Mode, Start, VolumeSource},
    task::TaskType,
};

/// The tasks that bring a node up.
///
/// # Errors
/// What this version cannot plan yet, in words for status.
pub(crate) fn tasks(intent: &Intent) -> Result<Vec<TaskType>, String> {
    supported(intent)?;
    let mut tasks = vec![
        TaskType::EnsureDataPvc,
        TaskType::ApplyStatefulset,
        TaskType::ApplyService,
        TaskType::ConfigureGenesis,
        TaskType::ConfigApply,
    ];
    if !intent.peers.is_empty() {
        tasks.push(TaskType::DiscoverPeers);
    }
    tasks.extend([TaskType::ConfigValidate, TaskType::MarkReady]);
    Ok(tasks)
}

fn supported(intent: &Intent) -> Result<(), String> {
    let refuse = |what: &str| Err(format!("this version of the operator does not bring up {what}"));
    if let VolumeSource::Import(_) = intent.volume {
        return refuse("a node on an imported volume (spec.dataVolume.import)");
    }
    match &intent.mode {
        Mode::FullNode { start: Start::BlockSync, snapshots: None } => Ok(()),
        Mode::FullNode { start: Start::BlockSync, snapshots: Some(_) } => {
            refuse("a node that makes snapshots (snapshotGeneration)")
        }
        Mode::FullNode { .. } => refuse("a node from a snapshot (spec.fullNode.snapshot)"),
        Mode::Archive { .. } | Mode::Replayer { .. } | Mode::Validator { .. } => {
            refuse(&format!("a node of mode {}", intent.mode.name()))
        }
    }
}
