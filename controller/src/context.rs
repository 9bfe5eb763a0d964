//! Context of every reconcile: clients, caches, settings. Shared by all.

use std::sync::Arc;

use kube::Client;
use seinode_core::platform::Platform;

use crate::{
    cache::Fleet, events::Publisher, fence::Fence, metrics::Metrics, probe::Prober, settings::Scope,
    sidecar::Sidecars,
};

/// Context of every reconcile.
pub(crate) struct Context {
    /// Client of all requests but watches.
    pub(crate) client: Client,
    /// Permission of this process to change anything now. The client is behind it; sidecars are not.
    pub(crate) fence: Fence,
    /// Platform settings.
    pub(crate) platform: Platform,
    /// Caches of all served namespaces, and what is remembered between reconciles.
    pub(crate) fleet: Arc<Fleet>,
    /// The served namespaces: live lists are made of them.
    pub(crate) scope: Scope,
    /// Probes sidecars beside the reconciles.
    pub(crate) prober: Prober,
    /// The nodes' sidecars.
    pub(crate) sidecars: Sidecars,
    /// Publishes events.
    pub(crate) publisher: Publisher,
    /// Counters and histograms.
    pub(crate) metrics: Metrics,
}
