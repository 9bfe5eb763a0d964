//! The kubelet: starts and ends the processes of pods, and says whether they are ready.

use std::{collections::BTreeSet, net::IpAddr, rc::Rc};

use k8s_openapi::{
    api::core::v1::{
        ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
        ContainerStatus, Pod, PodCondition, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use seinode_core::{
    keys::Fingerprint,
    observation::{KEY_COPY, SEID, SIDECAR},
};

use sha2::{Digest as _, Sha256};

use super::{Deed, workloads};
use crate::{
    api_server,
    objects::{Key, Kind, Object, PodFacts},
    sidecars::Farewell,
    world::World,
};

/// Exit code of `seid` in a bootstrap pod.
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
        return (!volume.1 && is_free(world, &key, pod)).then_some(Deed::Start(key));
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

/// A volume is attached where no other pod runs on it.
fn is_free(world: &World, key: &Key, pod: &Pod) -> bool {
    let mut others = world.api.list(Kind::Pod).filter(|other| other.key() != *key);
    !others.any(|other| {
        let here = other.meta().namespace.as_deref() == Some(&*key.namespace);
        let other = other.pod().filter(|other| here && other.has_started() && !other.has_ended());
        other.is_some_and(|other| other.claim() == pod.claim())
    })
}

/// An image with this in its name cannot be pulled.
pub const BAD: &str = "bad";

fn can_be_pulled(pod: &Pod) -> bool {
    let spec = pod.spec.iter();
    let containers = spec.flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    containers.into_iter().all(|it| !it.image.as_deref().unwrap_or_default().contains(BAD))
}

pub fn start(world: &mut World, key: &Key) {
    let Some(object) = world.api.get(key).cloned() else { return };
    let Some(pod) = object.pod() else { return };
    let Some((volume, _)) = volume(world, key, pod) else { return };
    bind_volume(world, key, pod);
    if !can_be_pulled(pod) {
        world.say(|| format!("{key} cannot start: an image is not there"));
        let waiting = ContainerStateWaiting { reason: Some("ImagePullBackOff".into()), message: None };
        let state = ContainerState { waiting: Some(waiting), ..ContainerState::default() };
        let waits =
            ContainerStatus { name: "seid-init".into(), state: Some(state), ..ContainerStatus::default() };
        let address = free_address(world);
        return change(world, key, |status| {
            status.phase = Some("Pending".into());
            status.pod_ip = Some(address);
            status.init_container_statuses = Some(vec![waits]);
        });
    }
    world.say(|| format!("{key} starts, with its gate shut"));
    world.sidecars.start(object.uid(), &volume);
    run(world, key, &object);
}

/// The scheduler chooses a machine: a PVC that has waited for it is bound.
fn bind_volume(world: &mut World, key: &Key, pod: &Pod) {
    let Some(claim) = pod.claim() else { return };
    world.api.update(&key.beside(Kind::Volume, claim), |volume| {
        if let Object::Volume(pvc) = volume
            && pvc.status.is_none()
        {
            api_server::bind(pvc);
        }
    });
}

/// The containers of a pod run from the beginning: the key is copied, the sidecar and `seid` start.
fn run(world: &mut World, key: &Key, object: &Object) {
    let (Some(pod), now) = (object.pod(), Time(world.now)) else { return };
    let found = world.ledger.started(object, &world.secrets);
    let copied = found.filter(|_| pod.has_copy()).map(|found| ContainerStateTerminated {
        exit_code: 0,
        message: Some(format!("{}  -\n", sha256sum(found))),
        finished_at: Some(now.clone()),
        ..ContainerStateTerminated::default()
    });
    let copied = copied.map(|ended| ContainerStatus {
        name: KEY_COPY.into(),
        state: Some(ContainerState { terminated: Some(ended), ..ContainerState::default() }),
        ..ContainerStatus::default()
    });
    let running = ContainerState {
        running: Some(ContainerStateRunning { started_at: Some(now) }),
        ..ContainerState::default()
    };
    let container = |name: &str| ContainerStatus {
        name: name.into(),
        started: Some(true),
        state: Some(running.clone()),
        container_id: Some(format!("sim://{name}-{}", world.api.version())),
        ..ContainerStatus::default()
    };
    let (sidecar, seid) = (container(SIDECAR), container(SEID));
    let address = free_address(world);
    change(world, key, |status| {
        status.phase = Some("Running".into());
        status.pod_ip = Some(address);
        status.init_container_statuses = Some(copied.into_iter().chain([sidecar]).collect());
        status.container_statuses = Some(vec![seid]);
        status.conditions = Some(vec![ready(false)]);
    });
}

/// The first address that no pod has: that of a pod that is gone is given to the next one.
fn free_address(world: &World) -> String {
    let taken: BTreeSet<&str> = world.api.list(Kind::Pod).filter_map(|pod| pod.pod()?.address()).collect();
    let mut all = (1..=255).map(|host| format!("10.0.0.{host}"));
    all.find(|address| !taken.contains(address.as_str())).unwrap_or_default()
}

/// The pod that listens at an address.
pub fn at(world: &World, address: IpAddr) -> Option<String> {
    let listens = |pod: &&Rc<Object>| {
        let here = pod.pod().and_then(PodFacts::address) == Some(address.to_string().as_str());
        here && world.sidecars.has(pod.uid())
    };
    world.api.list(Kind::Pod).find(listens).map(|pod| pod.uid().to_owned())
}

/// Output of `sha256sum` for the file of a key.
fn sha256sum(key: Fingerprint) -> String {
    Sha256::digest(key.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The container of `seid` is started anew: it mounts what there is now. An open gate does not hold it back.
pub fn restart_seid(world: &mut World, key: &Key) {
    let Some(object) = world.api.get(key).map(Rc::clone) else { return };
    if !world.sidecars.has(object.uid()) {
        return;
    }
    world.say(|| format!("seid in {key} is started anew"));
    world.ledger.restarted(&object, &world.secrets);
    if world.sidecars.is_open(object.uid()) {
        world.ledger.released(object.uid());
    }
    let id = format!("sim://{SEID}-{}", world.api.version());
    change(world, key, |status| {
        let seid = status.container_statuses.iter_mut().flatten().next();
        seid.into_iter().for_each(|seid| {
            seid.restart_count += 1;
            seid.container_id = Some(id.clone());
        });
    });
}

/// The machine boots anew: everything in the pod runs from the beginning.
pub fn reboot(world: &mut World, key: &Key) {
    let Some(object) = world.api.get(key).map(Rc::clone) else { return };
    if !world.sidecars.has(object.uid()) {
        return;
    }
    world.say(|| format!("the machine of {key} boots anew"));
    world.sidecars.restart(object.uid(), Farewell::AtOnce);
    change(world, key, |status| status.pod_ip = None);
    run(world, key, &object);
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
        let mut containers = status.init_container_statuses.iter_mut().flatten();
        let sidecar = containers.find(|container| container.name == SIDECAR);
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
