//! A real cluster, from start to end: what the crate promises, seen from outside.
//!
//! The scenarios share one cluster and work side by side in namespaces of their own. Those in `endings` start and end
//! programs of their own. This binary brings its own `main`: it must be able to run as the watchdog of itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test; clippy sees a program"
)]

#[path = "cluster/endings.rs"]
mod endings;
#[path = "cluster/jobs.rs"]
mod jobs;
#[path = "cluster/kit.rs"]
mod kit;
#[path = "cluster/machines.rs"]
mod machines;
#[path = "cluster/outage.rs"]
mod outage;
#[path = "cluster/pods.rs"]
mod pods;
#[path = "cluster/real_node.rs"]
mod real_node;
#[path = "cluster/tooling.rs"]
mod tooling;
#[path = "cluster/users.rs"]
mod users;
#[path = "cluster/volumes.rs"]
mod volumes;

use std::process::ExitCode;
use std::sync::Arc;

use devcluster::supervisor;
use kit::Shared;
use scenario::Settings;

/// Scenarios wait more than they compute. More of them would delay those that measure an end.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let guard = supervisor::claim();
    if let Some(role) = endings::role() {
        return endings::play(&role, &guard);
    }
    // Returns rather than exits, so that the cluster is dropped.
    scenario::run(Arc::new(Shared::new(guard)), &Settings { at_once: AT_ONCE, ..Settings::default() })
}
