//! Lost readiness: the time to mark-ready after a restart of a sidecar, and the cost of an idle fleet.
//!
//! `cargo bench --bench heal [-- one|silent|fleet|steady]`. Times are taken by the clock of the simulated sidecars: from the
//! moment that a process begins to answer to the moment that mark-ready reaches it. A fleet that restarts all at once is
//! compared with a bare script that posts to the same sidecars, in turns, in one run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what is wrong by panicking, and its results on standard output"
)]

#[path = "heal/cost.rs"]
mod cost;
#[path = "heal/fleet.rs"]
mod fleet;
#[path = "heal/fleet_restart.rs"]
mod fleet_restart;
#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod harness;
#[path = "../it/kit/operator.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use more of it")]
mod operator;
mod requests;
#[path = "heal/restarts.rs"]
mod restarts;
#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod run;
#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod testbed;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::process::ExitCode;

use devcluster::{Audit, supervisor::Guard};
use harness::Verdict;
use testbed::World;
use wait::{eventually, within};

/// Pods that are replaced or restarted in place.
const SOME: usize = 50;
/// Nodes of a fleet.
const FLEET: usize = 500;

fn main() -> ExitCode {
    harness::hold(measure)
}

async fn measure(guard: &Guard) -> Vec<Verdict> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    // A number says how many nodes: for a first look.
    let count = words.iter().find_map(|word| word.parse::<usize>().ok());
    let parts: Vec<_> = words.iter().filter(|word| word.parse::<usize>().is_err()).collect();
    let is_chosen = |part: &str| parts.is_empty() || parts.iter().any(|chosen| *chosen == part);

    let world = World::start(guard, Audit::On).await;
    let mut verdicts = Vec::new();
    if is_chosen("one") || is_chosen("silent") {
        let fleet = fleet::Fleet::bring_up(&world, "heal-some", count.unwrap_or(SOME)).await;
        if is_chosen("one") {
            verdicts.extend(restarts::seen(&fleet).await);
        }
        if is_chosen("silent") {
            verdicts.push(restarts::silent(&fleet).await);
        }
    }
    if is_chosen("fleet") || is_chosen("steady") {
        let mut fleet = fleet::Fleet::bring_up(&world, "heal-fleet", count.unwrap_or(FLEET)).await;
        if is_chosen("fleet") {
            verdicts.extend(fleet_restart::compare(&mut fleet).await);
        }
        if is_chosen("steady") {
            verdicts.extend(cost::at_rest(&fleet).await);
        }
    }
    assert!(!verdicts.is_empty(), "no part is called {parts:?}: there are one, silent, fleet and steady");
    verdicts
}
