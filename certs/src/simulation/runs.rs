//! What is simulated: undisturbed years, disturbed ones, and single mishaps with what must come of them.

use std::time::Duration;

use super::{
    Lots,
    replica::{Replica, Skew},
    world::World,
};
use crate::{
    given::{DAY, HOUR},
    lives::Lives,
    report::Readiness,
    rotation::Content,
};

/// Two replicas in their world.
struct Run {
    world: World,
    replicas: Vec<Replica>,
    lots: Lots,
    /// A replica whose process is stopped, in the middle of whatever it does.
    asleep: Option<usize>,
}

/// Real lives, looked at less often, so that years pass quickly.
fn leisurely() -> Lives {
    Lives { settling: 6 * HOUR, check: 6 * HOUR, ..Lives::default() }
}

impl Run {
    fn new(lives: Lives, seed: u64) -> Self {
        let lag = lives.settling.mul_f64(0.9);
        let world = World::new(lives, lag);
        let replicas = vec![Replica::new(&world), Replica::new(&world)];
        let mut run = Self { world, replicas, lots: Lots::new(seed), asleep: None };
        run.calm_down();
        run
    }

    /// Lets requests go their way, in any order, until nobody has anything to do. Time passes meanwhile, a little.
    fn calm_down(&mut self) {
        for _ in 0..2_000 {
            let awake = self.replicas.iter().enumerate().filter(|(which, _)| self.asleep != Some(*which));
            if awake.into_iter().all(|(_, replica)| !replica.news && replica.is_idle()) {
                return;
            }
            self.world.now += Duration::from_millis(self.lots.below(200));
            let which = usize::try_from(self.lots.below(2)).unwrap();
            if self.asleep == Some(which) {
                continue;
            }
            let replica = &mut self.replicas[which];
            // What happens reaches a replica sooner or later, also in the middle of its work.
            if replica.news && self.lots.once_in(3) {
                replica.hear();
            }
            let changed = replica.step(&mut self.world);
            self.check();
            if changed {
                self.tell_everybody();
            }
        }
        panic!(
            "they do not come to rest: {:#?}",
            self.replicas.iter().map(|it| &it.said).collect::<Vec<_>>()
        );
    }

    fn tell_everybody(&mut self) {
        self.replicas.iter_mut().for_each(|replica| replica.news = true);
    }

    /// Lets time pass until the clocks are looked at again.
    fn pass_time(&mut self) {
        self.world.now += self.world.lives.check;
        self.check();
        for (which, replica) in self.replicas.iter_mut().enumerate() {
            if self.asleep != Some(which) {
                replica.tick(&self.world);
            }
        }
        self.calm_down();
    }

    fn pass(&mut self, time: Duration) {
        let until = self.world.now + time;
        while self.world.now < until {
            self.pass_time();
        }
    }

    fn check(&mut self) {
        for (name, replica) in ["A", "B"].into_iter().zip(&mut self.replicas) {
            replica.check(&self.world, name);
        }
    }

    /// Asserts that all is well: one authority, both replicas with a leaf of it, ready.
    #[track_caller]
    fn settled(&self) {
        let (Content::Sound(stored), _) = self.world.secret() else { panic!("the Secret is not in order") };
        let signer = stored.signer.certificate().fingerprint();
        for replica in &self.replicas {
            assert_eq!(replica.readiness(&self.world), Readiness::Ready, "{:#?}", replica.said);
            assert_eq!(replica.leaf().unwrap().held.issuer, signer, "{:#?}", replica.said);
        }
        assert!(self.world.trusts(&signer));
    }

    /// Stops the first replica right before its next change.
    fn put_to_sleep_before_a_change(&mut self) {
        while !self.replicas[0].is_about_to_write() {
            assert!(!self.replicas[0].is_idle(), "it has nothing to change");
            self.replicas[0].step(&mut self.world);
        }
        self.asleep = Some(0);
    }

    fn wake(&mut self) {
        self.asleep = None;
        self.calm_down();
    }

    fn restart(&mut self, which: usize) {
        let skew = self.replicas[which].skew;
        self.replicas[which] = Replica::new(&self.world);
        self.replicas[which].skew = skew;
    }
}

fn signer(run: &Run) -> crate::certificate::Fingerprint {
    let (Content::Sound(stored), _) = run.world.secret() else { panic!("the Secret is not in order") };
    stored.signer.certificate().fingerprint()
}

#[test]
fn two_that_start_together_agree_on_one_authority() {
    for seed in 0..50 {
        let mut run = Run::new(Lives::default(), seed);
        run.pass(Duration::from_secs(120));
        run.settled();
        let (Content::Sound(stored), _) = run.world.secret() else { panic!() };
        assert_eq!(stored.bundle().iter().count(), 1, "seed {seed}: the loser's authority is nowhere");
        for replica in &run.replicas {
            let minted = replica.said.iter().filter(|act| act.contains("a new certificate")).count();
            assert_eq!(
                minted, 1,
                "seed {seed}: the loser mints of the winner's at once: {:#?}",
                replica.said
            );
        }
    }
}

#[test]
fn a_replica_that_slept_since_it_looked_puts_no_older_bundle_over_a_newer_one() {
    let mut run = Run::new(leisurely(), 11);
    run.pass(242 * DAY);
    let before = signer(&run);
    run.world.wipe(0);
    run.replicas[0].hear();
    run.put_to_sleep_before_a_change();
    run.tell_everybody();
    run.pass(5 * DAY);
    assert_ne!(signer(&run), before, "the other one has followed the authority up meanwhile");
    run.wake();
    run.pass(DAY);
    run.settled();
}

#[test]
fn a_replica_that_slept_since_it_looked_puts_no_older_authority_over_a_newer_one() {
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
fn three_undisturbed_years_pass_without_a_gap() {
    for seed in 0..2 {
        let mut run = Run::new(leisurely(), seed);
        let mut signers = std::collections::BTreeSet::new();
        for _ in 0..36 {
            run.pass(30 * DAY);
            signers.insert(signer(&run));
        }
        run.settled();
        assert!((4..=5).contains(&signers.len()), "one authority in eight months: {}", signers.len());
        let (Content::Sound(stored), _) = run.world.secret() else { panic!() };
        assert!(stored.bundle().iter().count() <= 2, "what is retired goes in the end");
    }
}

#[test]
fn a_replica_that_starts_in_the_midst_of_a_rotation_has_a_leaf_that_all_trust() {
    let mut run = Run::new(leisurely(), 7);
    run.pass(240 * DAY);
    let before = signer(&run);
    for which in (0..2).cycle().take(60) {
        run.restart(which);
        run.calm_down();
        let issuer = run.replicas[which].leaf().unwrap().held.issuer;
        assert!(run.world.trusts(&issuer), "at {:?}: {:#?}", run.world.now, run.replicas[which].said);
        run.pass_time();
    }
    assert_ne!(signer(&run), before, "the authority was followed up meanwhile");
}

#[test]
fn whatever_goes_wrong_nobody_loses_trust_and_all_is_well_in_the_end() {
    for seed in 0..12 {
        let mut run = Run::new(leisurely(), seed);
        for _ in 0..500 {
            disturb(&mut run);
            run.pass_time();
        }
        run.replicas.iter_mut().for_each(|replica| replica.skew = Skew::default());
        run.pass(10 * DAY);
        run.settled();
    }
}

/// One of the things that happen to a cluster, or none.
fn disturb(run: &mut Run) {
    let which = usize::try_from(run.lots.below(2)).unwrap();
    let days = u32::try_from(1 + run.lots.below(3)).unwrap();
    match run.lots.below(60) {
        0 => run.world.delete_secret(),
        1 => {
            let part = run.lots.below(5);
            run.world.corrupt_secret(part);
        }
        2 => run.world.wipe(which),
        3 | 4 => run.restart(which),
        5 => run.replicas[which].skew = Skew { ahead: days * DAY, behind: Duration::ZERO },
        6 => run.replicas[which].skew = Skew { ahead: Duration::ZERO, behind: days * HOUR },
        7 => run.replicas[which].skew = Skew { ahead: Duration::ZERO, behind: days * DAY },
        8..=12 => run.replicas[which].skew = Skew::default(),
        // The machines sleep, all of them.
        13 => run.world.now += days * 10 * DAY,
        14 if run.lots.once_in(4) => run.world.now += 400 * DAY,
        _ => return,
    }
    run.tell_everybody();
}

#[test]
fn a_leaf_is_renewed_at_the_first_look_after_the_clock_jumped() {
    let mut run = Run::new(Lives::default(), 1);
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
fn a_secret_that_is_deleted_or_corrupt_is_made_anew_before_any_clock_is_looked_at() {
    for seed in 0..20 {
        let mut run = Run::new(Lives::default(), seed);
        run.pass(Duration::from_secs(180));
        run.settled();
        let (before, then) = (signer(&run), run.world.now);
        if seed % 2 == 0 {
            run.world.delete_secret()
        } else {
            run.world.corrupt_secret(seed)
        }
        run.tell_everybody();
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
fn a_bundle_that_is_wiped_is_put_back_before_any_clock_is_looked_at() {
    for seed in 0..20 {
        let mut run = Run::new(Lives::default(), seed);
        run.pass(Duration::from_secs(180));
        run.world.wipe(usize::try_from(seed % 2).unwrap());
        run.tell_everybody();
        run.calm_down();
        let signer = signer(&run);
        assert!(run.world.configurations().iter().all(|live| live.trusts(&signer)), "seed {seed}");
    }
}

#[test]
fn an_authority_that_expired_while_nobody_ran_is_made_anew_at_the_start() {
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
fn a_replica_whose_clock_is_a_year_ahead_takes_no_leaf_from_the_other() {
    let mut run = Run::new(Lives::default(), 5);
    run.pass(Duration::from_secs(180));
    run.replicas[0].skew = Skew { ahead: 400 * DAY, behind: Duration::ZERO };
    run.pass(HOUR);
    // It wants an authority of its own time; the other keeps its leaf, which all trust, and does not fight back.
    let replaced =
        |replica: &Replica| replica.said.iter().filter(|act| act.contains("a new authority")).count();
    assert!(replaced(&run.replicas[0]) <= 2 && replaced(&run.replicas[1]) <= 1);
    assert_eq!(run.replicas[1].readiness(&run.world), Readiness::Ready);
    run.replicas[0].skew = Skew::default();
    run.pass(HOUR);
    run.settled();
}
