//! Behaviour of a pod on its machine: what its annotations, its images and a test's [`Play`](super::Play) ask for.
//! Pure.
//!
//! Annotations may stand on a pod template or on a running pod; each sync reads them anew.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt as _;

/// Behaviour of the main containers: [`CRASH_LOOP`], [`IMAGE_PULL_FAILURE`], and for pods that are not restarted
/// [`COMPLETE`] or [`FAIL`]. Removing the annotation heals the pod.
pub const BEHAVIOUR: &str = "devcluster/behaviour";
/// The main containers exit with 1, again and again.
pub const CRASH_LOOP: &str = "crash-loop";
/// The image of the first main container cannot be pulled, wherever the pod uses it.
pub const IMAGE_PULL_FAILURE: &str = "image-pull-failure";
/// The main containers exit with 0.
pub const COMPLETE: &str = "complete";
/// The main containers exit with 1.
pub const FAIL: &str = "fail";
/// A duration such as `5s`: how long the first container waits after the sandbox exists.
pub const START_DELAY: &str = "devcluster/start-delay";
/// A duration: how long the main containers take to end after SIGTERM. The grace period cuts it short with SIGKILL.
pub const STOP_DELAY: &str = "devcluster/stop-delay";
/// A duration: how long a main container runs before it exits as [`BEHAVIOUR`] says. Without it the container exits so
/// early that no status shows it running.
pub const RUN_FOR: &str = "devcluster/run-for";
/// Reason, such as `OutOfcpu`, with which the kubelet rejects the pod at admission.
pub const REJECT: &str = "devcluster/reject";
/// Prefix of the annotation that restarts a container once for each new value; the name of the container follows.
/// The container starts again at once. The value is its termination message.
pub const RESTART: &str = "devcluster/restart.";
/// Prefix of the annotation that ends a container once for each new value; the name of the container follows. The
/// value is the exit code and, after a space, the termination message. The back-off applies.
pub const EXIT: &str = "devcluster/exit.";

/// Part of an image's name that cannot be pulled.
pub const ABSENT_IMAGE: &str = "does-not-exist";
/// Part of a main container's image that exits with 42 again and again.
pub const CRASHING_IMAGE: &str = "exits-with-42";
/// Part of a main container's image: the pod's first init container exits with 1 again and again.
pub const INIT_FAILING_IMAGE: &str = "init-fails";
/// Part of a main container's image: a volume is never attached, so the pod gets no sandbox and no address.
pub const VOLUMELESS_IMAGE: &str = "volume-missing";
/// Part of a main container's image that runs and never becomes ready.
pub const HALTED_IMAGE: &str = "halted";

/// Behaviour of one pod.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Rejects the pod at admission, before anything of it starts.
    pub reject: Option<Rejection>,
    /// State of the volumes of the pod.
    pub volumes: Volumes,
    /// Delay between the sandbox and the first container.
    pub start_delay: Duration,
    /// Time that the main containers take to end after SIGTERM.
    pub stop_delay: Duration,
    /// Exit code of the main containers after SIGTERM; 143 unless given.
    pub stop_code: Option<i32>,
    /// Behaviour of single containers, by name. A container without an entry runs and is ready when its probes say so.
    pub containers: BTreeMap<String, ContainerBehaviour>,
}

/// Rejection by the kubelet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Reason in the pod's status, such as `OutOfcpu`.
    pub reason: String,
    /// Message after `Pod was rejected: `.
    pub message: String,
}

/// State of the volumes of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volumes {
    /// Mounted.
    #[default]
    Mounted,
    /// Not yet: the pod gets no sandbox.
    Missing,
}

/// Behaviour of one container.
#[derive(Clone, Debug, Default)]
pub struct ContainerBehaviour {
    /// Availability of its image.
    pub image: Image,
    /// End of each of its runs; without one it runs for ever.
    pub end: Option<End>,
    /// Readiness while it runs.
    pub readiness: Readiness,
    /// Termination message of an init container that has done its work.
    pub(super) report: String,
    /// Values of [`RESTART`] and [`EXIT`], by annotation.
    pub(super) once: BTreeMap<&'static str, String>,
}

/// Availability of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Image {
    /// Pulled at once.
    #[default]
    Present,
    /// The registry does not have it.
    Absent,
}

/// Readiness of a running container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// As its probes say.
    #[default]
    Probed,
    /// Never ready.
    Never,
}

/// End of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Run time before it.
    pub after: Duration,
    /// Exit code and termination message.
    pub exit: Exit,
}

/// End of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: i32,
    /// Reason in the status, such as `OOMKilled`; `Completed` for code 0 and `Error` for others unless given.
    pub reason: Option<String>,
    /// Termination message.
    pub message: String,
}

impl Exit {
    /// Exits with `code` and a termination message, which may be empty.
    #[must_use]
    pub fn new(code: i32, message: &str) -> Self {
        Self { code, reason: None, message: message.to_owned() }
    }
}

impl Behaviour {
    /// Behaviour of the container of this name, for changing.
    pub fn container(&mut self, name: &str) -> &mut ContainerBehaviour {
        self.containers.entry(name.to_owned()).or_default()
    }

    /// Reads annotations and images.
    pub(super) fn of(pod: &Pod) -> Self {
        let mut behaviour = Self::default();
        let Some(spec) = &pod.spec else { return behaviour };
        behaviour.read_annotations(pod);
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            if image(container).contains(ABSENT_IMAGE) {
                behaviour.container(&container.name).image = Image::Absent;
            }
        }
        for container in &spec.containers {
            let image = image(container);
            if image.contains(CRASHING_IMAGE) {
                behaviour.container(&container.name).end =
                    Some(End { after: Duration::ZERO, exit: Exit::new(42, "") });
            }
            if image.contains(HALTED_IMAGE) {
                behaviour.container(&container.name).readiness = Readiness::Never;
            }
            if image.contains(VOLUMELESS_IMAGE) {
                behaviour.volumes = Volumes::Missing;
            }
            if let (true, Some(first)) =
                (image.contains(INIT_FAILING_IMAGE), spec.init_containers.iter().flatten().next())
            {
                behaviour.container(&first.name).end =
                    Some(End { after: Duration::ZERO, exit: Exit::new(1, "") });
            }
        }
        behaviour
    }

    fn read_annotations(&mut self, pod: &Pod) {
        let annotations = pod.annotations();
        let duration = |name| annotations.get(name).and_then(|value| parse_duration(value));
        let Some(spec) = &pod.spec else { return };
        self.start_delay = duration(START_DELAY).unwrap_or_default();
        self.stop_delay = duration(STOP_DELAY).unwrap_or_default();
        self.reject = annotations.get(REJECT).map(|reason| Rejection {
            reason: reason.clone(),
            message: format!("the machine refuses the pod ({REJECT})"),
        });
        let end = |after, code| Some(End { after, exit: Exit::new(code, "") });
        let run_for = duration(RUN_FOR);
        let end = match annotations.get(BEHAVIOUR).map(String::as_str) {
            Some(CRASH_LOOP) => end(run_for.unwrap_or_default(), 1),
            Some(COMPLETE) => end(run_for.unwrap_or_default(), 0),
            Some(FAIL) => end(run_for.unwrap_or_default(), 1),
            Some(IMAGE_PULL_FAILURE) => {
                let absent = spec.containers.first().map(image);
                let all = spec.init_containers.iter().flatten().chain(&spec.containers);
                for container in all.filter(|container| Some(image(container)) == absent) {
                    self.container(&container.name).image = Image::Absent;
                }
                None
            }
            _ => None,
        };
        for container in &spec.containers {
            if end.is_some() {
                self.container(&container.name).end.clone_from(&end);
            }
        }
        for prefix in [RESTART, EXIT] {
            for (name, value) in annotations.range(prefix.to_owned()..) {
                let Some(container) = name.strip_prefix(prefix) else { break };
                self.container(container).once.insert(prefix, value.clone());
            }
        }
    }
}

fn image(container: &Container) -> &str {
    container.image.as_deref().unwrap_or_default()
}

/// `None` for what is not a duration: a typing error must not stop a machine.
fn parse_duration(value: &str) -> Option<Duration> {
    let duration: SignedDuration = value
        .parse()
        .inspect_err(|error| tracing::warn!(value, %error, "the annotation is not a valid duration"))
        .ok()?;
    duration.try_into().ok()
}
