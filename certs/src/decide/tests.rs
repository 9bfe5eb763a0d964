use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    certificate::Bundle,
    configuration::Kind,
    issue::{Authority, Leaf},
    names::Names,
    rotation::{Cause, Due, Unusable},
    stored::{Corrupt, Stored},
    tests::fixtures::{DAY, HOUR, authority, both, configuration, live, names, on},
};

const MINUTE: Duration = Duration::from_secs(60);
const LONG: Duration = DAY;

/// A world in order, which a test then disturbs.
struct World {
    content: Content,
    live: Vec<Live>,
    trusted: BTreeMap<Fingerprint, Duration>,
    leaf: Option<Leaf>,
    names: Names,
    lifetimes: Lifetimes,
}

impl World {
    /// A Secret; its bundle in both configurations for a long time; a leaf minted at a time.
    fn of(stored: Stored, minted: Duration) -> Self {
        let lifetimes = Lifetimes::default();
        let bundle = stored.bundle();
        Self {
            live: both(&bundle),
            trusted: bundle.iter().map(|certificate| (certificate.fingerprint(), LONG)).collect(),
            leaf: Some(stored.signer.mint(&names(), on(minted), &lifetimes).unwrap()),
            content: Content::Sound(stored),
            names: names(),
            lifetimes,
        }
    }

    /// A Secret with one authority, of the beginning.
    fn fresh() -> Self {
        Self::of(begun(), Duration::ZERO)
    }

    fn at(&self, now: Duration) -> Act {
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let Self { content, live, trusted, .. } = self;
        let names = &self.names;
        decide(&Seen { now: on(now), names, content, live, trusted, leaf }, &self.lifetimes)
    }

    #[track_caller]
    fn check(&self, now: Duration, expected: &Act) {
        assert_eq!(self.at(now), *expected, "{:?} later", now);
    }
}

fn begun() -> Stored {
    Stored::begun(authority(Duration::ZERO), &Bundle::default(), on(Duration::ZERO))
}

fn staged(at: Duration) -> (Stored, Fingerprint) {
    let next = authority(at);
    let fingerprint = next.certificate().fingerprint();
    (begun().staged(next, on(at)), fingerprint)
}

fn fingerprint(authority: &Authority) -> Fingerprint {
    authority.certificate().fingerprint()
}

#[test]
fn what_is_in_order_is_left_alone() {
    let world = World::fresh();
    world.check(Duration::ZERO, &Act::Rest);
    world.check(4 * DAY, &Act::Rest);
}

#[test]
fn without_a_usable_secret_a_new_authority_signs_at_once() {
    let mut world = World::fresh();
    world.content = Content::Absent;
    world.check(HOUR, &Act::Write(Rotation::Replace(Unusable::Lost)));
    world.content = Content::Corrupt(Corrupt::Retired);
    world.check(HOUR, &Act::Write(Rotation::Replace(Unusable::Corrupt(Corrupt::Retired))));
}

#[test]
fn a_first_authority_is_no_loss() {
    let mut world = World::fresh();
    world.content = Content::Absent;
    world.live = both(&Bundle::default());
    world.check(HOUR, &Act::Write(Rotation::Replace(Unusable::Absent)));
}

#[test]
fn an_authority_that_may_not_sign_for_our_names_is_replaced() {
    let mut world = World::fresh();
    world.names = Names::parse(&["renamed.sei-system.svc"]).unwrap();
    let replace = Rotation::Replace(Unusable::OtherNames);
    world.check(HOUR, &Act::Write(replace.clone()));
    // The new one signs for the earlier names too: replicas with those may still run.
    let content = &world.content;
    let after =
        replace.carry_out(content, &Bundle::default(), &world.names, on(HOUR), &world.lifetimes).unwrap();
    assert!(after.signer.certificate().permits(&world.names.and(&names())));
    let mut before = World::of(after, HOUR);
    before.check(2 * HOUR, &Act::Rest);
    before.names = world.names;
    before.check(2 * HOUR, &Act::Rest);
}

#[test]
fn an_older_secret_gets_the_authority_of_a_leaf_in_use_back() {
    let mut world = World::fresh();
    let Content::Sound(before) = &world.content else { panic!() };
    let (lost, known) = (fingerprint(&before.signer), before.bundle());
    let older = Stored::begun(authority(HOUR), &Bundle::default(), on(HOUR));
    world.content = Content::Sound(older);
    let restore = Rotation::Restore(lost);
    world.check(2 * HOUR, &Act::Write(restore.clone()));
    let after = restore.carry_out(&world.content, &known, &names(), on(2 * HOUR), &world.lifetimes).unwrap();
    assert!(after.bundle().trusts(&lost));
    // Where nobody trusts it any more, it stays away.
    world.live = both(&Bundle::default());
    world.check(8 * DAY, &Act::Mint(Why::Expired));
}

#[test]
fn an_expired_authority_is_replaced_whatever_the_leaf_is_like() {
    let mut world = World::fresh();
    world.check(366 * DAY, &Act::Write(Rotation::Replace(Unusable::Expired)));
    world.leaf = None;
    world.check(366 * DAY, &Act::Write(Rotation::Replace(Unusable::Expired)));
}

#[test]
fn a_future_authority_is_replaced_only_when_a_leaf_is_needed() {
    let past = authority(Duration::ZERO);
    let future = Stored::begun(
        authority(400 * DAY),
        &Bundle::from_iter([past.certificate().clone()]),
        on(Duration::ZERO),
    );
    let mut world = World::of(future, Duration::ZERO);
    let replace = || Act::Write(Rotation::Replace(Unusable::NotYetValid));
    world.leaf = Some(past.mint(&names(), on(Duration::ZERO), &world.lifetimes).unwrap());
    world.check(HOUR, &Act::Rest);
    world.check(6 * DAY, &replace());
    world.leaf = None;
    world.check(HOUR, &replace());
}

#[test]
fn a_successor_is_published_when_two_thirds_of_a_life_are_over() {
    let world = |now| World::of(begun(), now);
    world(243 * DAY).check(243 * DAY, &Act::Rest);
    world(244 * DAY).check(244 * DAY, &Act::Write(Rotation::Stage(Due::Aged)));
}

#[test]
fn a_successor_signs_after_a_minute_in_every_configuration() {
    let (stored, next) = staged(244 * DAY);
    let mut world = World::of(stored, 244 * DAY);
    let now = 244 * DAY + HOUR;
    world.trusted.remove(&next);
    world.check(now, &Act::Rest);
    world.trusted.insert(next, Duration::from_secs(59));
    world.check(now, &Act::Rest);
    world.trusted.insert(next, MINUTE);
    world.check(now, &Act::Write(Rotation::Promote(Cause::Settled)));
}

#[test]
fn an_untrusted_successor_signs_when_the_authority_expires() {
    let (stored, next) = staged(244 * DAY);
    let mut world = World::of(stored, 364 * DAY);
    world.trusted.remove(&next);
    world.check(366 * DAY, &Act::Write(Rotation::Promote(Cause::SignerInvalid)));
}

#[test]
fn a_successor_that_is_not_valid_is_exchanged_before_it_signs() {
    let (stored, _) = staged(600 * DAY);
    let world = World::of(stored, 300 * DAY);
    world.check(300 * DAY, &Act::Write(Rotation::Stage(Due::SuccessorInvalid)));
}

#[test]
fn a_retired_authority_is_trusted_while_its_leaves_may_live() {
    let (stored, _) = staged(244 * DAY);
    let old = fingerprint(&stored.signer);
    let promoted = stored.promoted(on(245 * DAY));
    let signer = fingerprint(&promoted.signer);
    let life = 7 * DAY + HOUR;
    let mut world = World::of(promoted, 250 * DAY);
    world.check(245 * DAY + life - MINUTE, &Act::Rest);
    let retire = Act::Write(Rotation::Retire([old].into()));
    world.check(245 * DAY + life, &retire);
    // A wall clock that jumps is not enough: this replica must have seen the successor trusted for a while itself.
    world.trusted.insert(signer, 9 * MINUTE);
    world.check(245 * DAY + life, &Act::Rest);
    world.trusted.insert(signer, 10 * MINUTE);
    world.check(245 * DAY + life, &retire);
}

#[test]
fn a_retired_authority_stays_while_its_leaf_is_presented() {
    let (stored, _) = staged(244 * DAY);
    let old = World::of(stored.clone(), 253 * DAY).leaf;
    let mut world = World::of(stored.promoted(on(245 * DAY)), 253 * DAY);
    world.leaf = old;
    world.check(254 * DAY, &Act::Mint(Why::Successor));
    for lasting in world.trusted.values_mut() {
        *lasting = Duration::ZERO;
    }
    world.check(254 * DAY, &Act::Rest);
}

#[test]
fn a_leaf_is_minted_when_there_is_none_of_use() {
    let mut world = World::fresh();
    world.check(8 * DAY, &Act::Mint(Why::Expired));
    world.leaf = None;
    world.check(HOUR, &Act::Mint(Why::First));
    let world = World::of(begun(), 20 * DAY);
    world.check(10 * DAY, &Act::Mint(Why::NotYetValid));
}

#[test]
fn a_leaf_is_renewed_at_two_thirds_a_tenth_more_or_less() {
    for _ in 0..20 {
        let world = World::fresh();
        let two_thirds = 7 * DAY * 2 / 3;
        world.check(two_thirds.mul_f64(0.899), &Act::Rest);
        world.check(two_thirds.mul_f64(1.101), &Act::Mint(Why::Aged));
    }
}

#[test]
fn a_valid_leaf_is_kept_until_the_next_authority_is_trusted() {
    let mut world = World::fresh();
    let Content::Sound(before) = &world.content else { panic!() };
    let after = before.replaced(authority(DAY), on(DAY));
    let signer = fingerprint(&after.signer);
    world.live = both(&after.bundle());
    world.content = Content::Sound(after);
    for (lasting, expected) in
        [(None, Act::Rest), (Some(59), Act::Rest), (Some(60), Act::Mint(Why::Successor))]
    {
        world.trusted.extend(lasting.map(|seconds| (signer, Duration::from_secs(seconds))));
        world.check(DAY, &expected);
    }
}

#[test]
fn a_leaf_of_an_unknown_authority_is_exchanged_at_once() {
    let mut world = World::fresh();
    let other = Stored::begun(authority(HOUR), &Bundle::default(), on(HOUR));
    let signer = fingerprint(&other.signer);
    world.live = both(&other.bundle());
    world.content = Content::Sound(other);
    world.check(HOUR, &Act::Rest);
    world.trusted.insert(signer, Duration::ZERO);
    world.check(HOUR, &Act::Mint(Why::Disowned));
}

#[test]
fn differing_configurations_get_the_bundle_missing_ones_do_not() {
    let mut world = World::fresh();
    let bundle = live(Kind::Mutating, "", 7);
    world.live[0] = bundle;
    world.check(HOUR, &Act::Inject([configuration(Kind::Mutating)].into()));
    world.live[1] = Live::of(configuration(Kind::Validating), None);
    world.check(HOUR, &Act::Inject([configuration(Kind::Mutating)].into()));
    world.live.remove(0);
    world.check(HOUR, &Act::Rest);
}

#[test]
fn every_act_says_why() {
    for (act, words) in [
        (Act::Write(Rotation::Replace(Unusable::Absent)), "a new authority, as there is no Secret yet"),
        (
            Act::Write(Rotation::Replace(Unusable::Corrupt(Corrupt::Missing("tls.key")))),
            "a new authority, as the Secret is corrupt: tls.key is missing",
        ),
        (
            Act::Write(Rotation::Promote(Cause::Settled)),
            "the successor signs from now on, as every configuration trusts it",
        ),
        (Act::Mint(Why::Aged), "a new certificate, as about two thirds of its life are over"),
        (
            Act::Inject([configuration(Kind::Validating)].into()),
            "the bundle is put into ValidatingWebhookConfiguration seinode-operator",
        ),
    ] {
        assert_eq!(act.to_string(), words);
    }
}
