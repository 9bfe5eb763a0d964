//! Charts on a local cluster, as the real helm renders and installs them.
//!
//! Two things differ from a real cluster. No container runs, so a replica of a Deployment is a process on this machine
//! ([`Replica`]). Pods have no network, so a Service leads to a port on loopback ([`serve`]).

mod guardrails;
mod helm;
mod mounts;
mod replica;
mod service;

pub use guardrails::Guardrails;
pub use helm::{Helm, objects};
pub use replica::Replica;
pub use service::serve;

use crate::ClusterError;

/// Why something of a chart could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// Helm could not be run.
    #[error("cannot run helm: {0}")]
    Run(#[from] std::io::Error),
    /// Helm does not take the chart or the values.
    #[error("helm cannot {what} {chart}: {message}")]
    Refused {
        /// The attempted action.
        what: &'static str,
        /// The chart.
        chart: String,
        /// Message of helm.
        message: String,
    },
    /// The output is not a list of objects.
    #[error("helm rendered something else than objects: {0}")]
    Malformed(#[from] serde_norway::Error),
    /// An object lacks something that every object of its kind has.
    #[error("the chart rendered an object without {0}")]
    Incomplete(&'static str),
    /// A Deployment wants something of its pod that nothing here plays.
    #[error("{0}: nothing plays that for a process on this machine")]
    Unplayed(String),
    /// The API server refuses an object.
    #[error("{name}: {source}")]
    Api {
        /// Its kind and name.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The account of a replica cannot be used.
    #[error(transparent)]
    Account(#[from] ClusterError),
}

impl ChartError {
    fn api(name: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let name = name.into();
        |source| Self::Api { name, source: Box::new(source) }
    }
}
