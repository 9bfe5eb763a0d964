//! The world: what the API server keeps, what runs on the machines, who is at work in it, and what time it is.
//!
//! One step is one deed of one actor. Between any two steps everything is consistent, and every invariant must hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    api_server::ApiServer,
    invariants::{self, Ledger, Secrets, Violation},
    objects::{Key, Kind, Object},
    operator::{self, Fault, Operator},
    sidecars::Sidecars,
    {actors, actors::Deed},
};

/// A step takes this long.
const STEP: SignedDuration = SignedDuration::from_millis(1);
/// At least once in so many steps a watch that is behind brings something.
const LONG: u64 = 50;
/// After this time without a change, time passes faster.
const IDLE: SignedDuration = SignedDuration::from_secs(10);
/// Nothing that anybody waits for takes longer than this.
const PATIENCE: SignedDuration = SignedDuration::from_mins(20);

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    pub api: ApiServer,
    pub sidecars: Sidecars,
    /// Contents of the Secrets.
    pub secrets: Secrets,
    /// The StatefulSets as their controller saw them last.
    pub known_sets: BTreeMap<Key, Rc<Object>>,
    /// Nodes whose pods the API server refuses.
    pub refusing: BTreeSet<Key>,
    /// The controller of StatefulSets acts on what it knows before it looks again.
    pub slow_controllers: bool,
    pub operators: Vec<Operator>,
    /// Memory of the invariants.
    pub ledger: Ledger,
    pub now: Timestamp,
    /// Fault of the operator's next request.
    pub fault: Option<Fault>,
    /// Steps so far.
    steps: u64,
    /// Time of the last change, and how much had changed until then.
    stirred: (Timestamp, u64),
    /// Log of what happened, if somebody wants it.
    trace: Option<Vec<String>>,
}

/// Precedence where several could act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The operator goes on as far as it can before anything else happens.
    OperatorFirst,
    /// Everybody else does all there is to do between two steps of the operator.
    WorldFirst,
}

impl World {
    /// An empty world with one operator, which may be behind.
    pub fn new() -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Self {
            api: ApiServer::default(),
            sidecars: Sidecars::default(),
            secrets: BTreeMap::new(),
            known_sets: BTreeMap::new(),
            refusing: BTreeSet::new(),
            slow_controllers: false,
            operators: vec![Operator::default()],
            ledger: Ledger::default(),
            now,
            fault: None,
            steps: 0,
            stirred: (now, 0),
            trace: None,
        }
    }

    /// From the beginning on, PVCs wait for their first consumer.
    pub fn bind_late(&mut self) {
        self.api.late_binding = true;
        let volumes: Vec<Key> = self.api.list(Kind::Volume).map(|volume| volume.key()).collect();
        for volume in volumes {
            self.api.update(&volume, |volume| {
                if let Object::Volume(pvc) = volume {
                    pvc.status = None;
                    pvc.spec.get_or_insert_default().volume_name = None;
                }
            });
        }
    }

    /// Remembers what happens from now on.
    pub fn record(&mut self) {
        self.trace.get_or_insert_default();
    }

    /// Notes what happened, if somebody wants to know.
    pub fn say(&mut self, words: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.2} s  {}", since_start(now), words()));
        }
    }

    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// Every deed that is possible now without letting time pass.
    pub fn offers(&mut self) -> Vec<Deed> {
        self.deliver();
        let mut offers = actors::offers(self);
        for (index, operator) in self.operators.iter().enumerate() {
            offers.extend(operator.ready(self.now).map(|node| Deed::Operate(index, node)));
            offers.extend(operator.glances(&self.sidecars).into_iter().map(|node| Deed::Glance(index, node)));
        }
        offers
    }

    /// Every watch brings what it brings by now.
    pub fn deliver(&mut self) {
        let Self { api, operators, now, .. } = self;
        for operator in operators {
            operator.deliver(api, *now);
        }
    }

    /// The next deed in a fixed order; `None` when the world has come to rest.
    pub fn next(&mut self, order: Order) -> Option<Deed> {
        // However busy everybody is: no watch stays behind for ever.
        if self.steps.is_multiple_of(LONG)
            && let Some(index) = self.behind()
        {
            return Some(Deed::CatchUp(index));
        }
        let offers = self.offers();
        let is_ours = |deed: &&Deed| matches!(deed, Deed::Operate(..));
        let ours = offers.iter().filter(is_ours).min_by_key(|deed| self.turn(deed));
        let others = offers.iter().find(|deed| !is_ours(deed));
        let (first, second) = match order {
            Order::OperatorFirst => (ours, others),
            Order::WorldFirst => (others, ours),
        };
        first.or(second).cloned().or_else(|| self.waiting())
    }

    /// Turn of the last step: the one longest ago goes first, so passes over several nodes run side by side.
    fn turn(&self, deed: &Deed) -> u64 {
        match deed {
            Deed::Operate(index, node) => self.operators[*index].last_turn(node),
            _ => 0,
        }
    }

    /// Next event when nobody can do anything now: a watch catches up, or time passes.
    pub fn waiting(&self) -> Option<Deed> {
        if let Some(index) = self.behind() {
            return Some(Deed::CatchUp(index));
        }
        let due = self.operators.iter().filter_map(Operator::due).min()?;
        if due > self.stirred.0 + PATIENCE {
            return None;
        }
        // Where nothing changes for long, a retry every few seconds shows no more than a few of them: they come ever later.
        let idle = self.now.duration_since(self.stirred.0);
        let late = if idle > IDLE { self.now + idle / 2 } else { self.now };
        Some(Deed::Wait(due.max(late)))
    }

    /// An operator that is behind; of several, each in its turn.
    fn behind(&self) -> Option<usize> {
        let operators = self.operators.iter().enumerate();
        let behind = operators.filter(|(_, operator)| operator.is_behind(&self.api));
        let behind: Vec<usize> = behind.map(|(index, _)| index).collect();
        let turn = usize::try_from(self.steps / LONG).unwrap_or_default();
        behind.get(turn % behind.len().max(1)).copied()
    }

    /// Does one deed, and checks every invariant.
    ///
    /// # Errors
    /// The invariant that is violated.
    pub fn take(&mut self, deed: Deed) -> Result<(), Violation> {
        self.now += STEP;
        self.steps += 1;
        match deed {
            Deed::Operate(index, node) => operator::step(self, index, &node),
            Deed::CatchUp(index) => self.catch_up(index),
            Deed::Glance(index, node) => {
                self.say(|| format!("operator {index} hears of the gate of {node}"));
                let Self { sidecars, operators, now, .. } = self;
                operators[index].glance(sidecars, &node, *now);
            }
            Deed::Wait(until) => {
                self.now = self.now.max(until);
                self.say(|| "time passes".to_owned());
            }
            other => actors::carry_out(self, other),
        }
        let changes = self.api.version() + self.sidecars.changes() + self.ledger.effects();
        if changes != self.stirred.1 {
            self.stirred = (self.now, changes);
        }
        invariants::hold(self)
    }

    /// A watch that is behind brings one more change.
    pub fn catch_up(&mut self, index: usize) {
        self.say(|| format!("the watches of operator {index} bring one more change"));
        let Self { api, operators, now, .. } = self;
        operators[index].catch_up(api, *now);
    }

    /// Does one deed with what is wrong; says whether that mattered.
    pub fn take_struck(&mut self, deed: Deed) -> (bool, Result<(), Violation>) {
        let result = self.take(deed);
        (self.fault.take().is_none(), result)
    }

    /// Everything that could happen has happened when this much time is over.
    pub fn let_a_day_pass(&mut self) {
        self.now += SignedDuration::from_hours(24);
        self.stirred.0 = self.now;
        let nodes: Vec<Key> = self.api.list(Kind::Node).map(|node| node.key()).collect();
        for operator in self.operators.iter_mut().filter(|operator| !operator.is_retiring()) {
            nodes.iter().for_each(|node| operator.wake(node, self.now));
        }
    }

    /// Something happens that nobody waited for.
    pub fn stir(&mut self) {
        self.stirred.0 = self.now;
    }

    /// Number of changes since the beginning.
    pub fn stirrings(&self) -> u64 {
        self.api.version() + self.sidecars.changes() + self.ledger.effects()
    }
}

fn since_start(now: Timestamp) -> f64 {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    now.duration_since(start).as_secs_f64()
}
