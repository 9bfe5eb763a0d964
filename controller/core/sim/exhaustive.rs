//! Every scenario with every trouble at every point, one at a time: from the creation of a node until it runs, and from a
//! change of its spec until it runs as that asks for.
//!
//! `cargo test` takes a sample of the points, by a printed seed; `cargo prove` takes them all, scenario by scenario.

use seinode_core::memory::RolloutPolicy;

use self::Beginning::{AdoptedAnd, Running};
use crate::{
    adoption,
    api_server::Propagation,
    invariants::Violation,
    objects::{Key, Kind},
    operator::Fault,
    prng::Prng,
    rollouts,
    run::{conclude, settle},
    scenarios::Scenario,
    troubles::{
        Trouble,
        Trouble::{Delete, Edit},
        Wish,
        Wish::Image,
    },
    walks,
    world::{Order, World},
};

/// A way through a scenario: a trouble strikes before a step.
#[derive(Clone, Copy, Debug)]
struct Way {
    scenario: &'static str,
    beginning: Beginning,
    /// The controller of StatefulSets acts on what it knew before.
    slow_controllers: bool,
    order: Order,
    lag: usize,
    /// PVCs wait for their first consumer.
    late_binding: bool,
    step: usize,
    trouble: Option<Trouble>,
}

impl Way {
    fn begin(&self) -> World {
        let mut world = Scenario::named(self.scenario).world();
        world.slow_controllers = self.slow_controllers;
        if self.late_binding {
            world.bind_late();
        }
        for kind in Kind::ALL {
            world.operators[0].lag(kind, self.lag);
        }
        if let Err(violation) = self.beginning.make(&mut world) {
            panic!("{self:?}: {violation}");
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

/// Beginning of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// The nodes have just been created.
    New,
    /// They run, and this is done to the first of them.
    Running(Trouble),
    /// The earlier operator has run the first of them, with this image.
    Adopted(&'static str),
    /// The same, and a person has done this to it before our operator looked for the first time.
    AdoptedAnd(Trouble),
    /// They run, and this is done to all of them at once.
    All(Trouble),
    /// They run, only one may be rolled out at a time, and all are to have another image.
    OneSlot,
    /// The same, where one of the chain may be down, with an image that cannot be pulled.
    OneDown,
}

impl Beginning {
    fn troubles(self) -> &'static [Trouble] {
        if self == Self::New { &Trouble::ALL } else { &Trouble::RUNNING }
    }

    fn make(self, world: &mut World) -> Result<(), Violation> {
        if self == Self::New {
            return Ok(());
        }
        settle(world, Order::OperatorFirst)?;
        match self {
            Self::New => {}
            Self::Running(trouble) => drop(trouble.strike(world, &first(world))),
            Self::All(trouble) => {
                let nodes: Vec<Key> = world.api.list(Kind::Node).map(|node| node.key()).collect();
                for node in nodes {
                    trouble.strike(world, &node);
                }
            }
            Self::Adopted(image) => adoption::by_the_earlier_operator(world, &first(world), image)?,
            Self::AdoptedAnd(trouble) => {
                let node = first(world);
                adoption::by_the_earlier_operator(world, &node, "seid:1")?;
                trouble.strike(world, &node);
            }
            Self::OneDown => rollouts::begin(world, "seid:bad"),
            Self::OneSlot => {
                world.operators[0].bound(RolloutPolicy { concurrent: 1, ..RolloutPolicy::default() });
                let nodes: Vec<Key> = world.api.list(Kind::Node).map(|node| node.key()).collect();
                for node in nodes {
                    Edit(Image("seid:2")).strike(world, &node);
                }
            }
        }
        Ok(())
    }
}

/// Points that are taken.
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
const SAMPLE: usize = 80;

fn sample() -> Points {
    Points::Sample { one_in: SAMPLE, seed: walks::seed() }
}

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

/// True if there was anything to strike. A fault of a request is one only when a request comes next.
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

fn check(scenario: &'static str, beginning: Beginning, points: Points) {
    let troubles = beginning.troubles();
    let way = Way {
        scenario,
        beginning,
        slow_controllers: false,
        order: Order::OperatorFirst,
        lag: 0,
        late_binding: false,
        step: 0,
        trouble: None,
    };
    let faults = Fault::ALL.map(Trouble::Request);
    let mut ways = every_point(way, &faults, points);
    ways += every_point(way, troubles, points);
    ways += every_point(Way { order: Order::WorldFirst, ..way }, troubles, points);
    if beginning != Beginning::New {
        let slow = Way { order: Order::WorldFirst, slow_controllers: true, ..way };
        ways += every_point(slow, troubles, points);
    }
    let late = Way { late_binding: true, ..way };
    ways += every_point(late, if beginning == Beginning::New { troubles } else { &[] }, points);
    for lag in [1, 2, 4] {
        ways += every_point(Way { lag, ..way }, &[], points);
    }
    println!("{scenario}, {beginning:?}: {ways} ways, {points:?}");
}

/// Two tests for each scenario: a sample of its points, and all of them.
macro_rules! scenarios {
    ($($test:ident: $name:literal, $beginning:expr;)+) => {
        mod sampled {
            use super::*;

            $(#[test]
            fn $test() {
                super::check($name, $beginning, super::sample());
            })+
        }

        mod whole {
            use super::*;

            $(#[test]
            #[ignore = "cargo prove takes every point, which takes minutes"]
            fn $test() {
                super::check($name, $beginning, super::Points::All);
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
    block_sync: "block-sync", Beginning::New;
    state_sync: "state-sync", Beginning::New;
    s3: "s3", Beginning::New;
    archive_that_publishes: "archive that publishes", Beginning::New;
    replayer_that_exports: "replayer that exports", Beginning::New;
    ceremony: "ceremony", Beginning::New;
    bootstrap: "bootstrap", Beginning::New;
    bootstrap_on_an_import: "bootstrap on an import", Beginning::New;
    signer: "signer", Beginning::New;
    import: "import", Beginning::New;
    peers: "peers", Beginning::New;
    mutual_peers: "mutual peers", Beginning::New;
    mutual_peers_all_at_once: "mutual peers", Beginning::All(Edit(Wish::Override));
    one_key_for_two: "one key for two", Beginning::New;
    one_volume_for_two: "one volume for two", Beginning::New;
    one_volume_for_its_owner_and_another: "one volume for its owner and another", Beginning::New;
    a_kept_volume_for_its_owner_and_another: "a kept volume for its owner and another", Beginning::New;
    full_node_image: "block-sync", Running(Edit(Image("seid:2")));
    full_node_bad_image: "block-sync", Running(Edit(Image("seid:bad")));
    full_node_override: "block-sync", Running(Edit(Wish::Override));
    full_node_sidecar: "block-sync", Running(Edit(Wish::SidecarImage));
    node_with_peers_image: "peers", Running(Edit(Image("seid:2")));
    node_with_peers_override: "peers", Running(Edit(Wish::Override));
    signer_image: "signer", Running(Edit(Image("seid:2")));
    signer_key: "signer", Running(Edit(Wish::Key));
    import_image: "import", Running(Edit(Image("seid:2")));
    publishing_archive_image: "archive that publishes", Running(Edit(Image("seid:2")));
    archive_begins_to_publish: "archive", Running(Edit(Wish::Publish));
    replayer_image: "replayer that exports", Running(Edit(Image("seid:2")));
    founder_override: "ceremony", Running(Edit(Wish::Override));
    bootstrapped_image: "bootstrap", Running(Edit(Image("seid:2")));
    adopted_as_it_is: "block-sync", Beginning::Adopted("seid:1");
    adopted_with_another_image: "block-sync", Beginning::Adopted("seid:0");
    adopted_signer: "signer", Beginning::Adopted("seid:0");
    adopted_signer_deleted: "signer", AdoptedAnd(Delete(Propagation::Foreground));
    adopted_signer_deleted_while_suspended: "signer", AdoptedAnd(Trouble::DeleteSuspended);
    adopted_archive_deleted: "archive", AdoptedAnd(Delete(Propagation::Background));
    adopted_archive_deleted_with_an_invalid_spec: "archive", AdoptedAnd(Trouble::DeleteInvalid);
    orphaned_full_node: "block-sync", Running(Trouble::OrphanAndAdopt);
    orphaned_signer: "signer", Running(Trouble::OrphanAndAdopt);
    orphaned_after_its_bootstrap: "bootstrap", Running(Trouble::OrphanAndAdopt);
    adopted_archive: "archive", Beginning::Adopted("seid:1");
    two_nodes_and_one_slot: "two nodes", Beginning::OneSlot;
    two_nodes_and_a_bad_image: "two nodes", Beginning::OneDown;
}
