//! Every scenario with every trouble at every point, one at a time.
//!
//! `cargo test` takes a sample of the points, by a printed seed; `cargo prove` takes them all, scenario by scenario.

use crate::{
    invariants::Violation,
    objects::{Key, Kind},
    operator::Fault,
    prng::Prng,
    run::conclude,
    scenarios::Scenario,
    troubles::Trouble,
    world::{Order, World},
};

/// A way through a scenario: a trouble strikes before a step.
#[derive(Clone, Copy, Debug)]
struct Way {
    scenario: &'static str,
    order: Order,
    lag: usize,
    step: usize,
    trouble: Option<Trouble>,
}

impl Way {
    fn begin(&self) -> World {
        let mut world = Scenario::named(self.scenario).world();
        for kind in Kind::ALL {
            world.operators[0].lag(kind, self.lag);
        }
        world
    }

    /// Fails the test with the whole way that led there.
    fn fail(&self, violation: &Violation) -> ! {
        let mut world = self.begin();
        world.record();
        let node = first(&world);
        for _ in 0..self.step {
            let deed = world.next(self.order).unwrap();
            let _ = world.take(deed);
        }
        if let Some(trouble) = self.trouble {
            trouble.strike(&mut world, &node);
        }
        let again = conclude(&mut world, self.order, self.trouble.map(|trouble| (trouble, &node)));
        assert!(again.is_err(), "{self:?} fails once and then does not: {violation}");
        panic!("{self:?}\n{}\n{violation}", world.trace().join("\n"));
    }
}

/// Which of the points are taken.
#[derive(Clone, Copy, Debug)]
enum Points {
    All,
    /// One in so many, drawn by a seed.
    Sample {
        one_in: usize,
        seed: u64,
    },
}

/// One point in so many in the ordinary `cargo test`.
const SAMPLE: usize = 25;

impl Points {
    fn take(self, step: usize, trouble: usize) -> bool {
        match self {
            Self::All => true,
            Self::Sample { one_in, seed } => {
                Prng::new(seed ^ ((step as u64) << 32) ^ trouble as u64).once_in(one_in)
            }
        }
    }
}

fn first(world: &World) -> Key {
    world.api.list(Kind::Node).next().unwrap().key()
}

/// Strikes with every trouble before every step of the undisturbed run; says how many ways that were.
fn every_point(way: Way, troubles: &[Trouble], points: Points) -> usize {
    let mut world = way.begin();
    let node = first(&world);
    let mut ways = 0;
    for step in 0.. {
        for (index, trouble) in troubles.iter().enumerate() {
            if !points.take(step, index) {
                continue;
            }
            let way = Way { step, trouble: Some(*trouble), ..way };
            let mut struck = world.clone();
            if !strikes(&mut struck, *trouble, &node, way) {
                continue;
            }
            ways += 1;
            if let Err(violation) = conclude(&mut struck, way.order, Some((*trouble, &node))) {
                way.fail(&violation);
            }
        }
        let Some(deed) = world.next(way.order) else { break };
        if let Err(violation) = world.take(deed) {
            Way { step, ..way }.fail(&violation);
        }
    }
    if let Err(violation) = conclude(&mut world, way.order, None) {
        way.fail(&violation);
    }
    ways
}

/// Whether there was anything to strike. A fault of a request is one only when a request comes next.
fn strikes(world: &mut World, trouble: Trouble, node: &Key, way: Way) -> bool {
    if !trouble.strike(world, node) {
        return false;
    }
    if !matches!(trouble, Trouble::Request(_)) {
        return true;
    }
    let Some(deed) = world.next(way.order) else { return false };
    let (struck, result) = world.take_struck(deed);
    if let Err(violation) = result {
        way.fail(&violation);
    }
    struck
}

fn check(scenario: &'static str, points: Points) {
    let way = Way { scenario, order: Order::OperatorFirst, lag: 0, step: 0, trouble: None };
    let faults = Fault::ALL.map(Trouble::Request);
    let mut ways = every_point(way, &faults, points);
    ways += every_point(way, &Trouble::ALL, points);
    ways += every_point(Way { order: Order::WorldFirst, ..way }, &Trouble::ALL, points);
    for lag in [1, 2, 4] {
        ways += every_point(Way { lag, ..way }, &[], points);
    }
    println!("{scenario}: {ways} ways, {points:?}");
}

/// Two tests for each scenario: a sample of its points, and all of them.
macro_rules! scenarios {
    ($($test:ident: $name:literal;)+) => {
        mod sampled {
            $(#[test]
            fn $test() {
                super::check($name, super::Points::Sample { one_in: super::SAMPLE, seed: crate::walks::seed() });
            })+
        }

        mod whole {
            $(#[test]
            #[ignore = "cargo prove takes every point, which takes minutes"]
            fn $test() {
                super::check($name, super::Points::All);
            })+
        }

        #[test]
        fn every_scenario_has_its_test() {
            let tested = [$($name),+];
            for scenario in crate::scenarios::SCENARIOS {
                assert!(tested.contains(&scenario.name), "{} is not tested", scenario.name);
            }
        }
    };
}

scenarios! {
    block_sync: "block-sync";
    state_sync: "state-sync";
    s3: "s3";
    archive_that_publishes: "archive that publishes";
    replayer_that_exports: "replayer that exports";
    ceremony: "ceremony";
    bootstrap: "bootstrap";
    bootstrap_on_an_import: "bootstrap on an import";
    signer: "signer";
    import: "import";
    peers: "peers";
    one_key_for_two: "one key for two";
    one_volume_for_two: "one volume for two";
    one_volume_for_its_owner_and_another: "one volume for its owner and another";
    a_kept_volume_for_its_owner_and_another: "a kept volume for its owner and another";
}
