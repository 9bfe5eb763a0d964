//! Nodes whose sidecars never answer delay no other: 180 nodes alone, against the same 180 beside 20 black holes.
//!
//! `cargo bench --bench blackhole`. One run, one operator, one warm control plane, both in turns; what is compared are
//! the medians of the time until the 180 are Running. The other 20 have sidecars that take every request and never
//! answer. They are created among the others, so that they cannot be sorted out by their place in a queue.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what is wrong by panicking, and its results on standard output"
)]

mod harness;
#[expect(dead_code, reason = "shared with the yardstick, which uses more of it")]
mod nodes;
#[expect(dead_code, reason = "shared with the integration tests, which use more of it")]
#[path = "../it/kit/operator.rs"]
mod operator;
mod run;
mod testbed;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::process::ExitCode;

use devcluster::{Audit, supervisor::Guard};
use harness::{Verdict, in_turns, label, ratio};
use kube::ResourceExt;
use run::{Run, median};
use seinode_api::SeiNode;
use sidecar_sim::{Fault, Scope, Times};
use testbed::{Place, World};
use wait::{eventually, within};

/// With black holes it takes at most this many times as long as without.
const BOUND: f64 = 1.15;
/// Rounds of each.
const ROUNDS: usize = 3;
/// Nodes that are waited for.
const GOOD: usize = 180;
/// Every tenth of those that are created has a sidecar that never answers: 20 of 200.
const EVERY: usize = 10;
/// Prefix of the names of black holes.
const HOLE: &str = "hole-";

fn main() -> ExitCode {
    harness::hold(compare)
}

async fn compare(guard: &Guard) -> Vec<Verdict> {
    let world = World::start(guard, Audit::Off).await;
    let place = Place::make(&world, "blackhole").await;
    let _operator = place.operator(&world).await;
    let alone = nodes_with(Company::None);
    let beside = nodes_with(Company::BlackHoles);
    for node in place.nodes(&beside).iter().filter(|node| is_hole(node)) {
        let sidecar = world.sidecars.node(&node.namespace().unwrap(), &node.name_any());
        sidecar.behaviour().disturb(Fault::Hang, Scope::Everything, Times::Always);
    }

    run::head(&format!("{GOOD} nodes, alone and beside {} black holes", beside.len() - alone.len()));
    round(&world, &place, &alone[..20]).await.show(&label(0), "20 alone");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 1..=ROUNDS {
        let by_themselves = round(&world, &place, &alone);
        let in_company = round(&world, &place, &beside);
        let (by_themselves, in_company) = in_turns(number, by_themselves, in_company).await;
        by_themselves.show(&label(number), "alone");
        in_company.show("", "beside");
        without.push(by_themselves);
        with.push(in_company);
    }
    let (without, with) = (median(&without), median(&with));
    without.show("medians", "alone");
    with.show("", "beside");
    let value = ratio(with.over, without.over);
    vec![Verdict { what: "180 nodes, beside black holes : alone", value, bound: BOUND }]
}

/// Brings nodes up until the good ones are Running, and removes them.
async fn round(world: &World, place: &Place, nodes: &[SeiNode]) -> Run {
    let run = place.bring_up(&world.sidecars, nodes, |node| !is_hole(node)).await;
    place.clear().await;
    run
}

/// Nodes that come up beside the good ones.
#[derive(Clone, Copy)]
enum Company {
    None,
    BlackHoles,
}

/// The good nodes and their company, in the order of their creation. None depends on another.
fn nodes_with(company: Company) -> Vec<SeiNode> {
    let model = nodes::examples().remove(0);
    let named = |name: String| {
        let mut node = model.clone();
        node.metadata.name = Some(name);
        node
    };
    let mut nodes = Vec::new();
    for index in 0..GOOD {
        if matches!(company, Company::BlackHoles) && index % (EVERY - 1) == 0 {
            nodes.push(named(format!("{HOLE}{index}")));
        }
        nodes.push(named(format!("node-{index}")));
    }
    nodes
}

fn is_hole(node: &SeiNode) -> bool {
    node.name_any().starts_with(HOLE)
}
