//! Fuzzing: at any point of a node's life some of its objects become hostile, and the operators go on.
//!
//! Whatever an object says, nothing may panic, every reconcile ends, and they do not follow one another without a pause;
//! what is written fits an object. What a hostile world does to itself is not judged, so other invariants are not looked at.
//!
//! `cargo test` tries a few hundred inputs, the same every time; `cargo prove` tries others for a minute.

mod keys;
mod lives;
mod objects;

use std::collections::VecDeque;

use hostile::{Choices, Effort, Target};
use jiff::SignedDuration;

use crate::{
    actors::Deed,
    objects::{Key, Kind},
    operator::{self, Operator},
    world::World,
};

/// Most bytes of an input: each is a choice.
const CHOICES: usize = 256;
const OBJECTS: Target =
    Target { corpus: concat!(env!("CARGO_MANIFEST_DIR"), "/sim/fuzz/corpus/objects"), longest: CHOICES };
const SECRETS: Target =
    Target { corpus: concat!(env!("CARGO_MANIFEST_DIR"), "/sim/fuzz/corpus/secrets"), longest: CHOICES };
/// Inputs in the ordinary `cargo test`.
const FEW: Effort = Effort::Inputs(200);
/// A request takes this long.
const STEP: SignedDuration = SignedDuration::from_millis(1);
/// More steps of the operators than they take within so many seconds while nobody else acts: polls of a task take fewer.
const HOT: usize = 600;
const SPAN: i64 = 10;
/// Most bytes of a status: an object has room for 1.5 MiB.
const STORABLE: usize = 512 * 1024;
/// Kubernetes: longest message of a condition.
const LONGEST_MESSAGE: usize = 32_768;

/// Plays what these bytes choose.
fn play(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let mut world = lives::moment(choices);
    for _ in 0..=choices.below(3) {
        let keys: Vec<Key> = world.api.all().map(|object| object.key()).collect();
        let Some(key) = choices.pick(&keys) else { return };
        objects::spoil(&mut world, key, choices);
    }
    go_on(&mut world);
    world.api.list(Kind::Node).filter_map(|node| node.node()).for_each(fits);
}

/// Nobody but the operators acts, until they have nothing to do for long.
fn go_on(world: &mut World) {
    let mut recent = VecDeque::new();
    loop {
        let now = world.now;
        world.deliver();
        let ready =
            |(index, operator): (usize, &Operator)| operator.ready(now).next().map(|node| (index, node));
        match world.operators.iter().enumerate().find_map(ready) {
            Some((index, node)) => {
                operator::step(world, index, &node);
                recent.push_back(now.as_second());
            }
            None => match world.waiting() {
                Some(Deed::CatchUp(index)) => world.catch_up(index),
                Some(Deed::Wait(until)) => world.now = now.max(until),
                _ => return,
            },
        }
        world.now += STEP;
        while recent.front().is_some_and(|at| *at < now.as_second() - SPAN) {
            recent.pop_front();
        }
        assert!(recent.len() < HOT, "a hot loop: {HOT} steps within {SPAN} s");
        if let Some(defect) = world.operators.iter().flat_map(|operator| &operator.defects).next() {
            panic!("{defect}");
        }
    }
}

/// A status of ours fits an object.
fn fits(node: &seinode_api::SeiNode) {
    let Some(status) = &node.status else { return };
    let size = serde_json::to_vec(status).unwrap().len();
    assert!(size < STORABLE, "the status takes {size} bytes");
    let ours = |it: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| !it.message.is_empty();
    let longest = status.conditions.iter().filter(ours).map(|it| it.message.chars().count()).max();
    assert!(longest.unwrap_or_default() < LONGEST_MESSAGE, "a message of {longest:?} characters");
}

#[test]
fn hostile_objects_harm_only_themselves() {
    OBJECTS.play(FEW, play);
}

#[test]
#[ignore = "cargo prove tries for a minute"]
fn hostile_objects_harm_only_themselves_for_a_minute() {
    OBJECTS.play(Effort::MINUTE, play);
}

#[test]
fn hostile_secrets_are_findings() {
    SECRETS.play(FEW, keys::play);
}

#[test]
#[ignore = "cargo prove tries for a minute"]
fn hostile_secrets_are_findings_for_a_minute() {
    SECRETS.play(Effort::MINUTE, keys::play);
}
