//! Two replicas in their world: whose turn it is, how time passes, and what must hold meanwhile and at rest.

use std::time::Duration;

use super::{Lots, replica::Replica, world::World};
use crate::{
    certificate::Fingerprint, lifetimes::Lifetimes, report::Readiness, rotation::Content,
    tests::fixtures::HOUR,
};

/// Two replicas in their world.
pub(super) struct Run {
    pub(super) world: World,
    pub(super) replicas: Vec<Replica>,
    pub(super) lots: Lots,
    /// A replica whose process is stopped, in the middle of whatever it does.
    asleep: Option<usize>,
}

/// Real lifetimes, looked at less often, so that years pass quickly.
pub(super) fn leisurely() -> Lifetimes {
    Lifetimes { settling: 6 * HOUR, check: 6 * HOUR, ..Lifetimes::default() }
}

impl Run {
    pub(super) fn new(lifetimes: Lifetimes, seed: u64) -> Self {
        let lag = lifetimes.settling.mul_f64(0.9);
        let world = World::new(lifetimes, lag);
        let replicas = vec![Replica::new(&world), Replica::new(&world)];
        let mut run = Self { world, replicas, lots: Lots::new(seed), asleep: None };
        run.calm_down();
        run
    }

    /// Lets requests go their way, in any order, until nobody has anything to do. Time passes meanwhile, a little.
    pub(super) fn calm_down(&mut self) {
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
                self.notify_all();
            }
        }
        panic!("they do not come to rest: {:#?}", self.replicas.iter().map(|it| &it.log).collect::<Vec<_>>());
    }

    pub(super) fn notify_all(&mut self) {
        self.replicas.iter_mut().for_each(|replica| replica.news = true);
    }

    /// Lets time pass until the clocks are looked at again.
    pub(super) fn pass_time(&mut self) {
        self.world.now += self.world.lifetimes.check;
        self.check();
        for (which, replica) in self.replicas.iter_mut().enumerate() {
            if self.asleep != Some(which) {
                replica.tick(&self.world);
            }
        }
        self.calm_down();
    }

    pub(super) fn pass(&mut self, time: Duration) {
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
    pub(super) fn settled(&self) {
        let (Content::Sound(stored), _) = self.world.secret() else { panic!("the Secret is not in order") };
        let signer = stored.signer.certificate().fingerprint();
        for replica in &self.replicas {
            assert_eq!(replica.readiness(&self.world), Readiness::Ready, "{:#?}", replica.log);
            assert_eq!(replica.leaf().unwrap().held.issuer, signer, "{:#?}", replica.log);
        }
        assert!(self.world.trusts(&signer));
    }

    /// Stops the first replica right before its next change.
    pub(super) fn put_to_sleep_before_a_change(&mut self) {
        while !self.replicas[0].is_about_to_write() {
            assert!(!self.replicas[0].is_idle(), "it has nothing to change");
            self.replicas[0].step(&mut self.world);
        }
        self.asleep = Some(0);
    }

    pub(super) fn wake(&mut self) {
        self.asleep = None;
        self.calm_down();
    }

    pub(super) fn restart(&mut self, which: usize) {
        let skew = self.replicas[which].skew;
        self.replicas[which] = Replica::new(&self.world);
        self.replicas[which].skew = skew;
    }
}

/// The authority that signs now.
pub(super) fn signer(run: &Run) -> Fingerprint {
    let (Content::Sound(stored), _) = run.world.secret() else { panic!("the Secret is not in order") };
    stored.signer.certificate().fingerprint()
}
