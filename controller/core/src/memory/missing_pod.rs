//! The pod that a node is to have and has not: since when, and what its controller reports about it.

use std::time::Duration;

use crate::{
    observation::{PodRefusal, REPORT_AGAIN},
    rate::Monotonic,
};

/// Time after which a missing pod is more than the ordinary beginning of one.
const AFTER: Duration = Duration::from_secs(5);
/// Time between two looks at the events of its controller.
const AGAIN: Duration = Duration::from_secs(REPORT_AGAIN.as_secs().unsigned_abs());

/// A pod that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPod {
    /// UID of the controller that is to make it.
    controller: String,
    /// Time of the next look at its events.
    pub(crate) due: Monotonic,
    /// Its last report.
    pub(crate) report: Option<PodRefusal>,
}

impl MissingPod {
    /// The pod of this controller, missing since now; one whose refusal was reported before is looked at again at once.
    pub(crate) fn of(controller: &str, told: Told, now: Monotonic) -> Self {
        let due = match told {
            Told::Before => now,
            Told::Not => now.after(AFTER),
        };
        Self { controller: controller.to_owned(), due, report: None }
    }

    /// True if it is the pod of this controller.
    pub(crate) fn is_of(&self, controller: &str) -> bool {
        self.controller == controller
    }

    /// Records what its controller reports.
    pub(crate) fn note(&mut self, report: PodRefusal, now: Monotonic) {
        self.report = Some(report);
        self.due = now.after(AGAIN);
    }
}

/// Refusal of a pod in the stored conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// They report it.
    Before,
    /// They do not.
    Not,
}
