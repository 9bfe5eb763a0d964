//! Readiness of the pod of a node that is up: its machine, its containers, and `seid` itself, in the kubelet's words.

use jiff::Timestamp;

use super::why_not::{Outlook, WhyNot};
use crate::{
    observation::{Container, Observation, Pod, UNREADY_AFTER},
    time::after,
};

/// Reason of a node whose `seid` is up and has not been ready since: nothing is wrong with it.
pub(super) const CATCHING_UP: &str = "CatchingUp";

/// Reason of a node whose pod cannot be made.
pub(crate) const POD_REFUSED: &str = "PodRefused";

/// A deletion that takes longer than it should: only a person can tell whether the machine is off.
pub(super) fn hangs(seen: &Observation) -> Option<WhyNot> {
    let (pod, since, end) = seen.hanging_pod()?;
    let machine = pod.machine.as_deref().unwrap_or("unknown");
    let signer = match pod.signing_secret {
        Some(_) => {
            "; it signs: make sure first that it does not run any more, or its successor signs beside it"
        }
        None => "",
    };
    let message = format!(
        "pod {} is being deleted since {since} and should have been gone at {end}. Look at its finalizers and at its \
         machine: `kubectl get node {machine}`. If the machine is surely off, taint it with \
         node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, or delete its Node{signer}. The operator never deletes \
         it by force",
        pod.name
    );
    Some(WhyNot { reason: "Terminating", message, outlook: Outlook::Stuck })
}

/// A pod that its controller cannot make: the API server refuses it.
pub(super) fn refused(seen: &Observation) -> Option<WhyNot> {
    let words = seen.refused()?;
    let message = format!(
        "the pod cannot be made: {words}. When that is mended its controller makes it by itself, within 17 minutes"
    );
    Some(WhyNot { reason: POD_REFUSED, message, outlook: Outlook::Stuck })
}

/// A pod that is being deleted, in its time.
pub(super) fn going(seen: &Observation) -> Option<WhyNot> {
    let (pod, (since, end)) = seen.pods.iter().find_map(|pod| Some((pod, pod.going?)))?;
    let message =
        format!("pod {} is being deleted since {since} and is gone at {end} at the latest", pod.name);
    Some(WhyNot { reason: "Terminating", message, outlook: Outlook::Moving })
}

/// Trouble of a pod in the words of the scheduler or the kubelet.
pub(super) fn trouble(pod: &Pod, now: Timestamp) -> Option<WhyNot> {
    let trouble = pod.trouble(now)?;
    let (reason, outlook) = match trouble.reason {
        // A machine may be on its way.
        "Unschedulable" => ("Unschedulable", Outlook::Moving),
        reason @ ("CrashLoopBackOff" | "DiskFull") => (reason, Outlook::Stuck),
        "VolumeNotAttaching" => ("NotServing", Outlook::Moving),
        _ => ("NotServing", Outlook::Stuck),
    };
    Some(WhyNot { reason, message: format!("pod {}: {}", pod.name, trouble.message), outlook })
}

/// Why a node whose gate is open does not serve.
pub(super) fn why_not(pod: &Pod, now: Timestamp) -> Option<WhyNot> {
    if let Some(why) = trouble(pod, now) {
        return Some(why);
    }
    let is_short = pod.ready_since.is_some_and(|since| now < after(since, UNREADY_AFTER));
    if pod.ready || is_short {
        return None;
    }
    let is_new = pod.seid_since.zip(pod.ready_since).is_some_and(|(seid, ready)| ready <= seid);
    let (reason, words, outlook) = match (pod.seid, is_new) {
        (Container::Up, true) => (CATCHING_UP, "seid is up and has not caught up yet", Outlook::Moving),
        (Container::Up, false) => {
            ("NotServing", "seid is up, and its readiness probe fails", Outlook::Moving)
        }
        (Container::Down, _) => ("NotServing", "container seid is not up", Outlook::Moving),
    };
    Some(WhyNot { reason, message: format!("pod {} is not Ready: {words}", pod.name), outlook })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::observation::{Trouble, examples};

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn ago(seconds: i64) -> Option<Timestamp> {
        Some(now() - SignedDuration::from_secs(seconds))
    }

    #[track_caller]
    fn check(pod: &Pod, expected: Option<&str>, is_stuck: bool) {
        let why = why_not(pod, now());
        assert_eq!(why.as_ref().map(|why| why.reason), expected);
        assert_eq!(why.is_some_and(|why| why.outlook == Outlook::Stuck), is_stuck);
    }

    #[test]
    fn a_pod_that_is_not_ready_is_told_after_fifteen_seconds() {
        let unready = Pod { ready: false, seid_since: ago(600), ..examples::pod() };
        check(&examples::pod(), None, false);
        check(&Pod { ready_since: ago(14), ..unready.clone() }, None, false);
        check(&Pod { ready_since: ago(15), ..unready.clone() }, Some("NotServing"), false);
        check(&Pod { ready_since: None, ..unready }, Some("NotServing"), false);
    }

    #[test]
    fn seid_that_has_not_been_ready_since_its_start_catches_up() {
        let pod = Pod { ready: false, seid_since: ago(60), ready_since: ago(61), ..examples::pod() };
        check(&pod, Some("CatchingUp"), false);
        check(&Pod { seid: Container::Down, seid_since: None, ..pod }, Some("NotServing"), false);
    }

    #[test]
    fn a_crash_loop_is_told_at_once_with_the_kubelets_words() {
        for (said, reason, is_stuck) in [
            ("CrashLoopBackOff", "CrashLoopBackOff", true),
            ("DiskFull", "DiskFull", true),
            ("ImagePullBackOff", "NotServing", true),
            ("Unschedulable", "Unschedulable", false),
        ] {
            let trouble = Trouble { reason: said, message: "last exit code 7".into(), since: None };
            let pod = Pod { ready: false, ready_since: ago(1), trouble: Some(trouble), ..examples::pod() };
            check(&pod, Some(reason), is_stuck);
            assert_eq!(why_not(&pod, now()).unwrap().message, "pod n0-0: last exit code 7");
        }
    }
}
