use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    certificate::Bundle,
    configuration::Kind,
    issue::{Authority, Leaf},
    rotation::{Cause, Due, Unusable},
    stored::{Corrupt, Stored},
    tests::given::{DAY, HOUR, authority, both, configuration, live, names, on},
};

const MINUTE: Duration = Duration::from_secs(60);
const LONG: Duration = DAY;

/// A world in order, which a test then disturbs.
struct World {
    content: Content,
    live: Vec<Live>,
    trusted: BTreeMap<Fingerprint, Duration>,
    leaf: Option<Leaf>,
    lives: Lives,
}

impl World {
    /// A Secret; its bundle in both configurations for a long time; a leaf minted at a time.
    fn of(stored: Stored, minted: Duration) -> Self {
        let lives = Lives::default();
        let bundle = stored.bundle();
        Self {
            live: both(&bundle),
            trusted: bundle.iter().map(|certificate| (certificate.fingerprint(), LONG)).collect(),
            leaf: Some(stored.signer.mint(&names(), on(minted), &lives).unwrap()),
            content: Content::Sound(stored),
            lives,
        }
    }

    /// A Secret with one authority, of the beginning.
    fn fresh() -> Self {
        Self::of(begun(), Duration::ZERO)
    }

    fn at(&self, now: Duration) -> Act {
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let Self { content, live, trusted, .. } = self;
        decide(&Seen { now: on(now), content, live, trusted, leaf }, &self.lives)
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
    world.check(HOUR, &Act::Write(Rotation::Replace(Unusable::Absent)));
    world.content = Content::Corrupt(Corrupt::Retired);
    world.check(HOUR, &Act::Write(Rotation::Replace(Unusable::Corrupt(Corrupt::Retired))));
}

#[test]
fn an_expired_authority_is_replaced_whatever_the_leaf_is_like() {
    let mut world = World::fresh();
    world.check(366 * DAY, &Act::Write(Rotation::Replace(Unusable::Expired)));
    world.leaf = None;
    world.check(366 * DAY, &Act::Write(Rotation::Replace(Unusable::Expired)));
}

#[test]
fn an_authority_of_the_future_is_replaced_only_by_who_needs_a_leaf() {
    let past = authority(Duration::ZERO);
    let future = Stored::begun(
        authority(400 * DAY),
        &Bundle::from_iter([past.certificate().clone()]),
        on(Duration::ZERO),
    );
    let mut world = World::of(future, Duration::ZERO);
    let replace = || Act::Write(Rotation::Replace(Unusable::NotYetValid));
    world.leaf = Some(past.mint(&names(), on(Duration::ZERO), &world.lives).unwrap());
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
fn a_successor_signs_only_after_every_configuration_had_it_for_a_minute() {
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
fn a_successor_helps_out_when_the_authority_expires_before_it_was_trusted() {
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
fn a_retired_authority_stays_trusted_for_as_long_as_a_leaf_of_it_may_live() {
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
fn a_retired_authority_stays_while_this_replica_presents_a_leaf_of_it() {
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
fn a_leaf_that_nobody_is_to_trust_any_longer_is_exchanged_at_once() {
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
fn every_configuration_that_differs_gets_the_bundle_and_one_that_is_absent_is_not_made() {
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
        (Act::Write(Rotation::Replace(Unusable::Absent)), "a new authority, as there is no Secret"),
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
