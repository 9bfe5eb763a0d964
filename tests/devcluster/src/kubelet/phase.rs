//! Phase of a pod, by the rules of the kubelet (`getPhase` in `pkg/kubelet/kubelet_pods.go`, 1.34). Pure.

use k8s_openapi::api::core::v1::{ContainerStatus, PodSpec};

use super::container::Kind;

/// Counts by which the phase is decided.
#[derive(Default)]
struct Counts {
    pending_init: usize,
    pending_sidecars: usize,
    failed_init: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    stopped_for_good: usize,
    succeeded: usize,
}

/// Phase of a pod with these containers; `ended` when nothing of it will run again.
pub(super) fn phase(
    spec: &PodSpec,
    statuses: &[(Kind, &ContainerStatus)],
    ended: bool,
    initialized: bool,
) -> &'static str {
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");
    let mut counts = Counts::default();
    for (kind, status) in statuses {
        count(&mut counts, *kind, status, policy);
    }
    let Counts {
        pending_init,
        pending_sidecars,
        failed_init,
        running,
        waiting,
        stopped,
        stopped_for_good,
        succeeded,
    } = counts;
    let outcome = if stopped == succeeded { "Succeeded" } else { "Failed" };
    if failed_init > 0 && policy == "Never" {
        "Failed"
    } else if pending_init > 0 || (pending_sidecars > 0 && !initialized) || waiting > 0 {
        "Pending"
    } else if running > 0 {
        "Running"
    } else if stopped > 0 {
        if ended || stopped == stopped_for_good { outcome } else { "Running" }
    } else {
        "Pending"
    }
}

fn count(counts: &mut Counts, kind: Kind, status: &ContainerStatus, policy: &str) {
    let state = status.state.clone().unwrap_or_default();
    let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    let code = state.terminated.as_ref().or(last).map(|end| end.exit_code);
    let runs = state.running.is_some();
    match (kind, runs, code) {
        (Kind::Init, true, _) | (Kind::Init, false, None) => counts.pending_init += 1,
        (Kind::Init, false, Some(code)) => counts.failed_init += usize::from(code != 0),
        (Kind::Sidecar, true, _) => {
            counts.pending_sidecars += usize::from(status.started != Some(true));
            counts.running += 1;
        }
        (Kind::Sidecar, false, None) => {
            counts.pending_sidecars += 1;
            counts.waiting += 1;
        }
        // A sidecar that ended does not count.
        (Kind::Sidecar, false, Some(_)) => {}
        (Kind::Main, true, _) => counts.running += 1,
        (Kind::Main, false, None) => counts.waiting += 1,
        (Kind::Main, false, Some(code)) => {
            counts.stopped += 1;
            let for_good = policy == "Never" || (policy == "OnFailure" && code == 0);
            counts.stopped_for_good += usize::from(for_good);
            counts.succeeded += usize::from(state.terminated.is_some() && code == 0);
        }
    }
}
