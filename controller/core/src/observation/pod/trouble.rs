//! Why a pod does not get on: the words of the scheduler and of the kubelet, without anything that changes from second to
//! second.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1 as k8s;

use super::condition;

/// Why a pod does not get on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Machine-readable: a reason of condition RolloutBlocked.
    pub reason: &'static str,
    /// In words.
    pub message: String,
    /// It counts from then on: until then it is the ordinary beginning of a pod.
    pub since: Option<Timestamp>,
}

/// Reason of a pod that the scheduler finds no machine for.
pub(crate) const UNSCHEDULABLE: &str = "Unschedulable";
/// Longest time that a volume may take until its pod's containers can be made.
const ATTACH: SignedDuration = SignedDuration::from_secs(30);

/// The first thing that keeps a pod from running.
pub(super) fn of(status: &k8s::PodStatus) -> Option<Trouble> {
    let trouble = |reason, message| Some(Trouble { reason, message, since: None });
    if let Some(scheduled) = condition(Some(status), "PodScheduled").filter(|it| it.status == "False") {
        let words = scheduled.message.as_deref().unwrap_or("the scheduler gave no reason");
        return trouble(UNSCHEDULABLE, format!("pod is not scheduled: {words}"));
    }
    let init = status.init_container_statuses.iter().flatten().map(|it| (Role::Init, it));
    let main = status.container_statuses.iter().flatten().map(|it| (Role::Main, it));
    let lives = !matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let waits = init.chain(main).find_map(|(role, container)| {
        waiting(role, container).or_else(|| crashed_again(role, container).filter(|_| lives))
    });
    waits.or_else(|| unattached(status))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Init,
    Main,
}

fn waiting(role: Role, container: &k8s::ContainerStatus) -> Option<Trouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let kubelet = waiting.reason.as_deref()?;
    // These two are the ordinary beginning of every container.
    if ["PodInitializing", "ContainerCreating"].contains(&kubelet) {
        return None;
    }
    let reason = match kubelet {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => "ImagePullBackOff",
        "CrashLoopBackOff" if role == Role::Init && container.name != super::SIDECAR => {
            "InitContainerFailing"
        }
        "CrashLoopBackOff" => "CrashLoopBackOff",
        _ => "ContainerCannotStart",
    };
    let exit = container.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    let reason = exit.and_then(of_disk).unwrap_or(reason);
    // The kubelet goes to and fro between an error and the pause after it.
    let state = if reason == "ImagePullBackOff" { reason } else { kubelet };
    let words = waiting.message.as_deref().map(last_words).filter(|words| !words.is_empty());
    let message = match (exit, words) {
        (Some(exit), _) => format!("container {} is in {state}, {}", container.name, ending(exit)),
        (None, Some(words)) if reason == "ContainerCannotStart" => {
            format!("container {} is in {state}: {words}", container.name)
        }
        (None, _) => format!("container {} is in {state}: image {}", container.name, container.image),
    };
    Some(Trouble { reason, message, since: None })
}

/// Between two pauses a container that fails again and again runs or has just ended: nothing has got better.
fn crashed_again(role: Role, container: &k8s::ContainerStatus) -> Option<Trouble> {
    let state = container.state.as_ref().filter(|_| container.restart_count > 0)?;
    let last = container.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    let is_init = role == Role::Init && container.name != super::SIDECAR;
    let exit = match (&state.terminated, &state.running) {
        (Some(exit), _) => exit,
        // It has to end before anything else begins.
        (None, Some(_)) if is_init => last?,
        _ => return None,
    };
    let reason = if is_init { "InitContainerFailing" } else { "CrashLoopBackOff" };
    let message = format!("container {} is in CrashLoopBackOff, {}", container.name, ending(exit));
    (exit.exit_code != 0).then_some(Trouble { reason: of_disk(exit).unwrap_or(reason), message, since: None })
}

/// Characters of a container's last words that are repeated.
const WORDS: usize = 300;

/// The end of a container: its exit code, the kubelet's reason where that says more, and its last words.
fn ending(exit: &k8s::ContainerStateTerminated) -> String {
    let code = exit.exit_code;
    let reason = exit.reason.as_deref().filter(|reason| !reason.eq_ignore_ascii_case("error"));
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let words = exit.message.as_deref().map(last_words).unwrap_or_default();
    let words = if words.is_empty() { words } else { format!(": {words}") };
    format!("last exit code {code}{reason}{words}")
}

/// The last words of a container, in one line.
fn last_words(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let skipped = line.chars().count().saturating_sub(WORDS);
    line.chars().skip(skipped).collect()
}

fn of_disk(exit: &k8s::ContainerStateTerminated) -> Option<&'static str> {
    let words = exit.message.as_deref().unwrap_or_default().to_lowercase();
    words.contains("no space left on device").then_some("DiskFull")
}

/// The kubelet makes a pod's sandbox when its volumes are there; it does not say which one is missing.
fn unattached(status: &k8s::PodStatus) -> Option<Trouble> {
    let scheduled = condition(Some(status), "PodScheduled").filter(|it| it.status == "True")?;
    condition(Some(status), "PodReadyToStartContainers").filter(|it| it.status == "False")?;
    let since = scheduled.last_transition_time.as_ref().map(|at| crate::time::after(at.0, ATTACH));
    let message = "its containers cannot be made yet: a volume is not attached, or its network is not set up; \
                   `kubectl describe pod` has the kubelet's words";
    Some(Trouble { reason: "VolumeNotAttaching", message: message.to_owned(), since })
}
