//! Validates the settings of leader election.

use std::collections::BTreeMap;

use super::{
    flags::{boolean, own_namespace, problem},
    problem::{Findings, Problem, Problems},
    rules,
};
use crate::clients::Source;

/// Settings of leader election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// Namespace of the Lease; `None` for the namespace of the credentials.
    pub namespace: Option<String>,
}

impl Election {
    /// Validates the flags; `None` when there is no election. By default there is one in a pod, where somebody may run
    /// several replicas, and none elsewhere.
    ///
    /// # Errors
    /// All that is wrong, also of what is switched off.
    pub fn parse(
        elect: Option<&str>,
        namespace: &str,
        cluster: &Source,
        environment: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, Problems> {
        let mut findings = Findings::default();
        let elect = match elect {
            Some(text) => findings.take(boolean("leader-elect", text)),
            None => Some(*cluster == Source::Pod),
        };
        let namespace = findings.take(match namespace {
            "" => own_namespace(environment),
            name => named(name).map(Some),
        });
        let assemble = || {
            let election = Self { namespace: namespace? };
            Some(elect?.then_some(election))
        };
        let whole = assemble();
        findings.conclude(whole)
    }
}

fn named(name: &str) -> Result<String, Problem> {
    rules::dns_label(name).map(|()| name.to_owned()).map_err(|reason| {
        problem(
            "leader-election-namespace",
            format!("is {name:?}, which {reason}"),
            "write the name of a namespace, such as sei-system",
        )
    })
}
