//! Status of a pod as a kubelet writes it (`generateAPIPodStatus` in `pkg/kubelet/kubelet_pods.go`, 1.34). Pure.
//!
//! Left out: resources, users and mounts of containers, which nobody here changes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container as Spec, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conditions::conditions;
use super::container::{Container, Ended, KILLED, Kind, State, digest};
use super::phase::phase;
use super::sandbox::Sandbox;

/// Longest termination messages of all containers of a pod together, in bytes.
const MESSAGES: usize = 12 << 10;

/// The parts of the status of `pod` that the kubelet owns. `others` are its conditions of before.
pub(super) fn status(
    pod: &Pod,
    sandbox: &Sandbox,
    host: &str,
    others: &[PodCondition],
    now: Timestamp,
) -> PodStatus {
    let start_time = Some(time(sandbox.start_time));
    let observed_generation = pod.metadata.generation;
    if let Some(rejection) = &sandbox.rejected {
        return PodStatus {
            phase: Some("Failed".into()),
            reason: Some(rejection.reason.clone()),
            message: Some(format!("Pod was rejected: {}", rejection.message)),
            start_time,
            observed_generation,
            ..PodStatus::default()
        };
    }
    let spec = pod.spec.clone().unwrap_or_default();
    let specs: Vec<&Spec> = spec.init_containers.iter().flatten().chain(&spec.containers).collect();
    let longest_message = MESSAGES / specs.len().max(1);
    let mut statuses: Vec<(Kind, ContainerStatus)> = sandbox
        .containers
        .iter()
        .zip(specs)
        .map(|(container, spec)| (container.kind, container_status(pod, container, spec, longest_message)))
        .collect();
    if sandbox.has_ended() {
        mark_unknown(&mut statuses);
    }
    let seen: Vec<(Kind, &ContainerStatus)> = statuses.iter().map(|(kind, status)| (*kind, status)).collect();
    let initialized = sandbox.containers.iter().any(|it| it.kind == Kind::Main && it.running().is_some());
    let phase = match phase(&spec, &seen, sandbox.has_ended(), initialized) {
        "Pending" | "Running" if sandbox.has_ended() => "Failed",
        phase => phase,
    };
    let now = second(now);
    let conditions = conditions(pod, phase, &seen, sandbox.is_created(), others, now);
    let address = match spec.host_network {
        Some(true) => sandbox.address.map(|_| host.to_owned()),
        _ => sandbox.address.map(|address| address.to_string()),
    };
    let (main, init): (Vec<_>, Vec<_>) = statuses.into_iter().partition(|(kind, _)| *kind == Kind::Main);
    let mut main: Vec<_> = main.into_iter().map(|(_, status)| status).collect();
    main.sort_by(|one, other| one.name.cmp(&other.name));
    PodStatus {
        phase: Some(phase.to_owned()),
        start_time,
        observed_generation,
        host_ip: Some(host.to_owned()),
        host_ips: Some(vec![HostIP { ip: host.to_owned() }]),
        pod_ips: address.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip: address,
        conditions: Some(conditions),
        init_container_statuses: (!init.is_empty())
            .then(|| init.into_iter().map(|(_, status)| status).collect()),
        container_statuses: Some(main),
        ..PodStatus::default()
    }
}

fn container_status(pod: &Pod, container: &Container, spec: &Spec, longest: usize) -> ContainerStatus {
    let image = spec.image.clone().unwrap_or_default();
    let latest = match &container.state {
        State::Running(run) => Some(run),
        State::Ended(end) => Some(&end.run),
        State::Waiting(_) => container.last.as_ref().map(|end| &end.run),
    };
    let has_run = latest.is_some();
    let completed = container.ended().is_some_and(|end| end.exit.code == 0);
    ContainerStatus {
        name: container.name.clone(),
        image_id: if has_run { image_id(&image) } else { String::new() },
        image,
        container_id: latest.map(|run| container_id(&run.id)),
        restart_count: (container.starts - 1).max(0),
        ready: container.probed.ready || (container.kind == Kind::Init && completed),
        started: Some(container.probed.started),
        state: Some(state(pod, container, longest)),
        last_state: container
            .last
            .as_ref()
            .map(|end| ContainerState { terminated: Some(terminated(end, longest)), ..Default::default() }),
        ..ContainerStatus::default()
    }
}

fn state(pod: &Pod, container: &Container, longest: usize) -> ContainerState {
    match &container.state {
        State::Running(run) => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(time(run.since)) }),
            ..ContainerState::default()
        },
        State::Ended(end) => {
            ContainerState { terminated: Some(terminated(end, longest)), ..ContainerState::default() }
        }
        State::Waiting(waiting) => {
            let init =
                pod.spec.as_ref().is_some_and(|spec| spec.init_containers.iter().flatten().count() > 0);
            let turn = if init { "PodInitializing" } else { "ContainerCreating" };
            let reason = waiting.reason.unwrap_or(turn);
            let message = match waiting.reason {
                None => None,
                Some("CrashLoopBackOff") => Some(format!("{} pod={}", waiting.message, described(pod))),
                Some(_) => Some(waiting.message.clone()),
            };
            ContainerState {
                waiting: Some(ContainerStateWaiting { reason: Some(reason.to_owned()), message }),
                ..ContainerState::default()
            }
        }
    }
}

fn terminated(end: &Ended, longest: usize) -> ContainerStateTerminated {
    let usual = if end.exit.code == 0 { "Completed" } else { "Error" };
    let message = &end.exit.message;
    let cut = (0..=longest.min(message.len())).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    ContainerStateTerminated {
        exit_code: end.exit.code,
        reason: Some(end.exit.reason.clone().unwrap_or_else(|| usual.to_owned())),
        message: (cut > 0).then(|| message[..cut].to_owned()),
        started_at: Some(time(end.run.since)),
        finished_at: Some(time(end.finished)),
        container_id: Some(container_id(&end.run.id)),
        signal: None,
    }
}

/// Marks containers without a known end as failed, as far as their turn had come (`TerminatePod` in
/// `pkg/kubelet/status`).
fn mark_unknown(statuses: &mut [(Kind, ContainerStatus)]) {
    let has_run = |status: &ContainerStatus| {
        let waits = status.state.as_ref().is_some_and(|state| state.waiting.is_some());
        !waits || status.last_state.is_some()
    };
    let count = statuses.iter().filter(|(kind, _)| *kind != Kind::Main).count();
    let (init, main) = statuses.split_at_mut(count);
    let initialized = init.last().is_none_or(|(kind, status)| match kind {
        Kind::Init => status.ready,
        Kind::Sidecar | Kind::Main => has_run(status),
    });
    let initialized = initialized || main.iter().any(|(_, status)| has_run(status));
    // The first init container counts in any case.
    let reached = init.iter().rposition(|(_, status)| has_run(status)).unwrap_or(0);
    let main = if initialized { main } else { &mut [] };
    for (_, status) in init.iter_mut().take(reached + 1).chain(main) {
        if status.state.as_ref().is_none_or(|state| state.terminated.is_none()) {
            let terminated = ContainerStateTerminated {
                exit_code: KILLED,
                reason: Some("ContainerStatusUnknown".into()),
                message: Some("The container could not be located when the pod was terminated".into()),
                ..ContainerStateTerminated::default()
            };
            status.state = Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() });
        }
    }
}

fn described(pod: &Pod) -> String {
    let metadata = &pod.metadata;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}_{}({})", part(&metadata.name), part(&metadata.namespace), part(&metadata.uid))
}

fn container_id(id: &str) -> String {
    format!("containerd://{id}")
}

/// Name of the image without its tag, and a digest made from the whole name.
fn image_id(image: &str) -> String {
    if image.contains('@') {
        return image.to_owned();
    }
    let slash = image.rfind('/').map_or(0, |slash| slash + 1);
    let name = image[slash..].find(':').map_or(image, |colon| &image[..slash + colon]);
    format!("{name}@sha256:{}", digest(image))
}

/// The API keeps whole seconds.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn time(at: Timestamp) -> Time {
    Time(second(at))
}
