//! Standing of a node by its pod, for rollout slots: what its replacement would take from its chain.

use super::{Container, Deletion, Pod, Run};

/// Standing of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its pod is Ready.
    Serves,
    /// Its pod is not Ready. Its `seid` may run all the same: catch up, sign, or sit on a machine that nobody hears of.
    NotReady,
    /// Its `seid` does not run: the container fails again and again, or cannot be made.
    Crashing,
    /// It has no pod that could run anything: none exists, it has ended, or it was never scheduled.
    Absent,
}

impl Standing {
    /// Standing of the node that has this pod.
    #[must_use]
    pub fn of(pod: Option<&Pod>) -> Self {
        let Some(pod) = pod.filter(|pod| pod.run == Run::Lives) else { return Self::Absent };
        if pod.deletion == Deletion::Requested {
            return Self::NotReady;
        }
        if pod.ready {
            return Self::Serves;
        }
        // One that counts only after a while is the ordinary beginning of a pod.
        let trouble = pod.trouble.as_ref().filter(|trouble| trouble.since.is_none());
        match trouble.map(|trouble| trouble.reason) {
            Some("Unschedulable") => Self::Absent,
            Some(_) if pod.seid == Container::Down => Self::Crashing,
            _ => Self::NotReady,
        }
    }

    /// True if the node is surely down, so that a rollout takes nothing away.
    #[must_use]
    pub fn is_surely_down(self) -> bool {
        matches!(self, Self::Crashing | Self::Absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Trouble, examples};

    fn troubled(reason: &'static str, seid: Container) -> Pod {
        let trouble = Some(Trouble { reason, message: String::new(), since: None });
        Pod { ready: false, trouble, seid, ..examples::pod() }
    }

    #[test]
    fn only_what_surely_runs_nothing_is_surely_down() {
        let unready = Pod { ready: false, ..examples::pod() };
        let ended = Pod { run: Run::Ended, ..unready.clone() };
        let going = Pod { deletion: Deletion::Requested, ..examples::pod() };
        for (pod, expected) in [
            (None, Standing::Absent),
            (Some(examples::pod()), Standing::Serves),
            (Some(unready), Standing::NotReady),
            (Some(ended), Standing::Absent),
            (Some(going), Standing::NotReady),
            (Some(troubled("Unschedulable", Container::Down)), Standing::Absent),
            (Some(troubled("CrashLoopBackOff", Container::Down)), Standing::Crashing),
            (Some(troubled("ImagePullBackOff", Container::Down)), Standing::Crashing),
            (Some(troubled("CrashLoopBackOff", Container::Up)), Standing::NotReady),
        ] {
            assert_eq!(Standing::of(pod.as_ref()), expected, "{pod:?}");
        }
    }

    #[test]
    fn a_volume_that_is_still_attached_is_no_crash() {
        let mut pod = troubled("VolumeNotAttaching", Container::Down);
        pod.trouble.as_mut().unwrap().since = Some(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(Standing::of(Some(&pod)), Standing::NotReady);
    }
}
