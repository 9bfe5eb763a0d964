//! Settings of the controller, fixed at start.

use std::time::Duration;

use seinode_core::{memory::RolloutPolicy, platform::Platform};

use crate::{fence::Fence, lease::Election};

/// Settings of the controller, fixed at start.
pub struct Settings {
    /// Client of the watches: no read timeout, the watcher has its own idle timeout.
    pub watch_client: kube::Client,
    /// Client of all other requests: with deadlines, without automatic retries. Behind `fence`: it sends nothing that
    /// changes anything while that is shut.
    pub client: kube::Client,
    /// Permission of this process to change anything.
    pub fence: Fence,
    /// Election in which it comes to lead; `None` when it is the only one.
    pub election: Option<Election>,
    /// Namespaces that are served.
    pub scope: Scope,
    /// Platform settings.
    pub platform: Platform,
    /// Template of the URL at which a node's sidecar is reached.
    pub sidecar_url: SidecarUrl,
    /// Name of this process in events: the pod's name.
    pub instance: String,
    /// Number of nodes that may be worked on at once.
    pub concurrency: u16,
    /// Bounds of rollouts.
    pub rollouts: RolloutPolicy,
    /// Interval at which the sidecar of a node that runs is queried for the state of its gate.
    pub probe_interval: Duration,
    /// Longest time that running passes may go on after the shutdown began.
    pub drain: Duration,
}

/// Namespaces that are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Cluster,
    /// These, sorted and without repetition.
    Namespaces(Vec<String>),
}

/// Template of the sidecar's base URL, with the placeholders `{podIP} {name} {namespace} {port}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidecarUrl {
    template: String,
}

/// Why a text is no template of a sidecar URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSidecarUrl {
    /// The sidecar speaks plain HTTP (sidecar contract).
    #[error("{0:?} does not begin with http://")]
    NotHttp(String),
    /// A placeholder that nothing fills.
    #[error("{{{0}}} is not one of the placeholders {{podIP}} {{name}} {{namespace}} {{port}}")]
    UnknownPlaceholder(String),
    /// Nothing tells one node's sidecar from another's.
    #[error("it needs {{podIP}}, or {{name}} and {{namespace}}: otherwise all nodes would share one sidecar")]
    Ambiguous,
}

impl SidecarUrl {
    /// The template that reaches a pod by its address.
    pub const DEFAULT: &'static str = "http://{podIP}:{port}";

    /// Checks a template.
    ///
    /// # Errors
    /// When it is not plain HTTP, has an unknown placeholder, or does not tell nodes apart.
    pub fn parse(template: &str) -> Result<Self, BadSidecarUrl> {
        if !template.starts_with("http://") {
            return Err(BadSidecarUrl::NotHttp(template.to_owned()));
        }
        for part in template.split('{').skip(1) {
            let placeholder = part.split('}').next().unwrap_or(part);
            if !["podIP", "name", "namespace", "port"].contains(&placeholder) {
                return Err(BadSidecarUrl::UnknownPlaceholder(placeholder.to_owned()));
            }
        }
        let by_name = template.contains("{name}") && template.contains("{namespace}");
        if !by_name && !template.contains("{podIP}") {
            return Err(BadSidecarUrl::Ambiguous);
        }
        Ok(Self { template: template.trim_end_matches('/').to_owned() })
    }

    /// The base URL of one sidecar, without a trailing slash. An IPv6 address is put in brackets.
    #[must_use]
    pub fn of(&self, pod_ip: std::net::IpAddr, namespace: &str, name: &str, port: u16) -> String {
        let host = match pod_ip {
            std::net::IpAddr::V4(v4) => v4.to_string(),
            std::net::IpAddr::V6(v6) => format!("[{v6}]"),
        };
        self.template
            .replace("{podIP}", &host)
            .replace("{namespace}", namespace)
            .replace("{name}", name)
            .replace("{port}", &port.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(template: &str, ip: &str) -> String {
        SidecarUrl::parse(template).unwrap().of(ip.parse().unwrap(), "ns", "n", 7777)
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(of(SidecarUrl::DEFAULT, "10.0.0.7"), "http://10.0.0.7:7777");
        assert_eq!(of(SidecarUrl::DEFAULT, "fd00::7"), "http://[fd00::7]:7777");
        assert_eq!(of("http://127.0.0.1:1/{namespace}/{name}/", "10.0.0.7"), "http://127.0.0.1:1/ns/n");
    }

    #[test]
    fn a_bad_template_is_refused_with_the_reason() {
        let why = |template| SidecarUrl::parse(template).unwrap_err().to_string();
        assert!(why("https://{podIP}").contains("does not begin with http://"));
        assert!(why("http://{podIp}:1").contains("{podIp} is not one of the placeholders"));
        assert!(why("http://{name}.example").contains("all nodes would share one sidecar"));
    }
}
