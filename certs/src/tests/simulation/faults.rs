//! Single mishaps, and what must come of each.

use std::time::Duration;

use super::{
    replica::{Replica, Skew},
    run::{Run, leisurely, signer},
};
use crate::{
    lifetimes::Lifetimes,
    report::Readiness,
    rotation::Content,
    tests::fixtures::{DAY, HOUR},
};

#[test]
fn two_that_start_together_agree_on_one_authority() {
    for seed in 0..50 {
        let mut run = Run::new(Lifetimes::default(), seed);
        run.pass(Duration::from_secs(120));
        run.settled();
        let (Content::Sound(stored), _) = run.world.secret() else { panic!() };
        assert_eq!(stored.bundle().iter().count(), 1, "seed {seed}: the loser's authority is nowhere");
        for replica in &run.replicas {
            let minted = replica.log.iter().filter(|act| act.contains("a new certificate")).count();
            assert_eq!(minted, 1, "seed {seed}: the loser mints of the winner's at once: {:#?}", replica.log);
        }
    }
}

#[test]
fn a_sleeper_never_overwrites_a_newer_bundle() {
    let mut run = Run::new(leisurely(), 11);
    run.pass(242 * DAY);
    let before = signer(&run);
    run.world.wipe(0);
    run.replicas[0].hear();
    run.put_to_sleep_before_a_change();
    run.notify_all();
    run.pass(5 * DAY);
    assert_ne!(signer(&run), before, "the other one has followed the authority up meanwhile");
    run.wake();
    run.pass(DAY);
    run.settled();
}

#[test]
fn a_sleeper_never_overwrites_a_newer_authority() {
    let mut run = Run::new(leisurely(), 13);
    run.pass(243 * DAY);
    let before = signer(&run);
    while run.replicas[0].is_idle() {
        run.world.now += HOUR;
        run.replicas[0].tick(&run.world);
    }
    run.put_to_sleep_before_a_change();
    run.pass(3 * DAY);
    let after = signer(&run);
    assert_ne!(after, before, "the other one has followed the authority up meanwhile");
    run.wake();
    run.pass(DAY);
    run.settled();
    assert_eq!(signer(&run), after);
}

#[test]
fn a_replica_started_during_a_rotation_has_a_trusted_leaf() {
    let mut run = Run::new(leisurely(), 7);
    run.pass(240 * DAY);
    let before = signer(&run);
    for which in (0..2).cycle().take(60) {
        run.restart(which);
        run.calm_down();
        let issuer = run.replicas[which].leaf().unwrap().held.issuer;
        assert!(run.world.trusts(&issuer), "at {:?}: {:#?}", run.world.now, run.replicas[which].log);
        run.pass_time();
    }
    assert_ne!(signer(&run), before, "the authority was followed up meanwhile");
}

#[test]
fn a_leaf_is_renewed_at_the_first_look_after_the_clock_jumped() {
    let mut run = Run::new(Lifetimes::default(), 1);
    run.pass(Duration::from_secs(180));
    let before = run.replicas[0].leaf().unwrap().held.clone();
    run.replicas[0].skew = Skew { ahead: 8 * DAY, behind: Duration::ZERO };
    run.pass(Duration::from_secs(60));
    let after = run.replicas[0].leaf().unwrap().held.clone();
    assert!(after.not_after > before.not_after);
    assert_eq!(after.issuer, before.issuer, "the authority is still fine");

    run.replicas[0].skew = Skew { ahead: Duration::ZERO, behind: 2 * DAY };
    run.pass(Duration::from_secs(60));
    assert!(run.replicas[0].leaf().unwrap().held.not_after < before.not_after);
}

#[test]
fn a_deleted_or_corrupt_secret_is_replaced_within_seconds() {
    for seed in 0..20 {
        let mut run = Run::new(Lifetimes::default(), seed);
        run.pass(Duration::from_secs(180));
        run.settled();
        let (before, then) = (signer(&run), run.world.now);
        if seed % 2 == 0 {
            run.world.delete_secret()
        } else {
            run.world.corrupt_secret(seed)
        }
        run.notify_all();
        run.calm_down();
        assert!(run.world.now - then < Duration::from_secs(20), "seed {seed}: within seconds");
        assert_ne!(signer(&run), before);
        assert!(run.world.secret().1.is_some());
        for replica in &run.replicas {
            assert_eq!(
                replica.leaf().unwrap().held.issuer,
                before,
                "a valid leaf is kept until the next is trusted"
            );
        }
        run.pass(Duration::from_secs(180));
        run.settled();
        assert_ne!(run.replicas[0].leaf().unwrap().held.issuer, before);
    }
}

#[test]
fn a_restored_older_secret_takes_trust_from_nobody() {
    for seed in 0..20 {
        let mut run = Run::new(leisurely(), seed);
        run.pass(DAY);
        let backup = run.world.back_up();
        run.pass(300 * DAY);
        let before = signer(&run);
        run.world.restore(&backup);
        run.notify_all();
        // The invariant of every step: a leaf that was trusted stays so.
        run.calm_down();
        assert!(run.world.trusts(&before), "seed {seed}");
        run.pass(5 * DAY);
        run.settled();
        assert_ne!(signer(&run), before, "seed {seed}: the older authority signs again");
    }
}

#[test]
fn a_wiped_bundle_is_repaired_without_waiting_for_a_clock() {
    for seed in 0..20 {
        let mut run = Run::new(Lifetimes::default(), seed);
        run.pass(Duration::from_secs(180));
        run.world.wipe(usize::try_from(seed % 2).unwrap());
        run.notify_all();
        run.calm_down();
        let signer = signer(&run);
        assert!(run.world.configurations().iter().all(|live| live.trusts(&signer)), "seed {seed}");
    }
}

#[test]
fn an_authority_that_expired_meanwhile_is_replaced_at_start() {
    let mut run = Run::new(leisurely(), 3);
    run.pass(DAY);
    let before = signer(&run);
    run.world.now += 400 * DAY;
    run.restart(0);
    run.restart(1);
    run.calm_down();
    assert_ne!(signer(&run), before);
    run.pass(2 * DAY);
    run.settled();
}

#[test]
fn a_clock_a_year_ahead_takes_no_leaf_from_the_other_replica() {
    let mut run = Run::new(Lifetimes::default(), 5);
    run.pass(Duration::from_secs(180));
    run.replicas[0].skew = Skew { ahead: 400 * DAY, behind: Duration::ZERO };
    run.pass(HOUR);
    // It wants an authority of its own time; the other keeps its leaf, which all trust, and does not fight back.
    let replaced =
        |replica: &Replica| replica.log.iter().filter(|act| act.contains("a new authority")).count();
    assert!(replaced(&run.replicas[0]) <= 2 && replaced(&run.replicas[1]) <= 1);
    assert_eq!(run.replicas[1].readiness(&run.world), Readiness::Ready);
    run.replicas[0].skew = Skew::default();
    run.pass(HOUR);
    run.settled();
}
