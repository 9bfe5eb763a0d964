//! Scenarios on a real node: containers run, probes probe, Services route. Nothing of the charts is rewritten.
//!
//! One process, one cluster, started when the first scenario asks for it. Where the machine cannot have a real node, the
//! scenarios are reported as ignored, with what is missing; with `SEINODE_REQUIRE_REAL_NODE=1`, as in CI, they fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(clippy::print_stdout, reason = "what is measured is shown with the result")]

mod faults;
mod image;
mod keys;
mod lifecycle;
mod nodes;
mod operations;
mod setup;
#[path = "../it/kit/keys.rs"]
#[allow(dead_code, reason = "the other tests look for pieces of keys")]
mod signing;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::{process::ExitCode, sync::Arc};

use devcluster::{host::Machine, supervisor};
use scenario::{Completion, Failed, Settings};
use setup::Setup;

/// A pod takes half a minute until its probes are content: scenarios wait side by side.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    // First of all: this executable may be running as the watchdog of another run of itself, or in a container.
    sidecar_sim::container::run_if_named();
    let guard = supervisor::claim();
    let settings = Settings { at_once: AT_ONCE, precondition: Some(real_node) };
    scenario::run(Arc::new(Setup::new(guard)), &settings)
}

/// Ignores the scenarios on a machine that cannot have a real node, or fails them where one is required.
fn real_node() -> Result<Option<Completion>, Failed> {
    match Machine::find() {
        Ok(_) => Ok(None),
        Err(missing) if required() => Err(missing.into()),
        Err(missing) => Ok(Some(Completion::ignored_with(missing))),
    }
}

/// True if it is a failure that this machine cannot have a real node.
fn required() -> bool {
    std::env::var_os("SEINODE_REQUIRE_REAL_NODE").is_some_and(|value| !value.is_empty())
}
