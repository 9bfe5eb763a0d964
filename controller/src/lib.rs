//! The hands of the operator: watches, observes, performs, persists, publishes.
//!
//! What to do is decided in `seinode-core`; this crate carries it out and tells it what happened. One pass
//! over one node is [`pass`]; the order of its stages is the architecture's one rule: look once, decide
//! purely, act, write status once. It must never decide on its own what a node needs.
//!
//! ```text
//! watch ─> cache ─┬─> observe ─> (core decides) ─> perform ─> persist ─> publish
//! sidecar ────────┘
//! ```

mod api_error;
mod ask;
mod cache;
mod context;
mod definition;
mod fence;
mod flaps;
mod fresh;
mod keyring;
mod lease;
mod metrics;
mod observe;
mod pass;
mod patience;
mod perform;
mod persist;
mod postponed;
mod probe;
mod publish;
pub mod readiness;
mod recent;
mod run;
mod settings;
mod sidecar;
mod slots;
mod trim;
mod unreadable;
mod watch;

pub use fence::{Baton, Fence, NotLeading};
pub use lease::{Deposed, Election, Terms};
pub use readiness::{Gate, GateState, Readiness};
pub use run::{Failure, run};
pub use settings::{BadSidecarUrl, Scope, Settings, SidecarUrl};
