//! A kubelet without containers: plays every machine of the cluster, in this process, on the caller's runtime.
//!
//! Each Node becomes a machine that reports its status and renews its Lease. Each pod that is bound to a machine gets the
//! status that a kubelet of Kubernetes 1.34 would write: acknowledged, sandbox with an address of its own, init containers
//! in their order, restartable ones included, then the main containers; restarts with back-off; an end within the grace
//! period; at last the removal of the object, by UID. No process ever runs; an init container that mounts a Secret reports what
//! `sha256sum` prints of its files.
//!
//! A test sets the behaviour of pods by annotation ([`BEHAVIOUR`] and those after it), by image ([`ABSENT_IMAGE`] and those
//! after it) or by handle:
//!
//! ```no_run
//! # use devcluster::kubelet::{Exit, Kubelet, ProbeKind};
//! # fn example(kubelet: &Kubelet) {
//! kubelet.pod("default", "db-0").exit("postgres", Exit::new(2, "PANIC: the disk is full"));
//! kubelet.pod("default", "db-0").behave(|pod| pod.start_delay = std::time::Duration::from_secs(2));
//! kubelet.machine("worker-0").fail();
//! kubelet.answer_probes(|probe| probe.kind == ProbeKind::Startup || probe.port != Some(5432));
//! # }
//! ```
//!
//! Not imitated: events, resources, liveness probes, delays and thresholds of probes, ephemeral containers, eviction by
//! the kubelet, lifecycle hooks. Delays of back-offs are divided by [`Pace::compression`].

mod addresses;
mod backoff;
mod behaviour;
mod conditions;
mod container;
mod machines;
mod phase;
mod pods;
mod probes;
mod sandbox;
mod shared;
mod status;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use kube::Client;
use tokio_util::task::AbortOnDropHandle;

pub use addresses::AddressReuse;
pub use backoff::Pace;
pub use behaviour::{
    ABSENT_IMAGE, BEHAVIOUR, Behaviour, COMPLETE, CRASH_LOOP, CRASHING_IMAGE, ContainerBehaviour, EXIT, End,
    Exit, FAIL, HALTED_IMAGE, IMAGE_PULL_FAILURE, INIT_FAILING_IMAGE, Image, REJECT, RESTART, RUN_FOR,
    Readiness, Rejection, START_DELAY, STOP_DELAY, VOLUMELESS_IMAGE, Volumes,
};
pub use probes::{Probe, ProbeKind};

use shared::{Power, Shared};

/// The kubelets of all machines. They stop when it is dropped.
pub struct Kubelet {
    shared: Arc<Shared>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Kubelet {
    /// Starts the kubelets of a cluster. `client` needs the rights of a kubelet on all nodes, pods and Leases. Must be
    /// called on a runtime.
    #[must_use]
    pub fn start(client: Client, pace: Pace) -> Self {
        let shared = Arc::new(Shared::new(client, pace));
        let run = |task| AbortOnDropHandle::new(task);
        let tasks = [
            run(tokio::spawn(machines::follow(Arc::clone(&shared)))),
            run(tokio::spawn(pods::follow(Arc::clone(&shared)))),
        ];
        Self { shared, _tasks: tasks }
    }

    /// The machine of a Node.
    #[must_use]
    pub fn machine<'a>(&'a self, node: &'a str) -> Machine<'a> {
        Machine { kubelet: self, node }
    }

    /// The pods of a name: the one that is there, and its successors.
    #[must_use]
    pub fn pod<'a>(&'a self, namespace: &'a str, name: &'a str) -> Play<'a> {
        Play { kubelet: self, namespace, name }
    }

    /// Has `answer` decide whether startup and readiness probes succeed. It is asked again and again, must not block and
    /// must not call the kubelet.
    pub fn answer_probes(&self, answer: impl Fn(&Probe<'_>) -> bool + Send + Sync + 'static) {
        self.shared.set_answer(Arc::new(answer));
    }

    /// Sets the reuse of addresses whose pods are gone.
    pub fn reuse_addresses(&self, reuse: AddressReuse) {
        self.shared.addresses().reuse = reuse;
    }
}

impl std::fmt::Debug for Kubelet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubelet").field("machines", &*self.shared.machines.borrow()).finish_non_exhaustive()
    }
}

/// A machine.
#[derive(Debug)]
pub struct Machine<'a> {
    kubelet: &'a Kubelet,
    node: &'a str,
}

impl Machine<'_> {
    /// Cuts the machine off: no heartbeat, no status, no removal of pods. The control plane reports it as not ready some
    /// seconds later.
    pub fn fail(&self) {
        self.set(Power::Off, 0);
    }

    /// Brings it back as it was: its containers have run all the time.
    pub fn recover(&self) {
        self.set(Power::On, 0);
    }

    /// Boots it anew: every container of its pods has ended, and the pods start over in other sandboxes.
    pub fn reboot(&self) {
        self.set(Power::On, 1);
    }

    fn set(&self, power: Power, reboots: u32) {
        self.kubelet.shared.machines.send_modify(|machines| {
            let machine = machines.entry(self.node.to_owned()).or_default();
            machine.power = power;
            machine.reboots += reboots;
        });
    }
}

/// Handle on the pods of one name.
#[derive(Debug)]
pub struct Play<'a> {
    kubelet: &'a Kubelet,
    namespace: &'a str,
    name: &'a str,
}

impl Play<'_> {
    /// Changes the behaviour from now on, for the pod that is there and its successors, on top of what annotations and
    /// images say. Several changes add up.
    pub fn behave(&self, change: impl Fn(&mut Behaviour) + Send + Sync + 'static) {
        self.direct(|script| script.changes.push(Arc::new(change)));
    }

    /// Takes back every [`Play::behave`] and pending [`Play::exit`].
    pub fn reset(&self) {
        self.direct(|script| {
            script.changes.clear();
            script.exits.clear();
        });
    }

    /// Ends a container once: now, or as soon as it runs. It starts again as the restart policy says, after its back-off.
    pub fn exit(&self, container: &str, exit: Exit) {
        self.direct(|script| script.exits.push((container.to_owned(), exit)));
    }

    /// Probes the containers at once instead of at the next period.
    pub fn probe(&self) {
        self.direct(|_| ());
    }

    fn direct(&self, change: impl FnOnce(&mut shared::Script)) {
        self.kubelet.shared.direct(self.namespace, self.name, change);
    }
}
