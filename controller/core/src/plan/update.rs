//! The plan that brings a node that runs to what its spec asks for now (plans-tasks-sidecar §2.4).

use super::init;
use crate::{
    intent::{Intent, Mode, Role},
    task_type::TaskType,
};

/// Need of the sidecar: it has to be given the configuration anew, or has it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configuration {
    /// It has.
    Changed,
    /// It has it already.
    Same,
}

/// Task that the sidecar carries on with: it has to be handed over for the first time, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Background {
    /// It has.
    Begins,
    /// There is none, or it goes on.
    GoesOn,
}

/// The tasks that bring a node up to date. Only observe-seid comes after mark-ready.
pub(crate) fn tasks(intent: &Intent, configuration: Configuration, background: Background) -> Vec<TaskType> {
    let mut tasks = Vec::new();
    if intent.key_secrets().is_some() {
        tasks.extend([TaskType::ValidateSigningKey, TaskType::ValidateNodeKey]);
    }
    tasks.extend([TaskType::ApplyStatefulset, TaskType::ApplyService]);
    tasks.extend([TaskType::ReplacePod, TaskType::ObserveImage]);
    if configuration == Configuration::Changed {
        tasks.push(TaskType::ConfigApply);
        tasks.extend(peers(intent));
        tasks.push(TaskType::ConfigValidate);
    }
    if background == Background::Begins {
        tasks.extend(init::background(&intent.mode));
    }
    tasks.extend([TaskType::MarkReady, TaskType::ObserveSeid]);
    tasks
}

/// Task that writes peers that config-apply cannot name.
fn peers(intent: &Intent) -> Option<TaskType> {
    if let Mode::Validator { role: Role::Genesis(_), .. } = &intent.mode {
        return Some(TaskType::SetGenesisPeers);
    }
    intent.discovers_peers().then_some(TaskType::DiscoverPeers)
}
