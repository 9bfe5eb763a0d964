//! The simulated sidecars follow the pods of a real control plane: those of a StatefulSet, and those of a bootstrap Job
//! before it.
//!
//! This binary brings its own `main`: it must be able to run as the supervisor of itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test; clippy sees a program"
)]

#[path = "cluster/fixtures.rs"]
mod fixtures;
#[path = "cluster/scenarios.rs"]
mod scenarios;

use std::process::ExitCode;
use std::sync::Arc;

use devcluster::supervisor;
use fixtures::Shared;
use scenario::Settings;

fn main() -> ExitCode {
    let guard = supervisor::claim();
    // Returns rather than exits, so that the cluster is dropped.
    scenario::run(Arc::new(Shared::new(guard)), &Settings::default())
}
