//! Rollouts of several nodes of one chain, of which only one may be down: a bad image stops at the first, and its fix gets out.

use seinode_core::memory::{RolloutPolicy, Share};

use crate::{
    invariants::settled,
    objects::{Key, Kind, PodFacts},
    run::settle,
    scenarios::Scenario,
    troubles::{Trouble, Wish},
    world::{Order, World},
};

/// All nodes are to have this image, and only one of them may be down.
pub fn begin(world: &mut World, image: &'static str) {
    world.operators[0].bound(RolloutPolicy { unavailable: Share::Nodes(1), ..RolloutPolicy::default() });
    for node in nodes(world) {
        edit(world, &node, image);
    }
}

fn nodes(world: &World) -> Vec<Key> {
    world.api.list(Kind::Node).map(|node| node.key()).collect()
}

fn edit(world: &mut World, node: &Key, image: &'static str) {
    Trouble::Edit(Wish::Image(image)).strike(world, node);
}

/// The nodes whose pods are not Ready.
fn down(world: &World) -> Vec<Key> {
    let is_up = |node: &Key| {
        let pod = world.api.get(&node.beside(Kind::Pod, &format!("{}-0", node.name)));
        pod.and_then(|pod| pod.pod()).is_some_and(PodFacts::is_ready)
    };
    nodes(world).into_iter().filter(|node| !is_up(node)).collect()
}

/// Two nodes that run, of which one may be down.
fn world(order: Order) -> World {
    let mut world = Scenario::named("two nodes").world();
    settle(&mut world, order).unwrap();
    world
}

/// Runs the world until it rests; never is more than one node down.
fn rest(world: &mut World, order: Order) {
    while let Some(deed) = world.next(order) {
        world.take(deed).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(down(world).len() <= 1, "down at once: {:?}", down(world));
    }
    settled::hold(world).unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn a_bad_image_stops_at_the_first_and_its_fix_gets_out() {
    for order in [Order::OperatorFirst, Order::WorldFirst] {
        let mut world = world(order);
        begin(&mut world, "seid:bad");
        rest(&mut world, order);
        let [first] = &down(&world)[..] else { panic!("{:?}", down(&world)) };
        // The first alone is mended: the other goes on waiting for nobody, and meets the same end.
        edit(&mut world, &first.clone(), "seid:2");
        rest(&mut world, order);
        let second = down(&world);
        assert!(second.len() == 1 && second[0] != *first, "{second:?}");
        edit(&mut world, &second[0], "seid:2");
        rest(&mut world, order);
        assert_eq!(down(&world), []);
    }
}

#[test]
fn a_suspended_node_keeps_nobody_waiting() {
    let order = Order::OperatorFirst;
    let mut world = world(order);
    let first = nodes(&world)[0].clone();
    Trouble::Suspend.strike(&mut world, &first);
    Trouble::RestartSidecar(crate::sidecars::Farewell::AtOnce).strike(&mut world, &first);
    settle(&mut world, order).unwrap();
    assert_eq!(down(&world), std::slice::from_ref(&first), "nobody opens its gate");
    begin(&mut world, "seid:2");
    settle(&mut world, order).unwrap();
    assert_eq!(down(&world), std::slice::from_ref(&first), "the other one is rolled out");
    Trouble::Suspend.lift(&mut world, &first);
    rest(&mut world, order);
    assert_eq!(down(&world), []);
}
