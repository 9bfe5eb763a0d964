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

mod arena;
mod contest;
mod frame;
mod nodes;
#[expect(dead_code, reason = "shared with the integration tests, which use more of it")]
#[path = "../it/kit/operator.rs"]
mod operator;
mod run;
mod script;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::{process::ExitCode, time::Duration};

use arena::World;
use contest::Contest;
use devcluster::{Audit, supervisor::Guard};
use frame::Verdict;
use sidecar_sim::{Delay, TaskType};
use wait::{eventually, within};

/// Issue 3: the operator takes at most this many times as long as the script.
const BOUND: f64 = 1.5;

fn main() -> ExitCode {
    frame::hold(compare)
}

async fn compare(guard: &Guard) -> Vec<Verdict> {
    let contest = Contest::open(World::start(guard, Audit::Off).await).await;

    let value = contest.hold("three nodes that know their peers", &nodes::apart(), 9).await;
    contest.hold("the nodes of examples/: one has to find another first", &nodes::examples(), 5).await;
    for task in TaskType::ALL {
        contest.sidecars().behaviour().task_duration(task, Delay::Fixed(Duration::from_millis(250)));
    }
    contest.hold("three nodes that know their peers, every task takes 250 ms", &nodes::apart(), 5).await;

    vec![Verdict { what: "three nodes that know their peers, operator : script", value, bound: BOUND }]
}
