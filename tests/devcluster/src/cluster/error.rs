//! Why a cluster does not start.

use std::time::Duration;

use crate::host::HostError;
use crate::image::ImageError;
use crate::supervisor::SpawnError;
use crate::tools::ToolError;

/// Why a cluster could not be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A tool is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A process could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A file could not be written, or no port is free.
    #[error("{what}: {source}")]
    Io {
        /// The attempted action.
        what: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The options name no machine.
    #[error("a cluster needs a machine: Options::machines is empty")]
    NoMachine,
    /// The certificates could not be made.
    #[error("cannot make the API server's certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// A process ended while the cluster was being started.
    #[error("{component} ended ({status}) while the cluster was starting; the end of its log:\n{tail}")]
    Ended {
        /// The component.
        component: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last lines of its log.
        tail: String,
    },
    /// A part did not become ready in time.
    #[error("{component} is not ready after {} s ({last}); the end of its log:\n{tail}", waited.as_secs())]
    NotReady {
        /// The component.
        component: String,
        /// Time waited.
        waited: Duration,
        /// The last answer.
        last: String,
        /// The last lines of its log.
        tail: String,
    },
    /// The machine cannot have a real node.
    #[error(transparent)]
    Host(#[from] HostError),
    /// An image could not be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// containerd refused something that we need.
    #[error("containerd refuses `{what}`: {message}")]
    Containerd {
        /// The command.
        what: String,
        /// Its answer.
        message: String,
    },
    /// The API server refused something that we need.
    #[error("cannot {what}: {source}")]
    Api {
        /// The attempted action.
        what: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
}
