//! The kubelet: starts and ends the processes of pods, and says whether they are ready.

use k8s_openapi::{
    api::core::v1::{ContainerState, ContainerStateRunning, ContainerStatus, Pod, PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};
use seinode_core::observation::{SEID, SIDECAR};

use super::{Deed, workloads};
use crate::{
    objects::{Key, Kind, Object, PodFacts},
    sidecars::Farewell,
    world::World,
};

/// How `seid` of a bootstrap pod exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Zero,
    One,
}

pub fn offers(world: &World) -> Vec<Deed> {
    world.api.list(Kind::Pod).filter_map(|object| offer(world, object, object.pod()?)).collect()
}

fn offer(world: &World, object: &Object, pod: &Pod) -> Option<Deed> {
    let key = object.key();
    if object.is_going() {
        return (!workloads::is_awaited(world, object)).then_some(Deed::Vanish(key));
    }
    if pod.has_ended() {
        return None;
    }
    if !pod.has_started() {
        let volume = volume(world, &key, pod)?;
        return (!volume.1).then_some(Deed::Start(key));
    }
    let open = world.sidecars.is_open(object.uid());
    match is_of_job(object) {
        true => open.then_some(Deed::ReachHeight(key)),
        false => (pod.is_ready() != open).then_some(Deed::Probe(key)),
    }
}

fn is_of_job(pod: &Object) -> bool {
    pod.controller().is_some_and(|owner| owner.kind == "Job")
}

/// UID of the PVC of a pod, and whether that is being deleted: the scheduler refuses such a pod.
fn volume(world: &World, key: &Key, pod: &Pod) -> Option<(String, bool)> {
    let volume = world.api.get(&key.beside(Kind::Volume, pod.claim()?))?;
    Some((volume.uid().to_owned(), volume.is_going()))
}

pub fn start(world: &mut World, key: &Key) {
    let Some(object) = world.api.get(key).cloned() else { return };
    let Some((volume, _)) = object.pod().and_then(|pod| volume(world, key, pod)) else { return };
    world.say(|| format!("{key} starts, with its gate shut"));
    world.sidecars.start(object.uid(), &volume);
    let running = ContainerState {
        running: Some(ContainerStateRunning { started_at: Some(Time(world.now)) }),
        ..ContainerState::default()
    };
    let container = |name: &str| ContainerStatus {
        name: name.into(),
        started: Some(true),
        state: Some(running.clone()),
        ..ContainerStatus::default()
    };
    let (sidecar, seid) = (container(SIDECAR), container(SEID));
    change(world, key, |status| {
        status.phase = Some("Running".into());
        status.pod_ip = Some("10.0.0.1".into());
        status.init_container_statuses = Some(vec![sidecar]);
        status.container_statuses = Some(vec![seid]);
        status.conditions = Some(vec![ready(false)]);
    });
}

pub fn probe(world: &mut World, key: &Key) {
    let open = world.api.get(key).is_some_and(|pod| world.sidecars.is_open(pod.uid()));
    world.say(|| format!("{key} is {}", if open { "Ready" } else { "not Ready any more" }));
    change(world, key, |status| status.conditions = Some(vec![ready(open)]));
}

/// The container of the sidecar is started anew, and the pod says so.
pub fn restart(world: &mut World, key: &Key, farewell: Farewell) {
    let Some(uid) = world.api.get(key).map(|pod| pod.uid().to_owned()) else { return };
    if !world.sidecars.has(&uid) {
        return;
    }
    world.say(|| format!("the sidecar of {key} is started anew"));
    world.sidecars.restart(&uid, farewell);
    change(world, key, |status| {
        let sidecar = status.init_container_statuses.iter_mut().flatten().next();
        sidecar.into_iter().for_each(|sidecar| sidecar.restart_count += 1);
    });
}

/// `seid` of a bootstrap pod exits, and the pod's sidecar after it.
pub fn end_seid(world: &mut World, key: &Key, exit: Exit) {
    let Some(uid) = world.api.get(key).map(|pod| pod.uid().to_owned()) else { return };
    world.say(|| format!("seid in {key} exits with {exit:?}"));
    world.sidecars.end(&uid, Farewell::InTime);
    let phase = match exit {
        Exit::Zero => "Succeeded",
        Exit::One => "Failed",
    };
    change(world, key, |status| {
        status.phase = Some(phase.into());
        status.conditions = Some(vec![ready(false)]);
    });
}

pub fn vanish(world: &mut World, key: &Key) {
    let Some(uid) = world.api.get(key).map(|pod| pod.uid().to_owned()) else { return };
    world.say(|| format!("{key} is gone"));
    world.sidecars.end(&uid, Farewell::InTime);
    world.api.remove(key);
}

fn change(world: &mut World, key: &Key, change: impl FnOnce(&mut PodStatus)) {
    world.api.update(key, |pod| {
        if let Object::Pod(pod) = pod {
            change(pod.status.get_or_insert_default());
        }
    });
}

fn ready(is: bool) -> PodCondition {
    let status = if is { "True" } else { "False" };
    PodCondition { type_: "Ready".into(), status: status.into(), ..PodCondition::default() }
}
