//! What every pass needs: clients, caches, settings. Shared by all, changed by none but through interior locks.

use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use seinode_core::platform::Platform;

use crate::{
    cache::Fleet, fence::Fence, flaps::Flaps, fresh::Fresh, keyring::Keyring, metrics::Metrics,
    patience::Patience, postponed::Postponed, probe::Probes, publish::Publisher, settings::Scope,
    sidecar::Sidecars, slots::Slots,
};

/// What every pass needs.
pub(crate) struct Context {
    /// Client of all requests but watches.
    pub(crate) client: Client,
    /// Whether this process may change anything now. The client is behind it; sidecars are not.
    pub(crate) fence: Fence,
    /// Platform settings.
    pub(crate) platform: Platform,
    /// Caches of all served namespaces.
    pub(crate) fleet: Arc<Fleet>,
    /// Which namespaces are served: what is asked live is asked of them.
    pub(crate) scope: Scope,
    /// What was last found in the Secrets of each node that signs.
    pub(crate) keyring: Keyring,
    /// How often gates were opened lately.
    pub(crate) flaps: Flaps,
    /// What is known of the sidecars' gates.
    pub(crate) probes: Probes,
    /// The nodes' sidecars.
    pub(crate) sidecars: Sidecars,
    /// How many rollouts go on at once.
    pub(crate) slots: Slots,
    /// What our own writes of children returned.
    pub(crate) fresh: Fresh,
    /// Status writes that are put off for a moment.
    pub(crate) postponed: Postponed,
    /// How long each node waits after something did not work.
    pub(crate) patience: Patience,
    /// Where events go.
    pub(crate) publisher: Publisher,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The clock.
    pub(crate) clock: fn() -> Timestamp,
}
