//! Settings of the process: flags and environment become typed values, once, at start.
//!
//! Pure: flags and environment are passed in. All problems are reported together.

pub mod admission;
pub mod election;
pub mod flags;
pub mod listen;
pub mod platform;
mod problem;
mod rules;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use seinode_controller::{Scope, SidecarUrl};
use seinode_core::{memory::RolloutPolicy, platform::Platform};

use self::{admission::Admission, election::Election, problem::Findings};
pub use self::{
    listen::Listen,
    problem::{Problem, Problems},
};
use crate::{
    cli::RunArgs,
    clients::Source,
    telemetry::{self, LogFilter, LogFormat},
};

/// Access to `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Everybody, in plain HTTP.
    Open,
    /// Tokens that may get the path `/metrics`, through TLS with the certificate of the webhooks.
    Reviewed,
}

/// All settings of `run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address of `/metrics`.
    pub metrics: Listen,
    /// Access to `/metrics`.
    pub metrics_access: MetricsAccess,
    /// Address of `/livez` and `/readyz`.
    pub health: Listen,
    /// Leader election; `None` when this is the only one.
    pub election: Option<Election>,
    /// The admission webhooks; `None` when none is served.
    pub admission: Option<Admission>,
    /// Namespaces that are served.
    pub scope: Scope,
    /// URL template of sidecars.
    pub sidecar_url: SidecarUrl,
    /// Concurrent reconciles.
    pub concurrency: u16,
    /// Concurrent rollouts; 0 for no limit.
    pub rollouts: RolloutPolicy,
    /// Interval of probing a running node's sidecar.
    pub probe_interval: Duration,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Filter of log lines.
    pub log_filter: LogFilter,
    /// Name of this process in events.
    pub instance: String,
    /// Source of the API server's address and the credentials.
    pub cluster: Source,
    /// Platform settings.
    pub platform: Platform,
}

impl Settings {
    /// Validates flags and environment.
    ///
    /// # Errors
    /// All problems: flags first, then the platform variables, both in the order of the help.
    pub fn parse(flags: &RunArgs, environment: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let RunArgs {
            metrics_bind_address,
            metrics_secure,
            health_probe_bind_address,
            webhooks,
            leader_elect,
            leader_election_namespace,
            sidecar_url_template,
            watch_namespace,
            log_format,
            max_concurrent_reconciles,
            max_concurrent_rollouts,
            max_unavailable_per_chain,
            rollout_settle,
            sidecar_probe_interval,
        } = flags;
        let mut findings = Findings::default();
        let metrics = findings.take(flags::listen("metrics-bind-address", metrics_bind_address));
        let health = findings.take(flags::listen("health-probe-bind-address", health_probe_bind_address));
        let admission = findings.take_all(Admission::parse(webhooks, environment));
        let secure = findings.take(flags::boolean("metrics-secure", metrics_secure));
        let metrics_access = findings.take(flags::metrics_access(secure, admission.as_ref()));
        let cluster = Source::of(environment);
        let election = findings.take_all(Election::parse(
            leader_elect.as_deref(),
            leader_election_namespace,
            &cluster,
            environment,
        ));
        let sidecar_url = findings.take(flags::sidecar_url(sidecar_url_template));
        let scope = findings.take(flags::scope(watch_namespace));
        let log_format = findings.take(flags::log_format(log_format));
        let concurrency = findings.take(flags::concurrency(max_concurrent_reconciles));
        let concurrent = findings.take(flags::rollouts(max_concurrent_rollouts));
        let unavailable = findings.take(flags::unavailable(max_unavailable_per_chain));
        let settle = findings.take(flags::settle(rollout_settle));
        let probe_interval = findings.take(flags::probe_interval(sidecar_probe_interval));
        let log_filter = findings.take(log_filter(environment));
        let platform = findings.take_all(platform::parse(environment));
        let rollouts = || {
            let concurrent = concurrent?.into();
            Some(RolloutPolicy { concurrent, unavailable: unavailable?, settle: settle? })
        };
        let assemble = || {
            Some(Self {
                metrics: metrics?,
                metrics_access: metrics_access?,
                health: health?,
                election: election?,
                admission: admission?,
                scope: scope?,
                sidecar_url: sidecar_url?,
                concurrency: concurrency?,
                rollouts: rollouts()?,
                probe_interval: probe_interval?,
                log_format: log_format?,
                log_filter: log_filter?,
                instance: instance(environment),
                cluster,
                platform: platform?,
            })
        };
        let whole = assemble();
        findings.conclude(whole)
    }
}

fn log_filter(environment: &BTreeMap<String, String>) -> Result<LogFilter, Problem> {
    match environment.get(telemetry::FILTER_VARIABLE).filter(|text| !text.is_empty()) {
        None => Ok(LogFilter::default()),
        Some(text) => LogFilter::parse(text).map_err(|why| {
            Problem::of(
                telemetry::FILTER_VARIABLE,
                format!("is {text:?}, which is not a log filter: {why}"),
                "write directives such as info or warn,seinode_controller=debug",
            )
        }),
    }
}

/// The pod's name. Kubernetes sets HOSTNAME to it; POD_NAME is the explicit way.
fn instance(environment: &BTreeMap<String, String>) -> String {
    /// Longest `reportingInstance` that the API server takes in an event.
    const LONGEST: usize = 128;
    let name = ["POD_NAME", "HOSTNAME"]
        .iter()
        .find_map(|variable| environment.get(*variable).filter(|name| !name.is_empty()));
    name.map_or("seinode-operator", String::as_str).chars().take(LONGEST).collect()
}
