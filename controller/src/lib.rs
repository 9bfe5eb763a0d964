//! The I/O of the operator: watches, requests, the sidecar client, events, metrics, the lease, and a driver.
//!
//! What to do is decided in `seinode-core`; this crate carries it out and hands back what happened. One reconcile of one
//! node is [`reconcile`]; its loop only sends what the machine requests. It must never decide on its own what a node
//! needs.
//!
//! ```text
//! watch ──> cache ──┐
//! probe ──> memory ─┴─> machine ──> fetch | persist | perform ──> events
//! ```

// Numbers, texts and lists of others cannot make it panic: arithmetic saturates or is checked, and nothing is indexed.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::string_slice))]

mod api_error;
mod cache;
mod clock;
mod context;
mod definition;
mod events;
mod fence;
mod fetch;
mod lease;
mod metrics;
mod perform;
mod persist;
mod probe;
pub mod readiness;
mod reconcile;
mod run;
mod settings;
mod sidecar;
mod trim;
mod unreadable;
mod watch;

pub use fence::{Baton, Fence, NotLeading};
pub use lease::{Deposed, Election, Terms};
pub use readiness::{Gate, GateState, Readiness};
pub use run::{Failure, run};
pub use settings::{BadSidecarUrl, Scope, Settings, SidecarUrl};
