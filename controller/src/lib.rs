//! Placeholder.

pub mod readiness;
mod settings;

pub use readiness::{Gate, GateState, Readiness};
pub use settings::{BadSidecarUrl, Scope, Settings, SidecarUrl};

/// Runs the controller until `shutdown` is cancelled; returns when the last pass has ended or the drain time is over.
pub async fn run(
    settings: Settings,
    readiness: &Readiness,
    metrics: &prometheus::Registry,
    shutdown: tokio_util::sync::CancellationToken,
) {
    let _ = (settings, readiness, metrics);
    shutdown.cancelled().await;
}
