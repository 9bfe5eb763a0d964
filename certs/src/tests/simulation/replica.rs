//! One replica: the loop of `rotate`, one request at a time, so that others can come between any two of them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::world::World;
use crate::{
    certificate::{Bundle, Certificate, Validity},
    configuration::{Configuration, Live},
    decide::{Act, Seen, Why, decide},
    issue::Leaf,
    lifetimes::{earlier, later},
    rate_limit::RateLimit,
    report::{self, Readiness},
    rotation::{Content, Rotation},
    stored::Stored,
    tests::fixtures::{begun, names},
    trust::Trust,
};

/// Error of a wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skew {
    pub(crate) ahead: Duration,
    pub(crate) behind: Duration,
}

pub(crate) struct Replica {
    origin: Instant,
    pub(crate) skew: Skew,
    /// Something changed that it has not heard of yet.
    pub(crate) news: bool,
    stage: Stage,
    outdated: bool,
    view: Option<View>,
    trust: Trust,
    known: Bundle,
    leaf: Option<Leaf>,
    /// Every API server has trusted the leaf once.
    established: bool,
    rate_limit: RateLimit<()>,
    pub(crate) log: Vec<String>,
}

struct View {
    live: Vec<Live>,
    content: Content,
    version: Option<u64>,
}

/// The next request.
enum Stage {
    Idle,
    Look,
    LookAtSecret(Vec<Live>),
    Write(Box<Stored>),
    Inject(VecDeque<Configuration>),
}

impl Replica {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            origin: Instant::now(),
            skew: Skew::default(),
            news: false,
            stage: Stage::Look,
            outdated: true,
            view: None,
            trust: Trust::default(),
            known: Bundle::default(),
            leaf: None,
            established: false,
            rate_limit: RateLimit::new(3, world.lifetimes.patience()),
            log: Vec::new(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Reports whether its next request changes something.
    pub(crate) fn is_about_to_write(&self) -> bool {
        matches!(self.stage, Stage::Write(_) | Stage::Inject(_))
    }

    /// Looks at the clock, without asking anybody.
    pub(crate) fn tick(&mut self, world: &World) {
        if self.is_idle() && !matches!(self.decide(world), Act::Rest) {
            self.stage = Stage::Look;
        }
    }

    /// Hears that something changed.
    pub(crate) fn hear(&mut self) {
        self.news = false;
        self.outdated = true;
        if self.is_idle() {
            self.stage = Stage::Look;
        }
    }

    /// Does one request and what follows from it at once. Returns whether it changed anything.
    pub(crate) fn step(&mut self, world: &mut World) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => return false,
            Stage::Look => {
                self.stage = Stage::LookAtSecret(world.configurations());
                return false;
            }
            Stage::LookAtSecret(live) => {
                let (content, version) = world.secret();
                self.view = Some(View { live, content, version });
                self.outdated = false;
                self.update_trust(world);
                self.go_on(world);
                return false;
            }
            Stage::Write(stored) => {
                let view = self.view.as_mut().unwrap();
                match world.write(&stored, view.version) {
                    Some(version) => {
                        view.version = Some(version);
                        view.content = Content::Sound(*stored);
                        self.update_trust(world);
                    }
                    None => self.outdated = true,
                }
            }
            Stage::Inject(mut which) => {
                let view = self.view.as_mut().unwrap();
                let Content::Sound(stored) = &view.content else { panic!("nothing to inject") };
                let configuration = which.pop_front().unwrap();
                let live = view.live.iter_mut().find(|live| live.configuration == configuration).unwrap();
                match world.apply(live, &stored.bundle()) {
                    Some(now_there) => *live = now_there,
                    None => self.outdated = true,
                }
                self.update_trust(world);
                if !which.is_empty() {
                    self.stage = Stage::Inject(which);
                    return true;
                }
            }
        }
        self.go_on(world);
        true
    }

    /// Decides what the next request is, on what was read in this pass.
    fn go_on(&mut self, world: &World) {
        for _ in 0..4 {
            if self.outdated {
                self.stage = Stage::Look;
                return;
            }
            let act = self.decide(world);
            if act != Act::Rest {
                self.log.push(format!("{:?} {act}", world.now));
            }
            match act {
                Act::Rest => return,
                Act::Write(rotation) => return self.write(&rotation, world),
                Act::Mint(why) => self.mint(why, world),
                Act::Inject(which) => {
                    self.stage = Stage::Inject(which.into_iter().collect());
                    return;
                }
            }
        }
        panic!("it mints over and over: {:#?}", self.log);
    }

    fn write(&mut self, rotation: &Rotation, world: &World) {
        if matches!(rotation, Rotation::Replace(_)) && !self.rate_limit.admit(&(), self.instant(world)) {
            return;
        }
        let View { live, content, .. } = self.view.as_ref().unwrap();
        let mut known = self.known.clone();
        for live in live {
            known.extend(live.authorities().iter().cloned());
        }
        let stored =
            rotation.carry_out(content, &known, &names(), self.clock(world), &world.lifetimes).unwrap();
        self.stage = Stage::Write(Box::new(stored));
    }

    fn mint(&mut self, why: Why, world: &World) {
        let Content::Sound(stored) = &self.view.as_ref().unwrap().content else {
            panic!("nothing to mint from")
        };
        let leaf = stored.signer.mint(&names(), self.clock(world), &world.lifetimes).unwrap();
        // Exchanged without need, it must be trusted from its first moment.
        self.established = match why {
            Why::Successor => true,
            Why::Aged => self.established,
            Why::First | Why::Expired | Why::NotYetValid | Why::Disowned => false,
        };
        self.leaf = Some(leaf);
        self.update_trust(world);
    }

    /// Asserts what must hold at every moment.
    pub(crate) fn check(&mut self, world: &World, name: &str) {
        let Some(leaf) = &self.leaf else { return };
        let trusted = world.trusts(&leaf.held.issuer);
        let valid = leaf.held.validity(later(begun(), world.now)) == Validity::Valid;
        assert!(
            trusted || !self.established || !valid,
            "{name} presents a leaf that is trusted no longer, at {:?}: {leaf:?}\n{:#?}",
            world.now,
            self.log
        );
        self.established |= trusted;
    }

    /// Its own report on whether it serves.
    pub(crate) fn readiness(&self, world: &World) -> Readiness {
        let live = self.view.as_ref().map_or(&[][..], |view| &view.live);
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        report::of_leaf(leaf, live, self.clock(world), &world.lifetimes)
    }

    pub(crate) fn leaf(&self) -> Option<&Leaf> {
        self.leaf.as_ref()
    }

    fn decide(&self, world: &World) -> Act {
        let Some(View { live, content, .. }) = &self.view else { return Act::Rest };
        let trusted = self.trust.lasting(self.instant(world));
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let seen = Seen { now: self.clock(world), names: &names(), content, live, trusted: &trusted, leaf };
        decide(&seen, &world.lifetimes)
    }

    fn update_trust(&mut self, world: &World) {
        let View { live, content, .. } = self.view.as_ref().unwrap();
        if let Content::Sound(stored) = content {
            self.known = stored.bundle();
        }
        let ours = self.leaf.as_ref().map(|leaf| leaf.held.issuer);
        let candidates: Vec<_> = self.known.iter().map(Certificate::fingerprint).chain(ours).collect();
        self.trust.update(live, &candidates, self.origin + world.now);
    }

    fn clock(&self, world: &World) -> Timestamp {
        earlier(later(later(begun(), world.now), self.skew.ahead), self.skew.behind)
    }

    fn instant(&self, world: &World) -> Instant {
        self.origin + world.now
    }
}
