//! Conditions of a pod that the kubelet owns (`pkg/kubelet/status/generate.go`, 1.34). Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::container::Kind;

/// Conditions of `pod` in this phase. `others` are its conditions of before, the kubelet's and everybody else's.
pub(super) fn conditions(
    pod: &Pod,
    phase: &str,
    statuses: &[(Kind, &ContainerStatus)],
    sandbox: bool,
    others: &[PodCondition],
    now: Timestamp,
) -> Vec<PodCondition> {
    let containers_ready = containers_ready(phase, statuses);
    let ready = match &containers_ready {
        Ok(()) => gates_open(pod, others),
        Err(unready) => Err(unready.clone()),
    };
    let sandbox = if sandbox { Ok(()) } else { Err(Reason::default()) };
    let all = [
        ("PodReadyToStartContainers", sandbox),
        ("Initialized", initialized(phase, statuses)),
        ("Ready", ready),
        ("ContainersReady", containers_ready),
        ("PodScheduled", Ok(())),
    ];
    all.into_iter().map(|(type_, truth)| condition(pod, type_, truth, others, now)).collect()
}

/// Reason and message of a condition that does not hold.
#[derive(Clone, Default)]
struct Reason(Option<&'static str>, Option<String>);

fn containers_ready(phase: &str, statuses: &[(Kind, &ContainerStatus)]) -> Result<(), Reason> {
    match phase {
        "Succeeded" => return Err(Reason(Some("PodCompleted"), None)),
        "Failed" => return Err(Reason(Some("PodFailed"), None)),
        _ => {}
    }
    let counts = statuses.iter().filter(|(kind, _)| *kind != Kind::Init);
    let unready = counts.filter(|(_, status)| !status.ready).map(|(_, status)| status.name.as_str());
    none(&unready.collect::<Vec<_>>(), "ContainersNotReady", "containers with unready status")
}

fn initialized(phase: &str, statuses: &[(Kind, &ContainerStatus)]) -> Result<(), Reason> {
    let has_run = |status: &ContainerStatus| {
        let state = status.state.as_ref();
        let last = status.last_state.as_ref();
        state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
            || last.is_some_and(|last| last.terminated.is_some())
    };
    if phase == "Succeeded" || statuses.iter().any(|(kind, status)| *kind == Kind::Main && has_run(status)) {
        return Ok(());
    }
    let incomplete = statuses.iter().filter(|(kind, status)| match kind {
        Kind::Init => !status.ready,
        Kind::Sidecar => status.started != Some(true),
        Kind::Main => false,
    });
    let names = incomplete.map(|(_, status)| status.name.as_str()).collect::<Vec<_>>();
    none(&names, "ContainersNotInitialized", "containers with incomplete status")
}

fn gates_open(pod: &Pod, others: &[PodCondition]) -> Result<(), Reason> {
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let shut: Vec<String> = gates
        .filter_map(|gate| {
            let name = &gate.condition_type;
            match others.iter().find(|condition| condition.type_ == *name) {
                None => {
                    Some(format!("corresponding condition of pod readiness gate \"{name}\" does not exist."))
                }
                Some(condition) if condition.status != "True" => Some(format!(
                    "the status of pod readiness gate \"{name}\" is not \"True\", but {}",
                    condition.status
                )),
                Some(_) => None,
            }
        })
        .collect();
    if shut.is_empty() { Ok(()) } else { Err(Reason(Some("ReadinessGatesNotReady"), Some(shut.join(", ")))) }
}

fn none(names: &[&str], reason: &'static str, what: &str) -> Result<(), Reason> {
    if names.is_empty() {
        Ok(())
    } else {
        Err(Reason(Some(reason), Some(format!("{what}: [{}]", names.join(" ")))))
    }
}

fn condition(
    pod: &Pod,
    type_: &str,
    truth: Result<(), Reason>,
    others: &[PodCondition],
    now: Timestamp,
) -> PodCondition {
    let status = if truth.is_ok() { "True" } else { "False" };
    let Reason(reason, message) = truth.err().unwrap_or_default();
    let before = others.iter().find(|other| other.type_ == type_ && other.status == status);
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        message,
        observed_generation: pod.metadata.generation,
        last_transition_time: before
            .and_then(|before| before.last_transition_time.clone())
            .or(Some(Time(now))),
        last_probe_time: None,
    }
}
