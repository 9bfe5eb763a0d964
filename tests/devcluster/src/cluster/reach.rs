//! From where a cluster's API server is reached, and what the addresses of its Services are.

use std::net::Ipv4Addr;

use super::Nodes;
use crate::host;

/// A client of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Programs of this machine.
    Loopback,
    /// Pods too, at the address that they know this machine by, and by its Service.
    Pods,
}

impl Reach {
    pub(super) fn of(nodes: Nodes) -> Self {
        match nodes {
            Nodes::Simulated => Self::Loopback,
            Nodes::Real => Self::Pods,
        }
    }

    /// Its address.
    pub(super) fn address(self) -> Ipv4Addr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST,
            Self::Pods => host::ADDRESS,
        }
    }

    /// The addresses of Services.
    pub(super) fn services(self) -> &'static str {
        match self {
            Self::Loopback => "10.0.0.0/16",
            Self::Pods => host::SERVICES,
        }
    }

    /// Under which names it is called; other servers of the cluster are called at loopback.
    pub(super) fn names(self) -> Vec<String> {
        let here = ["127.0.0.1", "localhost"].map(str::to_owned);
        let there = match self {
            Self::Loopback => vec![],
            Self::Pods => {
                let names = ["10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
                let mut names: Vec<_> = names.map(str::to_owned).into();
                names.extend([host::ADDRESS.to_string(), "kubernetes.default.svc.cluster.local".to_owned()]);
                names
            }
        };
        here.into_iter().chain(there).collect()
    }
}
