//! Lives of pods on a machine without an API server: what the status shows after each step.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use serde_json::{Value, json};

use super::backoff::Pace;
use super::behaviour::{BEHAVIOUR, Behaviour, EXIT, End, Exit, Image, RESTART, Rejection, Volumes};
use super::probes::{Answer, ProbeKind, probed};
use super::sandbox::Sandbox;
use super::status::status;

const MILLISECOND: Duration = Duration::from_millis(1);

/// One pod on a machine whose clock the test moves.
struct Life {
    pod: Pod,
    sandbox: Sandbox,
    behaviour: Behaviour,
    answer: Option<Answer>,
    now: Timestamp,
    wake: Option<Timestamp>,
}

impl Life {
    fn begin(pod: Value) -> Self {
        Self::behaving(pod, |_| ())
    }

    fn behaving(pod: Value, change: impl FnOnce(&mut Behaviour)) -> Self {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut behaviour = Behaviour::of(&pod);
        change(&mut behaviour);
        let sandbox = Sandbox::new(&pod, &behaviour, now);
        Self { pod, sandbox, behaviour, answer: None, now, wake: None }
    }

    fn go(&mut self, by: Duration) -> PodStatus {
        self.now += by;
        if self.sandbox.needs_address(&self.pod, &self.behaviour) {
            self.sandbox.create([10, 64, 0, 1].into(), self.now);
        }
        let (pod, behaviour, answer) = (&self.pod, &self.behaviour, self.answer.as_ref());
        let probe = |container: &_| probed(pod, container, behaviour, answer);
        self.wake = self.sandbox.advance(pod, behaviour, &probe, &Pace::default(), self.now);
        self.status()
    }

    /// Goes on until something is due.
    fn next(&mut self) -> PodStatus {
        let wake = self.wake.expect("something is due");
        self.go(wake.duration_since(self.now).unsigned_abs())
    }

    fn status(&self) -> PodStatus {
        status(&self.pod, &self.sandbox, "10.65.0.1", &[], self.now)
    }

    fn delete(&mut self, grace: i64) {
        let metadata = &mut self.pod.metadata;
        metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
        metadata.deletion_grace_period_seconds = Some(grace);
    }

    fn annotate(&mut self, name: &str, value: &str) {
        self.pod.metadata.annotations.get_or_insert_default().insert(name.into(), value.into());
        self.behaviour = Behaviour::of(&self.pod);
    }
}

/// An init container, a sidecar and a main container, both with probes.
fn pod() -> Value {
    let probe = json!({ "httpGet": { "path": "/healthz", "port": 80 } });
    json!({
        "metadata": { "name": "a-0", "namespace": "n", "uid": "u", "generation": 3, "annotations": {} },
        "spec": {
            "initContainers": [
                { "name": "prepare", "image": "example.com/tool:v1" },
                { "name": "helper", "image": "example.com/helper:v1", "restartPolicy": "Always",
                  "startupProbe": probe },
            ],
            "containers": [{ "name": "main", "image": "example.com/main:v1", "readinessProbe": probe }],
        },
    })
}

fn job_pod() -> Value {
    let mut pod = pod();
    pod["spec"]["restartPolicy"] = json!("Never");
    pod
}

fn container(status: &PodStatus, name: &str) -> ContainerStatus {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    all.into_iter().find(|status| status.name == name).unwrap().clone()
}

/// State of a container in a word: `running`, the reason it waits, or its exit code.
fn state(status: &PodStatus, name: &str) -> String {
    let state = container(status, name).state.unwrap();
    let waiting = state.waiting.and_then(|waiting| waiting.reason);
    let terminated = state.terminated.map(|end| format!("exit {}", end.exit_code));
    waiting.or(terminated).unwrap_or_else(|| "running".into())
}

fn states(status: &PodStatus) -> [String; 4] {
    let [prepare, helper, main] = ["prepare", "helper", "main"].map(|name| state(status, name));
    [status.phase.clone().unwrap(), prepare, helper, main]
}

fn condition(status: &PodStatus, type_: &str) -> (String, Option<String>) {
    let found = status.conditions.iter().flatten().find(|condition| condition.type_ == type_).unwrap();
    assert_eq!(found.observed_generation, Some(3), "{type_}");
    (found.status.clone(), found.reason.clone())
}

#[test]
fn containers_start_in_order_and_probes_gate_them() {
    let mut life = Life::begin(pod());
    let acknowledged = life.status();
    assert_eq!(states(&acknowledged), ["Pending", "PodInitializing", "PodInitializing", "PodInitializing"]);
    assert_eq!((acknowledged.pod_ip, acknowledged.observed_generation), (None, Some(3)));
    assert_eq!(condition(&life.status(), "PodReadyToStartContainers").0, "False");

    life.answer = Some(Arc::new(|_| false));
    let status = life.go(MILLISECOND);
    assert_eq!(states(&status), ["Pending", "exit 0", "running", "PodInitializing"]);
    assert_eq!(status.pod_ip.as_deref(), Some("10.64.0.1"));
    assert_eq!(container(&status, "helper").started, Some(false));
    assert_eq!(condition(&status, "Initialized"), ("False".into(), Some("ContainersNotInitialized".into())));

    life.answer = Some(Arc::new(|probe| probe.kind == ProbeKind::Startup && probe.port == Some(80)));
    let status = life.go(MILLISECOND);
    assert_eq!(states(&status), ["Running", "exit 0", "running", "running"]);
    assert_eq!(condition(&status, "Initialized"), ("True".into(), None));
    assert_eq!(condition(&status, "Ready"), ("False".into(), Some("ContainersNotReady".into())));
    assert!(container(&status, "helper").ready && !container(&status, "main").ready);

    life.answer = None;
    let status = life.go(MILLISECOND);
    assert_eq!(condition(&status, "Ready"), ("True".into(), None));
    let main = container(&status, "main");
    assert!(main.container_id.unwrap().starts_with("containerd://"));
    assert!(main.image_id.starts_with("example.com/main@sha256:"));
}

#[test]
fn crash_loop_backs_off_and_keeps_last_words() {
    let mut life = Life::behaving(pod(), |behaviour| {
        let exit = Exit::new(2, "PANIC");
        behaviour.container("main").end = Some(End { after: MILLISECOND, exit });
    });
    life.go(MILLISECOND);
    let first = life.next();
    assert_eq!(states(&first), ["Running", "exit 0", "running", "exit 2"]);
    let second = life.next();
    assert_eq!(state(&second, "main"), "running", "the first restart is not delayed");
    let last = container(&second, "main").last_state.unwrap().terminated.unwrap();
    assert_eq!((last.message.as_deref(), last.reason.as_deref()), (Some("PANIC"), Some("Error")));
    assert_eq!(state(&life.next(), "main"), "exit 2");
    let waiting = life.next();
    assert_eq!(states(&waiting), ["Running", "exit 0", "running", "CrashLoopBackOff"]);
    let message = container(&waiting, "main").state.unwrap().waiting.unwrap().message.unwrap();
    assert_eq!(message, "back-off 10s restarting failed container=main pod=a-0_n(u)");
    let before = life.now;
    assert_eq!(container(&life.next(), "main").restart_count, 2);
    // 10 s, compressed to 250 ms since the end, of which 100 ms were over.
    assert_eq!(life.now.duration_since(before).as_millis(), 150);
    life.behaviour.container("main").end = None;
    assert_eq!(condition(&life.go(MILLISECOND), "Ready").0, "True");
}

#[test]
fn absent_image_is_pulled_again_with_backoff() {
    let mut life = Life::behaving(pod(), |behaviour| behaviour.container("main").image = Image::Absent);
    assert_eq!(states(&life.go(MILLISECOND)), ["Pending", "exit 0", "running", "ErrImagePull"]);
    let status = life.next();
    assert_eq!(states(&status), ["Pending", "exit 0", "running", "ImagePullBackOff"]);
    let message = container(&status, "main").state.unwrap().waiting.unwrap().message.unwrap();
    assert!(
        message.starts_with("Back-off pulling image \"example.com/main:v1\": ErrImagePull: "),
        "{message}"
    );
    life.behaviour.container("main").image = Image::Present;
    assert_eq!(condition(&life.next(), "Ready").0, "True");
    assert_eq!(container(&life.status(), "main").restart_count, 0);
}

#[test]
fn each_annotated_value_acts_once() {
    let mut life = Life::begin(pod());
    life.go(MILLISECOND);
    for (count, value) in [(1, "one"), (2, "two"), (2, "two")] {
        life.annotate(&format!("{RESTART}helper"), value);
        life.go(MILLISECOND);
        let status = life.go(Duration::from_millis(100));
        let helper = container(&status, "helper");
        assert_eq!((helper.restart_count, state(&status, "helper").as_str()), (count, "running"));
        assert_eq!(helper.last_state.unwrap().terminated.unwrap().message.as_deref(), Some(value));
        assert_eq!(container(&status, "main").restart_count, 0);
    }
    life.annotate(&format!("{EXIT}main"), "2 UPGRADE \"v2\" NEEDED");
    let ended = container(&life.go(MILLISECOND), "main").state.unwrap().terminated.unwrap();
    assert_eq!((ended.exit_code, ended.message.as_deref()), (2, Some("UPGRADE \"v2\" NEEDED")));
    assert_eq!(state(&life.next(), "main"), "running");
}

#[test]
fn deleted_pod_ends_in_order_within_its_grace() {
    let mut life = Life::behaving(pod(), |behaviour| behaviour.stop_delay = Duration::from_secs(60));
    life.go(MILLISECOND);
    life.delete(5);
    let status = life.go(MILLISECOND);
    assert_eq!(states(&status), ["Running", "exit 0", "running", "running"]);
    assert_eq!(condition(&status, "Ready").0, "True", "its containers still run");
    let status = life.next();
    assert_eq!(states(&status), ["Failed", "exit 0", "exit 143", "exit 137"]);
    assert!(life.sandbox.has_ended());
    assert_eq!(condition(&status, "Ready"), ("False".into(), Some("PodFailed".into())));

    let mut quick = Life::behaving(pod(), |behaviour| behaviour.stop_code = Some(0));
    quick.go(MILLISECOND);
    quick.delete(30);
    assert_eq!(states(&quick.go(MILLISECOND)), ["Succeeded", "exit 0", "exit 143", "exit 0"]);
}

#[test]
fn pod_without_volumes_is_pending_until_deleted() {
    let mut life = Life::behaving(pod(), |behaviour| behaviour.volumes = Volumes::Missing);
    let status = life.go(MILLISECOND);
    assert_eq!((status.pod_ip.as_deref(), status.phase.as_deref()), (None, Some("Pending")));
    life.delete(30);
    let status = life.go(MILLISECOND);
    assert_eq!(states(&status), ["Failed", "exit 137", "PodInitializing", "PodInitializing"]);
}

#[test]
fn rejected_pod_has_failed_without_containers() {
    let rejection = Rejection { reason: "OutOfcpu".into(), message: "no CPU is left".into() };
    let mut life = Life::behaving(pod(), |behaviour| behaviour.reject = Some(rejection));
    let status = life.go(MILLISECOND);
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("OutOfcpu"));
    assert_eq!(status.message.as_deref(), Some("Pod was rejected: no CPU is left"));
    assert!(status.container_statuses.is_none() && life.sandbox.has_ended());
}

#[test]
fn job_pod_ends_with_its_main_container() {
    for (behaviour, phase, exit) in [("complete", "Succeeded", "exit 0"), ("fail", "Failed", "exit 1")] {
        let mut life = Life::begin(job_pod());
        assert_eq!(states(&life.go(MILLISECOND)), ["Running", "exit 0", "running", "running"]);
        life.annotate(BEHAVIOUR, behaviour);
        let status = life.go(MILLISECOND);
        assert_eq!(states(&status), [phase, "exit 0", "exit 143", exit]);
        assert_eq!(condition(&status, "Ready").0, "False");
    }
}

#[test]
fn failed_init_container_runs_again_or_fails_the_job() {
    let fails = |behaviour: &mut Behaviour| {
        let exit = Exit::new(1, "");
        behaviour.container("prepare").end = Some(End { after: Duration::ZERO, exit });
    };
    let mut life = Life::behaving(pod(), fails);
    assert_eq!(states(&life.go(MILLISECOND)), ["Pending", "exit 1", "PodInitializing", "PodInitializing"]);
    life.next();
    assert_eq!(state(&life.next(), "prepare"), "CrashLoopBackOff");
    let mut job = Life::behaving(job_pod(), fails);
    assert_eq!(states(&job.go(MILLISECOND)), ["Failed", "exit 1", "PodInitializing", "PodInitializing"]);
}

#[test]
fn rebooted_machine_runs_init_containers_again() {
    let mut life = Life::begin(pod());
    life.go(MILLISECOND);
    life.sandbox.reboot(&life.pod, life.now);
    let lost = life.status();
    assert_eq!((lost.pod_ip.as_deref(), state(&lost, "main").as_str()), (None, "exit 255"));
    life.go(MILLISECOND);
    let status = life.go(Duration::from_secs(1));
    assert_eq!(condition(&status, "Ready").0, "True");
    for name in ["prepare", "helper", "main"] {
        assert_eq!(container(&status, name).restart_count, 1, "{name}");
    }
    let mut job = Life::begin(job_pod());
    job.go(MILLISECOND);
    job.sandbox.reboot(&job.pod, job.now);
    assert_eq!(job.go(MILLISECOND).phase.as_deref(), Some("Failed"));
}

#[test]
fn sidecar_that_crashes_leaves_the_main_container_alone() {
    let mut life = Life::begin(pod());
    let before = container(&life.go(MILLISECOND), "main");
    assert!(life.sandbox.exit("helper", &Exit::new(1, "lost"), life.now));
    let status = life.go(MILLISECOND);
    assert_eq!(states(&status), ["Running", "exit 0", "exit 1", "running"]);
    assert_eq!(condition(&status, "Ready").0, "False");
    assert_eq!(condition(&status, "Initialized").0, "True");
    let status = life.next();
    assert_eq!(container(&status, "main"), before);
    assert_eq!(condition(&status, "Ready").0, "True");
}

#[test]
fn long_termination_messages_are_cut() {
    let mut life = Life::begin(pod());
    life.go(MILLISECOND);
    life.sandbox.exit("main", &Exit::new(1, &"é".repeat(5000)), life.now);
    let message = container(&life.go(MILLISECOND), "main").state.unwrap().terminated.unwrap().message;
    assert_eq!(message.unwrap().len(), 4096);
}
