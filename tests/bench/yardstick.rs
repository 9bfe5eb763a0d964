//! The yardstick: how long the operator takes for three nodes, against a bare script that does the same by hand.
//!
//! `cargo bench --bench yardstick`. One run, one warm control plane, both in turns; what is compared are the medians.
//! The script applies the same objects, waits for the pods and hands the same tasks to the sidecars, each as soon as
//! the one before it is done: about the shortest time that the control plane allows. It must never be kinder to one
//! side: both start with nothing and end when three gates are open and known to be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what is wrong by panicking, and its results on standard output"
)]

mod comparison;
mod harness;
mod nodes;
#[expect(dead_code, reason = "shared with the integration tests, which use more of it")]
#[path = "../it/kit/operator.rs"]
mod operator;
mod run;
mod script;
mod testbed;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::{process::ExitCode, time::Duration};

use comparison::Comparison;
use devcluster::{Audit, supervisor::Guard};
use harness::Verdict;
use sidecar_sim::{Delay, TaskType};
use testbed::World;
use wait::{eventually, within};

/// Highest multiple of the time of the script.
const BOUND: f64 = 1.5;

fn main() -> ExitCode {
    harness::hold(compare)
}

async fn compare(guard: &Guard) -> Vec<Verdict> {
    let comparison = Comparison::open(World::start(guard, Audit::Off).await).await;

    let value = comparison.hold("three nodes that know their peers", &nodes::apart(), 9).await;
    comparison.hold("the nodes of examples/: one has to find another first", &nodes::examples(), 5).await;
    for task in TaskType::ALL {
        comparison.sidecars().behaviour().task_duration(task, Delay::Fixed(Duration::from_millis(250)));
    }
    comparison.hold("three nodes that know their peers, every task takes 250 ms", &nodes::apart(), 5).await;

    vec![Verdict { what: "three nodes that know their peers, operator : script", value, bound: BOUND }]
}
