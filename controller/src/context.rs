//! What every pass needs: clients, caches, settings. Shared by all, changed by none but through interior locks.

use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use seinode_core::platform::Platform;

use crate::{cache::Fleet, metrics::Metrics, patience::Patience, publish::Publisher, sidecar::Sidecars};

/// What every pass needs.
pub(crate) struct Context {
    /// Client of all requests but watches.
    pub(crate) client: Client,
    /// Platform settings.
    pub(crate) platform: Platform,
    /// Caches of all served namespaces.
    pub(crate) fleet: Arc<Fleet>,
    /// The nodes' sidecars.
    pub(crate) sidecars: Sidecars,
    /// How long each node waits after something did not work.
    pub(crate) patience: Patience,
    /// Where events go.
    pub(crate) publisher: Publisher,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The clock.
    pub(crate) clock: fn() -> Timestamp,
}
