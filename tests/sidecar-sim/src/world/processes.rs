//! Processes: which one a node should have, how it starts, and what ends with it.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Due, Memory, Process, Timer, World};
use crate::{
    address::NodeKey,
    behaviour::{Delay, Interruption},
    home::{Home, VolumeId},
    journal::Cause,
    process::{ProcessId, ProcessState, VolumeSource, answering},
    store::Store,
};

impl World {
    /// Makes the process be what the node's pods say. A pod whose claim is not known yet has no process.
    pub(super) fn follow(&mut self, key: &NodeKey, now: Timestamp) {
        let wanted = self.wanted(key);
        let node = self.node(key);
        let current = node.process.as_ref().map(|process| (process.id.clone(), process.volume.clone()));
        if current == wanted {
            return;
        }
        self.end_process(key, now);
        if let Some((id, volume)) = wanted {
            self.begin_process(key, id, volume, now);
        }
    }

    fn wanted(&self, key: &NodeKey) -> Option<(ProcessId, VolumeId)> {
        let pod = answering(self.nodes.get(key)?.pods.values())?;
        let ProcessState::Running(id) = &pod.process else { return None };
        let volume = match &pod.volume {
            VolumeSource::Claim(name) => {
                VolumeId::Claim(self.claims.get(&(key.namespace.clone(), name.clone()))?.clone())
            }
            VolumeSource::Pod => VolumeId::Pod(pod.uid.clone()),
            VolumeSource::Bare(number) => VolumeId::Bare(*number),
        };
        Some((id.clone(), volume))
    }

    fn begin_process(&mut self, key: &NodeKey, id: ProcessId, volume: VolumeId, now: Timestamp) {
        let number = self.number();
        let default_delay = self.defaults.start_delay;
        let node = self.node(key);
        node.boots += 1;
        let delay = node.settings.start_delay.or(default_delay).unwrap_or(Delay::NONE);
        let after = delay.draw(&format!("{key}/start/{}", node.boots));
        node.process = Some(Process { id, volume, number, memory: None, ended: CancellationToken::new() });
        if after.is_zero() {
            self.started(key, number, now);
        } else {
            self.timers.push(Timer { after, due: Due::Start { node: key.clone(), number } });
        }
    }

    /// The process answers from now on, and goes on with what its store says was running.
    pub(super) fn started(&mut self, key: &NodeKey, number: u64, now: Timestamp) {
        let Some(process) = self.node(key).process.as_mut().filter(|process| process.number == number) else {
            return;
        };
        process.memory = Some(Memory::default());
        let volume = process.volume.clone();
        self.node(key).journal.starts.push(now);
        let home = self.homes.entry(volume).or_insert_with_key(Home::new);
        for row in home.store.running() {
            self.begin_run(key, row, Cause::Resumed, now);
        }
    }

    fn end_process(&mut self, key: &NodeKey, now: Timestamp) {
        let interruption = self.setting(key, |settings| settings.interruption);
        let Some(process) = self.node(key).process.take() else { return };
        process.ended.cancel();
        let home = self.homes.get_mut(&process.volume).filter(|_| process.memory.is_some());
        if let (Some(home), Some(Interruption::SavedAsFailed)) = (home, interruption) {
            for row in home.store.running() {
                home.store.put(row.ended(Err("context canceled".to_owned()), now));
            }
        }
    }

    /// Another process in the place of the present one, which Kubernetes does not notice.
    pub(crate) fn restart_process(&mut self, key: &NodeKey, now: Timestamp) {
        let Some(process) = &self.node(key).process else { return };
        let (id, volume) = (process.id.clone(), process.volume.clone());
        self.end_process(key, now);
        self.begin_process(key, id, volume, now);
    }

    /// The store is empty from now on; runs in flight have nowhere to be saved.
    pub(crate) fn lose_store(&mut self, key: &NodeKey) {
        let Some(process) = &mut self.node(key).process else { return };
        if let Some(memory) = &mut process.memory {
            memory.in_flight.clear();
            memory.held.clear();
            memory.endless.clear();
        }
        let volume = process.volume.clone();
        if let Some(home) = self.homes.get_mut(&volume) {
            home.store = Store::default();
        }
    }
}
