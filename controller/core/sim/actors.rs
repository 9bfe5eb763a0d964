//! Actors at work in the world beside the operator. Each actor offers what it could do now, and does it when its turn
//! comes; it never does more than one thing at a time.

mod collector;
mod kubelet;
mod workloads;

use jiff::Timestamp;
use seinode_core::ids::TaskId;

use crate::{objects::Key, world::World};

/// One thing that can happen next.
#[derive(Clone, Debug)]
pub enum Deed {
    /// An operator goes on with its pass over a node, or begins one.
    Operate(usize, Key),
    /// A watch brings one of the changes that it is behind.
    CatchUp(usize),
    /// Nobody can do anything before this time.
    Wait(Timestamp),
    /// A sidecar is asked beside the passes whether its gate is open.
    Glance(usize, Key),
    /// The controller of a StatefulSet sees its newest version.
    ObserveSet(Key),
    /// A StatefulSet or a Job gets a pod; one of a StatefulSet has a number.
    MakePod(Key, i32),
    /// A StatefulSet takes a pod of this number over that has no controller.
    AdoptPod(Key, i32),
    /// A pod that is wanted no more, or has ended, is to go.
    StopPod(Key),
    /// A Job has come to its end.
    EndJob(Key),
    /// The containers of a pod start.
    Start(Key),
    /// The readiness of a pod follows that of its processes.
    Probe(Key),
    /// `seid` of a bootstrap pod reaches its height.
    ReachHeight(Key),
    /// The processes of a pod that is to go have ended.
    Vanish(Key),
    /// Garbage collection deletes what has lost its owner.
    Collect(Key),
    /// Nothing keeps an object that is to go any longer.
    Release(Key),
    /// A sidecar is done with a task.
    FinishTask(String, TaskId),
}

/// Everything that can be done now by anybody but the operator.
pub fn offers(world: &World) -> Vec<Deed> {
    let mut offers = workloads::offers(world);
    offers.extend(kubelet::offers(world));
    offers.extend(collector::offers(world));
    offers.extend(world.sidecars.under_way().map(|(pod, id)| Deed::FinishTask(pod.clone(), id)));
    offers
}

/// Does it.
pub fn carry_out(world: &mut World, deed: Deed) {
    match deed {
        Deed::ObserveSet(set) => workloads::observe_set(world, &set),
        Deed::MakePod(owner, ordinal) => workloads::make_pod(world, &owner, ordinal),
        Deed::AdoptPod(set, ordinal) => workloads::adopt_pod(world, &set, ordinal),
        Deed::StopPod(pod) => workloads::stop_pod(world, &pod),
        Deed::EndJob(job) => workloads::end_job(world, &job),
        Deed::Start(pod) => kubelet::start(world, &pod),
        Deed::Probe(pod) => kubelet::probe(world, &pod),
        Deed::ReachHeight(pod) => kubelet::end_seid(world, &pod, kubelet::Exit::Zero),
        Deed::Vanish(pod) => kubelet::vanish(world, &pod),
        Deed::Collect(key) => collector::collect(world, &key),
        Deed::Release(key) => {
            world.say(|| format!("{key} is gone"));
            world.api.remove(&key);
        }
        Deed::FinishTask(pod, id) => {
            let ended = world.sidecars.finish(&pod, id);
            if world.sidecars.is_open(&pod) {
                world.ledger.released(&pod);
            }
            world.say(|| format!("the sidecar of {pod} ends {id}: {ended:?}"));
        }
        Deed::Operate(..) | Deed::CatchUp(_) | Deed::Wait(_) | Deed::Glance(..) => {}
    }
}

pub use kubelet::{BAD, Exit, at, end_seid, reboot, restart, restart_seid};
pub use workloads::{is_finished, is_refused};
