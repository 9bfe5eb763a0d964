//! `observe-seid`: the last task of a plan that starts `seid`. Before its gate opens the container only waits.

use seinode_api::status::SidecarStatus;

use super::{Step, Until, starting, wait};
use crate::{
    failure::Class,
    intent::Intent,
    observation::{Container, Halt, Observation, Pod},
    query::Query,
    sidecar::Health,
    time::after,
};

/// Meaning of a crash for the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// It has failed.
    Fails,
    /// It waits for a person.
    Holds,
}

/// Done once the pod is Ready, or `seid` has been up long enough, or has halted on purpose. An update whose `seid` crashes has
/// failed; a new node is not prepared again for it, which could undo what its volume has.
pub(crate) fn observe_seid(
    crash: Crash,
    intent: &Intent,
    sidecar: Option<&SidecarStatus>,
    seen: &Observation,
) -> Step {
    let Some(pod) = seen.pod() else {
        return wait("the pod was replaced and its successor does not exist yet", Until::Event);
    };
    match &seen.gate {
        Some(Ok(Health::Ready)) => {}
        Some(Ok(Health::NotReady)) => {
            return Step::Reopen("the sidecar was restarted before seid was seen to run".into());
        }
        Some(Err(silence)) => return wait(&silence.to_string(), Until::Retry(Class::Transient)),
        None if pod.ip.is_some() => return Step::Fetch(Query::Health),
        None => return starting(pod, seen.now),
    }
    // It ran, and stays down until it gets what it halted for: its last words are in condition Ready.
    let halted = match pod.halt {
        Some(Halt::Upgrade) => true,
        Some(Halt::Ended) => intent.halts(),
        None => false,
    };
    if pod.ready || halted {
        return Step::Done;
    }
    if let Some(trouble) = pod.trouble(seen.now) {
        return match crash {
            Crash::Fails => Step::Hopeless(trouble.message.clone()),
            Crash::Holds => wait(&trouble.message, Until::Retry(Class::User)),
        };
    }
    if pod.seid == Container::Down {
        return starting(pod, seen.now);
    }
    let settled = after(up_since(pod, sidecar).unwrap_or(seen.now), seen.settle);
    match seen.now >= settled {
        true => Step::Done,
        false => wait("seid is up; it has to stay up, or to become ready", Until::At(settled)),
    }
}

/// Time since which `seid` is up and its gate is open; `None` until that is stored.
fn up_since(pod: &Pod, sidecar: Option<&SidecarStatus>) -> Option<jiff::Timestamp> {
    let opened = sidecar.filter(|it| it.opened_pod.as_ref() == Some(&pod.uid))?.opened_at.as_ref()?.0;
    Some(pod.seid_since.map_or(opened, |since| since.max(opened)))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;
    use crate::{
        node::Owner,
        observation::{Trouble, examples},
        platform::{Bucket, ResultExport},
    };

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    /// A node whose gate is open and whose pod is as given.
    fn seen(pod: Pod) -> Observation {
        let bucket = Bucket { name: "b".into(), region: "r".into() };
        let mut seen = Observation::empty(now(), ResultExport { bucket, prefix: "p".into() });
        seen.stateful_set = Some(examples::workload());
        assert_eq!(seen.stateful_set.as_ref().unwrap().owner, Owner::Us);
        seen.pods = vec![pod];
        seen.gate = Some(Ok(Health::Ready));
        seen
    }

    /// The intent of a full node with this more in its spec.
    fn intent(more: &str) -> Intent {
        let spec = format!("{{chainId: c, image: 'seid:1', fullNode: {{}}{more}}}");
        let node = format!("{{metadata: {{name: n0, namespace: sei}}, spec: {spec}}}");
        Intent::parse(&serde_norway::from_str(&node).unwrap()).unwrap()
    }

    fn unready() -> Pod {
        Pod { ready: false, ..examples::pod() }
    }

    fn opened(seconds_ago: i64) -> SidecarStatus {
        let at = now() - SignedDuration::from_secs(seconds_ago);
        let opened_pod = Some(examples::pod().uid);
        SidecarStatus { opened_pod, opened_at: Some(MicroTime(at)), ..SidecarStatus::default() }
    }

    #[track_caller]
    fn waits(step: &Step, until: Until) {
        assert!(matches!(step, Step::Wait(wait) if wait.until == until), "{step:?}");
    }

    #[test]
    fn a_ready_pod_is_enough() {
        assert_eq!(observe_seid(Crash::Fails, &intent(""), None, &seen(examples::pod())), Step::Done);
    }

    #[test]
    fn seid_that_catches_up_has_to_stay_up_for_a_while() {
        let observe =
            |pod, sidecar: &SidecarStatus| observe_seid(Crash::Fails, &intent(""), Some(sidecar), &seen(pod));
        assert_eq!(observe(unready(), &opened(30)), Step::Done);
        waits(&observe(unready(), &opened(29)), Until::At(now() + SignedDuration::from_secs(1)));
        let restarted = Pod { seid_since: Some(now() - SignedDuration::from_secs(5)), ..unready() };
        waits(&observe(restarted, &opened(300)), Until::At(now() + SignedDuration::from_secs(25)));
        let of_another_pod = SidecarStatus { opened_pod: Some("other".into()), ..opened(300) };
        waits(&observe(unready(), &of_another_pod), Until::At(now() + SignedDuration::from_secs(30)));
        waits(&observe(Pod { seid: Container::Down, ..unready() }, &opened(300)), Until::Event);
    }

    #[test]
    fn a_crash_fails_an_update_and_holds_a_new_node() {
        let trouble = Trouble { reason: "CrashLoopBackOff", message: "exit code 3".into(), since: None };
        let pod = Pod { trouble: Some(trouble), seid: Container::Down, ..unready() };
        let observe = |crash| observe_seid(crash, &intent(""), Some(&opened(300)), &seen(pod.clone()));
        assert_eq!(observe(Crash::Fails), Step::Hopeless("exit code 3".into()));
        waits(&observe(Crash::Holds), Until::Retry(Class::User));
    }

    #[test]
    fn a_gate_that_is_shut_again_is_opened_again() {
        let mut shut = seen(unready());
        shut.gate = Some(Ok(Health::NotReady));
        assert!(matches!(observe_seid(Crash::Holds, &intent(""), None, &shut), Step::Reopen(_)));
        shut.gate = None;
        assert_eq!(observe_seid(Crash::Holds, &intent(""), None, &shut), Step::Fetch(Query::Health));
    }

    #[test]
    fn seid_that_halted_on_purpose_does_not_hold_its_plan() {
        let trouble = Trouble { reason: "CrashLoopBackOff", message: "exit code 2".into(), since: None };
        let down = Pod { trouble: Some(trouble), seid: Container::Down, ..unready() };
        let observe = |halt, more: &str, crash| {
            let pod = Pod { halt, ..down.clone() };
            observe_seid(crash, &intent(more), Some(&opened(1)), &seen(pod))
        };
        let height = ", overrides: {chain.halt_height: '7'}";
        let off = ", overrides: {chain.halt_height: '0'}";
        for crash in [Crash::Fails, Crash::Holds] {
            assert_eq!(observe(Some(Halt::Upgrade), "", crash), Step::Done);
            assert_eq!(observe(Some(Halt::Ended), height, crash), Step::Done);
        }
        let failed = Step::Hopeless("exit code 2".into());
        assert_eq!(observe(Some(Halt::Ended), off, Crash::Fails), failed, "nothing told it to halt");
        assert_eq!(observe(None, height, Crash::Fails), failed);
    }
}
