//! Scenarios: the real operator binary on a real control plane, one namespace for each.
//!
//! One process, one cluster, started with the first scenario that needs it. `cargo test --test it -- NAME` runs
//! those whose name contains NAME. What a failed scenario left behind is printed with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod admission;
mod adoption;
mod background;
mod binary;
mod bootstrap;
mod certs;
mod chart;
mod crash;
mod crd;
mod deletion;
mod drift;
mod exclusive;
mod faults;
mod heal;
mod idle;
mod imports;
mod keys;
mod kit;
mod late_binding;
mod leader_election;
mod lifecycle;
mod modes;
mod pause_and_retention;
mod peers;
mod refused_pods;
mod repair;
mod restarts;
mod rollout;
mod safeguards;
mod serving;
mod sidecars;
mod slots;
mod state_sync;

use std::{process::ExitCode, sync::Arc};

use devcluster::supervisor;
use kit::Kit;
use scenario::Settings;

/// Scenarios wait more than they compute: more of them at once than there are cores.
const AT_ONCE: usize = 8;

fn main() -> ExitCode {
    // First of all: this executable may be running as the watchdog of another run of itself.
    // Clients of HTTP are made before the cluster is.
    rustls::crypto::ring::default_provider().install_default().ok();
    let guard = supervisor::claim();
    scenario::run(Arc::new(Kit::new(guard)), &Settings { at_once: AT_ONCE, ..Settings::default() })
}
