//! Identities of plans and tasks. They are derived, never drawn, so that a restarted operator and two
//! operators that both believe to lead name the same work by the same id.

use std::fmt;

use jiff::Timestamp;
use uuid::{Uuid, uuid};

use crate::task_type::TaskType;

/// Namespace of task ids (contract: plans-tasks-sidecar §3.1).
const TASK_NAMESPACE: Uuid = uuid!("b7e89c3a-4f12-4d8b-9a6e-1c2d3e4f5a6b");
/// Namespace of plan ids; ours, nobody else derives them.
const PLAN_NAMESPACE: Uuid = uuid!("5f0c9d0e-6f6b-4c55-8a43-0e1d6ad0b1c7");
/// Namespace of intent hashes; ours.
const TARGET_NAMESPACE: Uuid = uuid!("e2a1f0d3-5b7c-4e19-9d55-7c3f0b6a2e84");

/// Identity of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanId(Uuid);

/// Identity of one attempt at a task: what the sidecar knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(Uuid);

/// Goal of a plan: a hash of the spec that it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(Uuid);

impl PlanId {
    /// The id of a plan that is made for a node and a target at a moment.
    ///
    /// The moment makes it fresh even when an earlier status was lost. It need not be reproducible: a plan
    /// is stored before its first effect, and only one of two rival plans can be stored.
    #[must_use]
    pub fn derive(node_uid: &str, kind: &str, target: Target, made_at: Timestamp) -> Self {
        let name = format!("{node_uid}/{kind}/{target}/{}", made_at.as_nanosecond());
        Self(Uuid::new_v5(&PLAN_NAMESPACE, name.as_bytes()))
    }

    /// Reads a stored id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl TaskId {
    /// Reads a stored id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }

    /// The id of attempt `attempt` at the task at `index` of a plan; attempt 0 has the original's id.
    #[must_use]
    pub fn derive(plan: PlanId, task: TaskType, index: usize, attempt: u32) -> Self {
        let name = match attempt {
            0 => format!("{plan}/{task}/{index}"),
            again => format!("{plan}/{task}/{index}/{again}"),
        };
        Self(Uuid::new_v5(&TASK_NAMESPACE, name.as_bytes()))
    }
}

impl Target {
    /// The hash of a serialised spec.
    #[must_use]
    pub fn of(canonical_spec: &[u8]) -> Self {
        Self(Uuid::new_v5(&TARGET_NAMESPACE, canonical_spec))
    }

    /// Reads a stored hash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }

    /// Its first half, where many are kept.
    #[must_use]
    pub(crate) fn short(&self) -> String {
        format!("{:016x}", self.0.as_u64_pair().0)
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> PlanId {
        PlanId::parse("11111111-2222-4333-8444-555555555555").unwrap()
    }

    #[test]
    fn first_attempts_have_the_ids_of_the_original() {
        let id = |task, index| TaskId::derive(vector(), task, index, 0).to_string();
        assert_eq!(id(TaskType::MarkReady, 4), "04649042-c028-53f1-b739-5a90162cc6d3");
        assert_eq!(id(TaskType::EnsureDataPvc, 0), "859d8a92-8a4f-5ce6-a0b0-ace7c5793bc4");
    }

    #[test]
    fn every_attempt_has_an_id_of_its_own_that_is_the_same_after_a_restart() {
        let id = |attempt| TaskId::derive(vector(), TaskType::DiscoverPeers, 5, attempt);
        assert_ne!(id(0), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(id(2), id(2));
    }

    #[test]
    fn a_plan_made_later_or_for_another_spec_has_another_id() {
        let of = |spec: &str, second| {
            let target = Target::of(spec.as_bytes());
            PlanId::derive("uid", "Init", target, Timestamp::from_second(second).unwrap())
        };
        assert_ne!(of("a", 1), of("a", 2));
        assert_ne!(of("a", 1), of("b", 1));
        assert_eq!(of("a", 1), of("a", 1));
    }
}
