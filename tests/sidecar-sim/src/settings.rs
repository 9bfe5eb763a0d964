//! Current misbehaviour of one node or of all: delays, and rules that are used up.
//!
//! Pure. A node's own settings go before the defaults; a rule of the defaults is counted for each node apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    behaviour::{Delay, Fault, Interruption, Scope, Times},
    task_type::TaskType,
};

/// Settings of one node, or the defaults of all.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) start_delay: Option<Delay>,
    pub(crate) interruption: Option<Interruption>,
    pub(crate) task_durations: BTreeMap<TaskType, Delay>,
    pub(crate) held: BTreeSet<TaskType>,
    rules: Vec<Rule>,
}

/// A deviation and how often it happens.
#[derive(Debug)]
struct Rule {
    /// Unique among all rules of all nodes: uses are counted by it.
    number: u64,
    deviation: Deviation,
    times: Times,
}

/// One way to deviate from the contract.
#[derive(Clone, Debug)]
pub(crate) enum Deviation {
    /// Runs of this type fail with this message.
    FailTask(TaskType, String),
    /// Submissions of this type are answered 400 with this message.
    RefuseSubmit(TaskType, String),
    /// Requests meet a fault.
    Disturb(Fault, Scope),
}

/// Number of uses of each rule.
#[derive(Debug, Default)]
pub(crate) struct Uses(BTreeMap<u64, u32>);

impl Settings {
    /// Adds a rule; `number` must be new.
    pub(crate) fn add(&mut self, number: u64, deviation: Deviation, times: Times) {
        self.rules.push(Rule { number, deviation, times });
    }
}

/// Takes the first rule of `own`, then of `defaults`, that `pick` wants and that is not used up, and counts
/// the use.
pub(crate) fn take<T>(
    own: &Settings,
    defaults: &Settings,
    uses: &mut Uses,
    pick: impl Fn(&Deviation) -> Option<T>,
) -> Option<T> {
    own.rules.iter().chain(&defaults.rules).find_map(|rule| {
        let picked = pick(&rule.deviation)?;
        let used = uses.0.entry(rule.number).or_default();
        match rule.times {
            Times::Always => Some(picked),
            Times::Next(times) if *used < times => {
                *used += 1;
                Some(picked)
            }
            Times::Next(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(deviation: &Deviation) -> Option<String> {
        match deviation {
            Deviation::FailTask(TaskType::MarkReady, message) => Some(message.clone()),
            _ => None,
        }
    }

    #[test]
    fn own_rules_go_first_and_are_used_up() {
        let (mut own, mut defaults) = (Settings::default(), Settings::default());
        own.add(1, Deviation::FailTask(TaskType::ConfigApply, "other type".into()), Times::Always);
        own.add(2, Deviation::FailTask(TaskType::MarkReady, "own".into()), Times::Next(2));
        defaults.add(3, Deviation::FailTask(TaskType::MarkReady, "default".into()), Times::Next(1));
        let mut uses = Uses::default();
        let taken: Vec<_> = (0..4).map(|_| take(&own, &defaults, &mut uses, message)).collect();
        assert_eq!(taken, [Some("own".into()), Some("own".into()), Some("default".into()), None]);
    }

    #[test]
    fn each_node_counts_the_defaults_for_itself() {
        let (own, mut defaults) = (Settings::default(), Settings::default());
        defaults.add(1, Deviation::FailTask(TaskType::MarkReady, "x".into()), Times::Next(1));
        let (mut first, mut second) = (Uses::default(), Uses::default());
        assert!(take(&own, &defaults, &mut first, message).is_some());
        assert!(take(&own, &defaults, &mut second, message).is_some());
        assert!(take(&own, &defaults, &mut first, message).is_none());
    }
}
