//! Times in status that cannot be right: another leader's clock may be ahead, and a clock may be set back.
//!
//! A time that lies in the future although it is past, or absurdly far ahead, would keep a node waiting for as long. What is
//! read is brought to where it could be at most; the next status write stores it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use seinode_api::SeiNodeStatus;

use crate::time::{after, stored};

/// Clocks of two machines differ by this much without harm.
const SKEW: SignedDuration = SignedDuration::from_secs(2);
/// The longest pause before the next attempt at a task, and some.
const TASK_PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// The longest pause before the next plan, and some.
const PLAN_PAUSE: SignedDuration = SignedDuration::from_mins(6);

/// Clamps the times that a decision goes by.
pub(super) fn times(status: &mut SeiNodeStatus, now: Timestamp) {
    if let Some(plan) = &mut status.plan {
        within(&mut plan.next_attempt, now, PLAN_PAUSE);
        for task in &mut plan.tasks {
            within(&mut task.not_before, now, TASK_PAUSE);
            past(&mut task.submitted_at, now);
        }
    }
    for background in &mut status.background {
        past(&mut background.submitted_at, now);
    }
    for repair in &mut status.repairs {
        for time in &mut repair.times {
            *time = no_later(time, now, SKEW, now);
        }
    }
    if let Some(sidecar) = &mut status.sidecar {
        for time in [&mut sidecar.last_lost, &mut sidecar.last_healed].into_iter().flatten() {
            if time.0 > after(now, SKEW) {
                *time = MicroTime(stored(now).0);
            }
        }
    }
}

/// A time that is past.
fn past(time: &mut Option<Time>, now: Timestamp) {
    if let Some(time) = time {
        *time = no_later(time, now, SKEW, now);
    }
}

/// A time that is at most `pause` ahead.
fn within(time: &mut Option<Time>, now: Timestamp, pause: SignedDuration) {
    if let Some(time) = time {
        *time = no_later(time, now, pause, after(now, pause));
    }
}

fn no_later(time: &Time, now: Timestamp, tolerated: SignedDuration, otherwise: Timestamp) -> Time {
    if time.0 > after(now, tolerated) { stored(otherwise) } else { time.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seinode_api::status::{PlanStatus, TaskStatus};

    fn at(second: i64) -> Option<Time> {
        Some(Time(Timestamp::from_second(second).unwrap()))
    }

    #[test]
    fn times_that_cannot_be_right_are_clamped() {
        let task = TaskStatus { submitted_at: at(9_999), not_before: at(9_999), ..TaskStatus::default() };
        let plan = PlanStatus { next_attempt: at(9_999), tasks: vec![task], ..PlanStatus::default() };
        let mut status = SeiNodeStatus { plan: Some(plan), ..SeiNodeStatus::default() };
        times(&mut status, Timestamp::from_second(1_000).unwrap());
        let plan = status.plan.unwrap();
        assert_eq!(plan.next_attempt, at(1_360));
        assert_eq!(plan.tasks[0].not_before, at(1_060));
        assert_eq!(plan.tasks[0].submitted_at, at(1_000));
    }

    #[test]
    fn times_that_can_be_right_stay() {
        let task = TaskStatus { submitted_at: at(1_001), not_before: at(1_030), ..TaskStatus::default() };
        let plan = PlanStatus { next_attempt: at(1_330), tasks: vec![task], ..PlanStatus::default() };
        let mut status = SeiNodeStatus { plan: Some(plan), ..SeiNodeStatus::default() };
        let before = status.clone();
        times(&mut status, Timestamp::from_second(1_000).unwrap());
        assert_eq!(status, before);
    }
}
