//! One container of a pod: pulls its image, runs, ends, backs off and starts again. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;

use super::backoff::{Backoff, Pace};
use super::behaviour::{ContainerBehaviour, EXIT, Exit, Image, RESTART};

/// Exit code of a process that is ended by SIGKILL.
pub(super) const KILLED: i32 = 137;
/// Exit code of a process that is ended by SIGTERM.
pub(super) const TERMINATED: i32 = 143;
/// Exit code that containerd reports of a container that a reboot ended.
const LOST: i32 = 255;

/// Place of a container in the life of its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Runs to its end before the next one starts.
    Init,
    /// Restartable init container: the next one starts when it has started.
    Sidecar,
    /// Starts after all init containers.
    Main,
}

/// Time of one step, and when the next one is due.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) now: Timestamp,
    pub(super) wake: Option<Timestamp>,
    pub(super) moved: bool,
}

impl Clock {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, wake: None, moved: false }
    }

    /// True when the time has come; otherwise notes when to look again.
    pub(super) fn is_due(&mut self, at: Timestamp) -> bool {
        if at > self.now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        at <= self.now
    }
}

/// A container as its runtime knows it.
#[derive(Clone, Debug)]
pub(super) struct Container {
    /// UID of its pod.
    pod: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) state: State,
    /// End of the run before this one.
    pub(super) last: Option<Ended>,
    /// Number of starts.
    pub(super) starts: i32,
    /// Sandbox in which it ran last, by number.
    pub(super) sandbox: Option<u32>,
    pub(super) probed: Probed,
    crashes: Backoff,
    pulls: Backoff,
    /// Values of one-time annotations that were honoured.
    honoured: BTreeMap<&'static str, String>,
    /// The last end was a [`RESTART`]: no back-off.
    at_once: bool,
}

/// State of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting(Waiting),
    Running(Running),
    Ended(Ended),
}

/// Waits for its turn, or with a reason until a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) reason: Option<&'static str>,
    pub(super) message: String,
    until: Option<Timestamp>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) since: Timestamp,
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) run: Running,
    pub(super) exit: Exit,
    pub(super) finished: Timestamp,
}

/// Results of the probes of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) started: bool,
    pub(super) ready: bool,
}

const ERR_PULL: &str = "ErrImagePull";
const PULL_BACKOFF: &str = "ImagePullBackOff";
const CRASH_BACKOFF: &str = "CrashLoopBackOff";

impl Container {
    pub(super) fn new(pod: &str, spec: &api::Container, kind: Kind) -> Self {
        Self {
            pod: pod.to_owned(),
            name: spec.name.clone(),
            kind,
            state: State::Waiting(Waiting::default()),
            last: None,
            starts: 0,
            sandbox: None,
            probed: Probed::default(),
            crashes: Backoff::default(),
            pulls: Backoff::default(),
            honoured: BTreeMap::new(),
            at_once: false,
        }
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.state {
            State::Running(run) => Some(run),
            State::Waiting(_) | State::Ended(_) => None,
        }
    }

    pub(super) fn ended(&self) -> Option<&Ended> {
        match &self.state {
            State::Ended(ended) => Some(ended),
            State::Waiting(_) | State::Running(_) => None,
        }
    }

    /// End of its latest run, also while it waits for the next one.
    pub(super) fn latest_end(&self) -> Option<&Ended> {
        match &self.state {
            State::Ended(ended) => Some(ended),
            State::Waiting(_) => self.last.as_ref(),
            State::Running(_) => None,
        }
    }

    pub(super) fn exit(&mut self, exit: Exit, clock: &mut Clock) {
        if let State::Running(run) = &self.state {
            self.state = State::Ended(Ended { run: run.clone(), exit, finished: clock.now });
            self.probed = Probed::default();
            clock.moved = true;
        }
    }

    /// Waits no longer for another run: the last one counts.
    pub(super) fn stop_waiting(&mut self) {
        if let (State::Waiting(_), Some(last)) = (&self.state, &self.last) {
            self.state = State::Ended(last.clone());
        }
    }

    /// The machine went down under it.
    pub(super) fn lose(&mut self, clock: &mut Clock) {
        self.exit(Exit { reason: Some("Unknown".into()), ..Exit::new(LOST, "") }, clock);
    }

    /// Ends its run if its behaviour says so.
    pub(super) fn exit_if_due(&mut self, behaviour: &ContainerBehaviour, clock: &mut Clock) {
        let Some(since) = self.running().map(|run| run.since) else { return };
        match (&behaviour.end, self.kind) {
            (Some(end), _) if clock.is_due(since + end.after) => return self.exit(end.exit.clone(), clock),
            // An init container has its work done at once.
            (None, Kind::Init) => return self.exit(Exit::new(0, &behaviour.report), clock),
            _ => {}
        }
        let new = behaviour.once.iter().find(|(name, value)| self.honoured.get(**name) != Some(*value));
        let Some((name, value)) = new else { return };
        self.honoured.insert(name, value.clone());
        let exit = match *name {
            EXIT => {
                let (code, message) = value.split_once(' ').unwrap_or((value, ""));
                Exit::new(code.parse().unwrap_or(1), message)
            }
            _ => Exit::new(1, value),
        };
        self.at_once = *name == RESTART;
        self.exit(exit, clock);
    }

    /// Starts it if nothing holds it back: neither its back-off nor its image.
    pub(super) fn start_if_due(
        &mut self,
        image: &str,
        behaviour: &ContainerBehaviour,
        sandbox: u32,
        pace: &Pace,
        clock: &mut Clock,
    ) {
        if let State::Ended(ended) = &self.state {
            let finished = ended.finished;
            if !clock.is_due(finished + pace.relist) {
                return;
            }
            let until = self.crashes.until(finished, pace);
            let mut waiting = Waiting::default();
            if !self.at_once && until > clock.now {
                waiting = Waiting {
                    reason: Some(CRASH_BACKOFF),
                    message: format!(
                        "back-off {} restarting failed container={}",
                        self.crashes.words(),
                        self.name
                    ),
                    until: Some(until),
                };
            }
            let ended = std::mem::replace(&mut self.state, State::Waiting(waiting));
            if let State::Ended(ended) = ended {
                self.last = Some(ended);
            }
            clock.moved = true;
        }
        let State::Waiting(waiting) = &self.state else { return };
        if waiting.until.is_some_and(|until| !clock.is_due(until)) {
            return;
        }
        match (waiting.reason, behaviour.image) {
            (Some(ERR_PULL), _) => {
                let message = format!("Back-off pulling image \"{image}\": {ERR_PULL}: {}", waiting.message);
                let until = self.pulls.until(clock.now, pace);
                self.wait(PULL_BACKOFF, message, until, clock);
            }
            (_, Image::Absent) => {
                self.pulls.attempted(clock.now, clock.now, pace);
                let message = format!(
                    "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": \
                     {image}: not found"
                );
                self.wait(ERR_PULL, message, clock.now + pace.relist, clock);
            }
            (_, Image::Present) => self.start(sandbox, pace, clock),
        }
    }

    fn wait(&mut self, reason: &'static str, message: String, until: Timestamp, clock: &mut Clock) {
        self.state = State::Waiting(Waiting { reason: Some(reason), message, until: Some(until) });
        clock.moved = true;
    }

    fn start(&mut self, sandbox: u32, pace: &Pace, clock: &mut Clock) {
        if let (Some(last), false) = (&self.last, self.at_once) {
            self.crashes.attempted(last.finished, clock.now, pace);
        }
        self.at_once = false;
        self.starts += 1;
        self.sandbox = Some(sandbox);
        self.probed = Probed::default();
        let id = digest(format!("{}/{}/{}", self.pod, self.name, self.starts));
        self.state = State::Running(Running { id, since: clock.now });
        clock.moved = true;
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: impl AsRef<[u8]>) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
