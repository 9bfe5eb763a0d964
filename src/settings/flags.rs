//! Validates the flags of `run` one by one.

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;
use seinode_controller::{Scope, SidecarUrl};
use seinode_core::memory::{BadShare, Share};

use super::{
    MetricsAccess,
    admission::Admission,
    listen::{BadListen, Listen},
    problem::Problem,
    rules,
};
use crate::telemetry::LogFormat;

/// The environment variable of a flag.
pub fn variable_of(flag: &str) -> String {
    format!("SEINODE_{}", flag.to_uppercase().replace('-', "_"))
}

/// A problem of a flag; names the variable too, as the value may have come from there.
pub(super) fn problem(flag: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem::of(format!("--{flag} ({})", variable_of(flag)), reason, remedy)
}

/// An address to listen on.
pub fn listen(flag: &str, text: &str) -> Result<Listen, Problem> {
    text.parse().map_err(|why: BadListen| problem(flag, format!("is wrong: {why}"), Listen::FORMS))
}

/// The access to `/metrics`. A certificate is there only for webhooks that are served.
pub(super) fn metrics_access(
    secure: Option<bool>,
    admission: Option<&Option<Admission>>,
) -> Result<MetricsAccess, Problem> {
    match (secure, admission) {
        (Some(true), Some(None)) => Err(problem(
            "metrics-secure",
            "needs the certificate of the webhooks, and no webhooks are served",
            "leave out --disable-webhooks and --webhook-bind-address=0, or serve the metrics in plain HTTP",
        )),
        (Some(true), _) => Ok(MetricsAccess::Reviewed),
        (Some(false) | None, _) => Ok(MetricsAccess::Open),
    }
}

/// The URL template of sidecars. A template with credentials is not repeated in the message.
pub fn sidecar_url(text: &str) -> Result<SidecarUrl, Problem> {
    const FLAG: &str = "sidecar-url-template";
    let remedy = format!("write a URL such as {}", SidecarUrl::DEFAULT);
    if text.contains('@') {
        return Err(problem(FLAG, "has credentials, but sidecars need none", remedy));
    }
    SidecarUrl::parse(text).map_err(|why| problem(FLAG, format!("is not a URL template: {why}"), remedy))
}

/// The namespaces to serve; none given means all. A list that names nothing means all too, as charts render it so.
pub fn scope(names: &[String]) -> Result<Scope, Problem> {
    let wrong: Vec<String> = names
        .iter()
        .filter_map(|name| rules::dns_label(name).err().map(|reason| format!("{name:?} {reason}")))
        .collect();
    match names {
        [] => Ok(Scope::Cluster),
        [only] if only.is_empty() => Ok(Scope::Cluster),
        _ if wrong.is_empty() => {
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            Ok(Scope::Namespaces(names))
        }
        _ => Err(problem(
            "watch-namespace",
            format!("has names that no namespace can have: {}", wrong.join(", ")),
            "write names such as sei-mainnet, separated by commas",
        )),
    }
}

/// The format of log lines.
pub fn log_format(text: &str) -> Result<LogFormat, Problem> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(problem("log-format", format!("is {other:?}"), "write text or json")),
    }
}

/// The number of concurrent reconciles. Zero would mean "without bound" further down, so it is refused.
pub fn concurrency(text: &str) -> Result<u16, Problem> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        problem(
            "max-concurrent-reconciles",
            format!("is {text:?}"),
            "write a number from 1 to 65535, such as 64",
        )
    })
}

/// The number of concurrent rollouts.
pub fn rollouts(text: &str) -> Result<u16, Problem> {
    text.parse().map_err(|_| {
        problem(
            "max-concurrent-rollouts",
            format!("is {text:?}"),
            "write a number from 0 to 65535; 0 is for no limit",
        )
    })
}

/// The part of a chain's nodes that may be down at once. Zero would keep every rollout back for ever, so it is refused.
pub fn unavailable(text: &str) -> Result<Share, Problem> {
    text.parse().map_err(|why: BadShare| {
        let remedy = "write a share such as 25% or 3; 100% is for no limit";
        problem("max-unavailable-per-chain", format!("is {text:?}: {why}"), remedy)
    })
}

/// The time that `seid` has to be up before a rollout is over.
pub fn settle(text: &str) -> Result<SignedDuration, Problem> {
    let bounds = Duration::from_secs(1)..=Duration::from_hours(1);
    let parsed = duration(text).filter(|settle| bounds.contains(settle));
    parsed.and_then(|settle| settle.try_into().ok()).ok_or_else(|| {
        let remedy = "write a time from 1s to 3600s, such as 30s";
        problem("rollout-settle", format!("is {text:?}"), remedy)
    })
}

/// A duration as Go programs write it: seconds or milliseconds.
fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
    }
}

/// The interval of probing a running node's sidecar.
pub fn probe_interval(text: &str) -> Result<Duration, Problem> {
    let bounds = Duration::from_millis(100)..=Duration::from_mins(10);
    duration(text).filter(|interval| bounds.contains(interval)).ok_or_else(|| {
        problem(
            "sidecar-probe-interval",
            format!("is {text:?}"),
            "write a time from 100ms to 600s, such as 5s",
        )
    })
}

/// The spellings that Go programs accept too, since operators are configured alike.
pub(super) fn boolean(flag: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => Ok(true),
        "false" | "False" | "FALSE" | "f" | "F" | "0" => Ok(false),
        other => Err(problem(flag, format!("is {other:?}"), "write true or false")),
    }
}

/// The operator's own namespace, where the environment says it.
pub(super) fn own_namespace(environment: &BTreeMap<String, String>) -> Result<Option<String>, Problem> {
    const VARIABLE: &str = "POD_NAMESPACE";
    match environment.get(VARIABLE).filter(|name| !name.is_empty()) {
        None => Ok(None),
        Some(name) => rules::dns_label(name).map(|()| Some(name.clone())).map_err(|reason| {
            Problem::of(
                VARIABLE,
                format!("is {name:?}, which {reason}"),
                "write the namespace of the operator",
            )
        }),
    }
}
