//! Pods that a test moves by hand, where there is no cluster to be watched.

use jiff::Timestamp;
use uuid::Uuid;

use super::World;
use crate::{
    address::NodeKey,
    process::{PodView, ProcessId, ProcessState, VolumeSource},
};

/// Change that a test makes to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Starts a process in the present pod, or in a new one where there is none. One that runs is left alone.
    StartProcess,
    /// Ends the process; its pod stays.
    StopProcess,
    /// Puts a new pod with a running process in the place of the present one.
    ReplacePod,
    /// Takes the pod away.
    RemovePod,
    /// As `ReplacePod`, and with an empty volume.
    ReplaceVolume,
}

impl World {
    pub(crate) fn move_by_hand(&mut self, key: &NodeKey, step: Move, now: Timestamp) {
        let number = self.number();
        let node = self.node(key);
        let volume = match step {
            Move::ReplaceVolume => number,
            _ => node.bare_volume.unwrap_or(number),
        };
        node.bare_volume = Some(volume);
        let mut pods = std::mem::take(&mut node.pods);
        let pod = match step {
            Move::StartProcess => {
                let pod = pods.pop_first().map_or_else(|| new_pod(key, volume), |(_, pod)| pod);
                Some(if matches!(pod.process, ProcessState::Running(_)) { pod } else { running(pod, number) })
            }
            Move::StopProcess => {
                pods.pop_first().map(|(_, pod)| PodView { process: ProcessState::Starting, ..pod })
            }
            Move::ReplacePod | Move::ReplaceVolume => Some(running(new_pod(key, volume), number)),
            Move::RemovePod => None,
        };
        node.pods = pod.into_iter().map(|pod| (pod.uid.clone(), pod)).collect();
        self.follow(key, now);
    }
}

fn new_pod(key: &NodeKey, volume: u64) -> PodView {
    PodView {
        node: key.clone(),
        name: format!("{}-0", key.name),
        uid: Uuid::new_v4().to_string(),
        created_at: None,
        terminating: false,
        process: ProcessState::Starting,
        volume: VolumeSource::Bare(volume),
    }
}

fn running(pod: PodView, number: u64) -> PodView {
    let process = ProcessId {
        pod_uid: pod.uid.clone(),
        container_id: Some(format!("by-hand://{number}")),
        restarts: 0,
        started_at: None,
    };
    PodView { process: ProcessState::Running(process), ..pod }
}
