//! One pod on its machine: its sandbox and its containers, in the order in which a kubelet starts and ends them
//! (`computePodActions` and `killContainersWithSyncResult` in `pkg/kubelet/kuberuntime`). Pure.

use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::backoff::Pace;
use super::behaviour::{Behaviour, ContainerBehaviour, Exit, Rejection, Volumes};
use super::container::{Clock, Container, KILLED, Kind, Probed, TERMINATED};

/// Shortest grace period that containers get.
const SHORTEST_GRACE: Duration = Duration::from_secs(2);

/// A pod as its machine knows it.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    /// First sight of the pod.
    pub(super) start_time: Timestamp,
    /// Address, from the creation of the sandbox on.
    pub(super) address: Option<Ipv4Addr>,
    pub(super) rejected: Option<Rejection>,
    /// Init containers first, in the order of the spec.
    pub(super) containers: Vec<Container>,
    /// Number of the sandbox; a reboot makes another one.
    number: u32,
    created: Option<Timestamp>,
    stopping: Option<Timestamp>,
    ended: bool,
}

impl Sandbox {
    pub(super) fn new(pod: &Pod, behaviour: &Behaviour, now: Timestamp) -> Self {
        let (spec, uid) =
            (pod.spec.clone().unwrap_or_default(), pod.metadata.uid.clone().unwrap_or_default());
        let init = spec.init_containers.iter().flatten().map(|container| {
            let restartable = container.restart_policy.as_deref() == Some("Always");
            Container::new(&uid, container, if restartable { Kind::Sidecar } else { Kind::Init })
        });
        let main = spec.containers.iter().map(|container| Container::new(&uid, container, Kind::Main));
        Self {
            start_time: now,
            address: None,
            rejected: behaviour.reject.clone(),
            containers: init.chain(main).collect(),
            number: 0,
            created: None,
            stopping: None,
            ended: behaviour.reject.is_some(),
        }
    }

    /// Nothing of it runs, and nothing will start again.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The sandbox exists.
    pub(super) fn is_created(&self) -> bool {
        self.created.is_some() && !self.ended
    }

    /// True when the sandbox is to be created now.
    pub(super) fn needs_address(&self, pod: &Pod, behaviour: &Behaviour) -> bool {
        let leaves = self.ended || self.stopping.is_some() || pod.metadata.deletion_timestamp.is_some();
        self.created.is_none() && !leaves && behaviour.volumes == Volumes::Mounted
    }

    pub(super) fn create(&mut self, address: Ipv4Addr, now: Timestamp) {
        self.address = Some(address);
        self.created = Some(now);
    }

    /// Ends every container and the sandbox, as when the machine reboots. A pod that is not restarted has ended then, if
    /// anything of it ever ran. Returns the address that is free now.
    pub(super) fn reboot(&mut self, pod: &Pod, now: Timestamp) -> Option<Ipv4Addr> {
        if self.ended {
            return None;
        }
        let mut clock = Clock::new(now);
        self.containers.iter_mut().for_each(|container| container.lose(&mut clock));
        let never = pod.spec.as_ref().is_some_and(|spec| spec.restart_policy.as_deref() == Some("Never"));
        if never && self.containers.iter().any(|container| container.starts > 0) {
            self.stopping = Some(now);
        }
        self.number += 1;
        self.created = None;
        self.address.take()
    }

    /// Ends a running container as given; `false` when it does not run.
    pub(super) fn exit(&mut self, container: &str, exit: &Exit, now: Timestamp) -> bool {
        let found = self.containers.iter_mut().find(|it| it.name == container && it.running().is_some());
        let Some(found) = found else { return false };
        found.exit(exit.clone(), &mut Clock::new(now));
        true
    }

    /// Does everything that is due, and returns when something is due next. `probe` is asked for each running container.
    pub(super) fn advance(
        &mut self,
        pod: &Pod,
        behaviour: &Behaviour,
        probe: &dyn Fn(&Container) -> Probed,
        pace: &Pace,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let Some(spec) = &pod.spec else { return None };
        if pod.metadata.deletion_timestamp.is_some() && self.stopping.is_none() && !self.ended {
            self.stopping = Some(now);
        }
        loop {
            let mut clock = Clock::new(now);
            self.probe(probe, &mut clock);
            self.step(pod, spec, behaviour, pace, &mut clock);
            if !clock.moved {
                return clock.wake;
            }
        }
    }

    fn step(&mut self, pod: &Pod, spec: &PodSpec, behaviour: &Behaviour, pace: &Pace, clock: &mut Clock) {
        if self.ended {
            return;
        }
        for container in &mut self.containers {
            container.exit_if_due(of(behaviour, &container.name), clock);
        }
        if let Some(since) = self.stopping {
            return self.stop(grace(pod, spec), since, behaviour, clock);
        }
        if self.is_done(spec) {
            self.stopping = Some(clock.now);
            clock.moved = true;
            return;
        }
        let Some(created) = self.created else { return };
        if clock.is_due(created + behaviour.start_delay) && self.initialize(spec, behaviour, pace, clock) {
            for index in self.of_kind(Kind::Main) {
                if restarts(spec, &self.containers[index]) {
                    self.start(index, spec, behaviour, pace, clock);
                }
            }
        }
    }

    /// Starts init containers in their order. True when the main containers may start.
    fn initialize(&mut self, spec: &PodSpec, behaviour: &Behaviour, pace: &Pace, clock: &mut Clock) -> bool {
        let initialized = self.is_initialized();
        for index in 0..self.containers.len() {
            match self.containers[index].kind {
                Kind::Main => break,
                Kind::Init if initialized || self.has_completed(index) => {}
                Kind::Init => {
                    if restarts(spec, &self.containers[index]) {
                        self.start(index, spec, behaviour, pace, clock);
                    }
                    return false;
                }
                Kind::Sidecar => {
                    self.start(index, spec, behaviour, pace, clock);
                    if !initialized && !self.containers[index].probed.started {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn start(&mut self, index: usize, spec: &PodSpec, behaviour: &Behaviour, pace: &Pace, clock: &mut Clock) {
        let container = &mut self.containers[index];
        if container.running().is_some() {
            return;
        }
        let all = spec.init_containers.iter().flatten().chain(&spec.containers);
        let image = all.into_iter().find(|it| it.name == container.name).and_then(|it| it.image.as_deref());
        let behaviour = of(behaviour, &container.name);
        container.start_if_due(image.unwrap_or_default(), behaviour, self.number, pace, clock);
    }

    /// Main containers get SIGTERM at once, sidecars after them in reverse order; the grace period ends with SIGKILL.
    fn stop(&mut self, grace: Duration, since: Timestamp, behaviour: &Behaviour, clock: &mut Clock) {
        let killed = clock.is_due(since + grace);
        let polite = clock.is_due(since + behaviour.stop_delay);
        let code = if polite { behaviour.stop_code.unwrap_or(TERMINATED) } else { KILLED };
        self.containers.iter_mut().for_each(Container::stop_waiting);
        let (mains, others) = (self.of_kind(Kind::Main), self.of_kind(Kind::Init));
        if polite || killed {
            mains.into_iter().for_each(|index| self.containers[index].exit(Exit::new(code, ""), clock));
        }
        for index in others {
            self.containers[index].exit(Exit::new(TERMINATED, ""), clock);
        }
        let is_main = |it: &Container| it.kind == Kind::Main && it.running().is_some();
        if self.containers.iter().any(is_main) {
            return;
        }
        for index in self.of_kind(Kind::Sidecar).into_iter().rev() {
            self.containers[index].exit(Exit::new(TERMINATED, ""), clock);
        }
        self.ended = true;
        clock.moved = true;
    }

    /// All main containers have ended for good, or an init container has failed for good.
    fn is_done(&self, spec: &PodSpec) -> bool {
        let done = |container: &Container| container.latest_end().is_some() && !restarts(spec, container);
        let failed = |it: &Container| it.kind == Kind::Init && done(it) && !succeeded(it);
        let mut mains = self.containers.iter().filter(|it| it.kind == Kind::Main);
        mains.all(done) || (!self.is_initialized() && self.containers.iter().any(failed))
    }

    /// A main container has run in this sandbox, so every init container had done its work.
    pub(super) fn is_initialized(&self) -> bool {
        self.containers.iter().any(|it| it.kind == Kind::Main && it.sandbox == Some(self.number))
    }

    fn has_completed(&self, index: usize) -> bool {
        let container = &self.containers[index];
        container.sandbox == Some(self.number) && container.ended().is_some() && succeeded(container)
    }

    fn of_kind(&self, kind: Kind) -> Vec<usize> {
        (0..self.containers.len()).filter(|index| self.containers[*index].kind == kind).collect()
    }

    fn probe(&mut self, probe: &dyn Fn(&Container) -> Probed, clock: &mut Clock) {
        for container in self.containers.iter_mut().filter(|it| it.running().is_some()) {
            let probed = probe(container);
            clock.moved |= probed != container.probed;
            container.probed = probed;
        }
    }
}

fn succeeded(container: &Container) -> bool {
    container.latest_end().is_some_and(|end| end.exit.code == 0)
}

/// True when a container that does not run is to start, for the first time or again.
fn restarts(spec: &PodSpec, container: &Container) -> bool {
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");
    match container.latest_end() {
        None => true,
        // An init container that succeeded runs again in another sandbox only.
        Some(_) if container.kind == Kind::Init && succeeded(container) => true,
        Some(end) => match policy {
            "Never" => false,
            "OnFailure" => end.exit.code != 0,
            _ => true,
        },
    }
}

fn grace(pod: &Pod, spec: &PodSpec) -> Duration {
    let asked = pod.metadata.deletion_grace_period_seconds.or(spec.termination_grace_period_seconds);
    Duration::from_secs(asked.and_then(|seconds| seconds.try_into().ok()).unwrap_or(30)).max(SHORTEST_GRACE)
}

fn of<'a>(behaviour: &'a Behaviour, name: &str) -> &'a ContainerBehaviour {
    static USUAL: std::sync::LazyLock<ContainerBehaviour> =
        std::sync::LazyLock::new(ContainerBehaviour::default);
    behaviour.containers.get(name).unwrap_or(&USUAL)
}
