//! The simulator: the core's decisions in a world that goes wrong.
//!
//! A world of real Kubernetes objects, with everybody who is at work in one: the controllers of StatefulSets and Jobs,
//! the kubelet, garbage collection, sidecars, people, and operators whose watches may be behind. The operator runs the
//! loop of a pass on the core's public functions; anything may happen between two of its steps. After every step all
//! invariants are checked, and again when the world has come to rest.
//!
//! - `exhaustive`: every scenario, every trouble at every point: a sample of them in `cargo test`, all in `cargo prove`.
//! - `fuzz`: objects that say what no object should; nothing panics, and no reconcile goes on for ever.
//! - `walks`: many troubles at random points in random order. `SIM_RUNS` says how many walks, `SIM_SEED` where to begin:
//!   `cargo test` goes the same ways every time, `cargo prove` others. A walk that fails prints its seed.
//!
//! Read `world` first, then `actors`, `operator` and `invariants`. What fails is told with the whole way that led there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says by panicking what is wrong"
)]

mod actors;
mod adoption;
mod api_server;
mod exhaustive;
mod fields;
mod fuzz;
mod invariants;
mod objects;
mod operator;
mod prng;
mod rollouts;
mod run;
mod scenarios;
mod sidecars;
mod troubles;
mod walks;
mod world;
