//! Random walks: many troubles at random points, everybody in random order, every watch behind by its own number of
//! changes. In the end peace returns, and the world has to come to rest as if nothing had been.

use std::rc::Rc;

use seinode_api::status::Phase;
use seinode_core::memory::{RolloutPolicy, Share};

use crate::{
    actors::Deed,
    api_server::Propagation,
    invariants::Violation,
    objects::{Key, Kind, Object},
    operator::{Fault, Operator},
    prng::Prng,
    run::conclude,
    scenarios::SCENARIOS,
    troubles::Trouble,
    world::{Order, World},
};

/// Walks in the ordinary `cargo test`.
const FEW: u64 = 100;
/// Walks in `cargo prove`.
const MANY: u64 = 5_000;

/// One walk.
struct Walk {
    prng: Prng,
    world: World,
}

impl Walk {
    fn begin(seed: u64) -> (Self, &'static str) {
        let mut prng = Prng::new(seed);
        let scenario = prng.pick(SCENARIOS).unwrap();
        let mut world = scenario.world();
        if prng.once_in(3) {
            // A second operator that believes to lead.
            world.operators.push(Operator::default());
            world.ledger.races = true;
        }
        if prng.once_in(3) {
            world.bind_late();
        }
        let unavailable = if prng.once_in(2) { Share::Nodes(1) } else { Share::ALL };
        let policy = RolloutPolicy { concurrent: prng.below(3), unavailable, ..RolloutPolicy::default() };
        for operator in &mut world.operators {
            operator.bound(policy);
            operator.burst = prng.once_in(2);
            Kind::ALL.into_iter().for_each(|kind| operator.lag(kind, prng.below(4)));
        }
        (Self { prng, world }, scenario.name)
    }

    /// Walks through a time of troubles, and on in peace to the end.
    fn go(&mut self) -> Result<(), Violation> {
        for _ in 0..self.prng.below(400) {
            if self.prng.once_in(40) {
                self.strike();
            }
            let Some(deed) = self.choose() else { continue };
            self.world.take(deed)?;
        }
        self.make_peace();
        conclude(&mut self.world, Order::OperatorFirst, None)
    }

    fn strike(&mut self) {
        let nodes: Vec<Key> = self.world.api.list(Kind::Node).map(|node| node.key()).collect();
        let Some(node) = self.prng.pick(&nodes).cloned() else { return };
        let runs = self.world.api.get(&node).and_then(|object| object.node()?.status.as_ref()?.phase);
        let runs = runs == Some(Phase::Running);
        let troubles: &[Trouble] = if runs { &Trouble::RUNNING } else { &Trouble::ALL };
        let trouble = match self.prng.once_in(3) {
            true => self.prng.pick(&Fault::ALL).copied().map(Trouble::Request),
            false => self.prng.pick(troubles).copied(),
        };
        if let Some(trouble) = trouble {
            self.world.ledger.races |= trouble == Trouble::Takeover;
            let ledger = &mut self.world.ledger;
            match trouble {
                Trouble::LoseStore => drop(ledger.forgotten.insert(node.clone())),
                Trouble::LoseSet(Propagation::Orphan) => drop(ledger.people.orphaned.insert(node.clone())),
                _ => {}
            }
            trouble.strike(&mut self.world, &node);
            if self.prng.once_in(2) {
                trouble.lift(&mut self.world, &node);
            }
        }
    }

    /// Chooses among all that can happen next; time may pass although somebody could act.
    fn choose(&mut self) -> Option<Deed> {
        let offers = self.world.offers();
        let waits = offers.is_empty() || self.prng.once_in(20);
        match waits {
            true => self.world.waiting(),
            false => self.prng.pick(&offers).cloned(),
        }
    }

    /// Makes go on what people have stopped, removes what they have left lying about, and has requests answered again.
    fn make_peace(&mut self) {
        self.world.say(|| "--- peace".to_owned());
        self.world.fault = None;
        let api = &self.world.api;
        let stray = |pod: &&Rc<Object>| {
            let set = pod.node_key().map(|node| node.beside(Kind::Set, &node.name));
            pod.controller().is_none() && set.is_some_and(|set| api.get(&set).is_none())
        };
        let strays: Vec<Key> = api.list(Kind::Pod).filter(stray).map(|pod| pod.key()).collect();
        for pod in strays {
            self.world.api.delete(&pod, Propagation::Background, self.world.now);
        }
        let nodes: Vec<Key> = self.world.api.list(Kind::Node).map(|node| node.key()).collect();
        for node in nodes {
            // Of two that believe to lead neither does in the end.
            Trouble::Takeover.strike(&mut self.world, &node);
            for trouble in [Trouble::Pause, Trouble::Suspend, Trouble::Deafen, Trouble::RefusePods] {
                trouble.lift(&mut self.world, &node);
            }
        }
    }
}

/// Walks one way, and tells of it if it fails.
fn walk(seed: u64) {
    let (mut first, scenario) = Walk::begin(seed);
    let Err(violation) = first.go() else { return };
    let (mut again, _) = Walk::begin(seed);
    again.world.record();
    let repeated = again.go();
    assert!(repeated.is_err(), "seed {seed} fails once and then does not: {violation}");
    let trace = again.world.trace().join("\n");
    panic!("{trace}\n{violation}\nWalk of SIM_SEED={seed} SIM_RUNS=1 through \"{scenario}\"");
}

#[allow(
    clippy::disallowed_methods,
    reason = "where the walks begin, and how many there are, is for the caller to say"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Seed of chance in the ordinary `cargo test`: set by the caller, or the same every time.
pub(crate) fn seed() -> u64 {
    number("SIM_SEED").unwrap_or(1)
}

/// Walks so many ways.
fn walk_all(runs: u64, seed: u64) {
    let runs = number("SIM_RUNS").unwrap_or(runs);
    println!("{runs} walks from seed {seed} on");
    (seed..seed.saturating_add(runs)).for_each(walk);
}

#[test]
fn random_walks_come_to_rest_and_violate_nothing() {
    walk_all(FEW, seed());
}

#[test]
#[ignore = "cargo prove walks for minutes"]
fn many_random_walks_come_to_rest_and_violate_nothing() {
    // Other ways each time.
    walk_all(MANY, number("SIM_SEED").unwrap_or_else(|| u64::from(std::process::id()) * MANY));
}
