//! Random walks: two candidates at once, answers that lag or get lost, writes that take effect late, processes that stand
//! still or die, clocks that do not agree. The same seed walks the same way.

use std::time::Duration;

use jiff::Timestamp;

use super::given::Store;
use crate::fence::Moment;
use crate::lease::{
    candidate::{Candidate, Standing, Terms},
    record::{Found, Write, Written},
};

const WALKS: u64 = 1000;
/// Troubles last so long, in milliseconds,
const STORM: u64 = 180_000;
/// and so long after them somebody must lead.
const CALM: u64 = 75_000;
/// As the edge does it: so long it waits for an answer.
const CALL: u64 = 5_000;

#[test]
fn two_candidates_over_1000_seeded_interleavings_never_lead_at_once() {
    let mut reigns = 0;
    for seed in 0..WALKS {
        let mut walk = Walk::of(seed);
        while walk.now < STORM + CALM {
            walk.step();
            let leaders: Vec<_> = walk.leaders();
            assert!(leaders.len() < 2, "seed {seed}, {} ms: {leaders:?} lead at once", walk.now);
        }
        assert_eq!(walk.leaders().len(), 1, "seed {seed}: nobody leads after all is calm");
        reigns += walk.reigns;
    }
    // A test in which nothing happens proves nothing.
    assert!(reigns > 4 * WALKS, "only {reigns} reigns in {WALKS} walks");
}

/// A process, and what it is doing.
struct Process {
    candidate: Candidate,
    /// Its clock is so far ahead of the others'.
    ahead: u64,
    doing: Doing,
    /// It stands still until then.
    still: u64,
    led: bool,
}

enum Doing {
    Pausing { until: u64 },
    Asking { sent: u64, answer: Option<(u64, Option<Found>)> },
    Writing { sent: u64, write: Write },
}

/// A write on its way.
struct Travelling {
    from: usize,
    sent: u64,
    write: Write,
    arrives: u64,
    /// Its answer, once it took effect; `None` for one that gets lost.
    answer: Option<(u64, Written)>,
    /// Time that its answer takes; `None` when it gets lost.
    back: Option<u64>,
    done: bool,
}

struct Walk {
    dice: Dice,
    now: u64,
    store: Store,
    /// The Lease as it was a while ago: an answer may be as old.
    before: Option<Found>,
    processes: [Process; 2],
    wire: Vec<Travelling>,
    incarnations: u32,
    reigns: u64,
}

impl Walk {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut process = |number: u32| Process::new(number, dice.up_to(1_000_000), 0);
        let processes = [process(0), process(1)];
        Self {
            dice,
            now: 0,
            store: Store::default(),
            before: None,
            processes,
            wire: Vec::new(),
            incarnations: 2,
            reigns: 0,
        }
    }

    fn leaders(&self) -> Vec<usize> {
        let leads = |number: &usize| {
            let process = &self.processes[*number];
            matches!(process.candidate.standing(process.clock(self.now)), Standing::Leads { .. })
        };
        (0..2).filter(leads).collect()
    }

    fn stormy(&self) -> bool {
        self.now < STORM
    }

    fn step(&mut self) {
        self.now += 20 + self.dice.up_to(400);
        if self.dice.one_in(20) {
            self.before = self.store.read();
        }
        self.deliver();
        for number in 0..2 {
            self.trouble(number);
            if self.processes[number].still <= self.now {
                self.act(number);
            }
        }
    }

    /// Writes that arrive take effect, one after the other.
    fn deliver(&mut self) {
        let now = self.now;
        for travelling in self.wire.iter_mut().filter(|it| !it.done && it.arrives <= now) {
            let written = self.store.write(&travelling.write);
            travelling.answer = travelling.back.map(|back| (now + back, written));
            travelling.done = true;
        }
        self.wire.retain(|it| it.answer.is_some() || !it.done);
    }

    /// It stands still, dies, or is told to go.
    fn trouble(&mut self, number: usize) {
        if !self.stormy() {
            return;
        }
        if self.dice.one_in(300) {
            self.processes[number].still = self.now + self.dice.up_to(40_000);
        }
        if self.dice.one_in(600) {
            let process = &mut self.processes[number];
            let (now, found) = (process.clock(self.now), self.store.read());
            if process.still <= self.now
                && let Some(farewell) = process.candidate.farewell(found, now, Timestamp::UNIX_EPOCH)
            {
                self.restart(number);
                self.send(number, farewell);
                // Nobody waits for the answer.
                self.processes[number].doing = Doing::Pausing { until: self.now + 100 };
            }
        }
        if self.dice.one_in(600) {
            self.restart(number);
        }
    }

    fn restart(&mut self, number: usize) {
        self.incarnations += 1;
        let ahead = self.dice.up_to(1_000_000);
        self.processes[number] = Process::new(self.incarnations, ahead, self.now + 200);
        self.wire.retain(|it| it.from != number || !it.done);
        self.wire.iter_mut().filter(|it| it.from == number).for_each(|it| it.back = None);
    }

    fn act(&mut self, number: usize) {
        let now = self.now;
        let process = &mut self.processes[number];
        let clock = process.clock(now);
        let wall = Timestamp::from_millisecond(
            i64::try_from(clock.since(Moment::of(Duration::ZERO)).as_millis()).unwrap(),
        )
        .unwrap();
        match process.candidate.standing(clock) {
            Standing::Deposed(_) => return self.restart(number),
            Standing::Leads { .. } if !process.led => {
                process.led = true;
                self.reigns += 1;
            }
            Standing::Leads { .. } | Standing::Follows => {}
        }
        let process = &mut self.processes[number];
        match &mut process.doing {
            Doing::Pausing { until } if *until > now => {}
            Doing::Pausing { .. } => match process.candidate.renewal(wall) {
                Some(write) => self.send(number, write),
                None => self.ask(number),
            },
            Doing::Asking { answer: Some((at, found)), .. } if *at <= now => {
                let found = found.take();
                match process.candidate.saw(found, clock, wall) {
                    Some(write) => self.send(number, write),
                    None => self.pause(number),
                }
            }
            Doing::Asking { sent, .. } if *sent + CALL <= now => self.pause(number),
            Doing::Asking { .. } => {}
            Doing::Writing { sent, write } => {
                let (sent, write) = (*sent, write.clone());
                let due = |it: &&Travelling| {
                    it.from == number
                        && it.sent == sent
                        && it.answer.as_ref().is_some_and(|(at, _)| *at <= now)
                };
                let answer = self.wire.iter().find(due).and_then(|it| it.answer.clone());
                if let Some((_, written)) = answer {
                    process.candidate.wrote(&write, written, process.clock(sent), clock);
                    self.pause(number);
                } else if sent + CALL <= now {
                    self.pause(number);
                }
            }
        }
    }

    fn ask(&mut self, number: usize) {
        let lost = self.stormy() && self.dice.one_in(10);
        let old = self.stormy() && self.dice.one_in(10);
        let lag = self.lag();
        let found = if old { self.before.clone() } else { self.store.read() };
        let answer = (!lost).then_some((self.now + lag, found));
        self.processes[number].doing = Doing::Asking { sent: self.now, answer };
    }

    fn send(&mut self, number: usize, write: Write) {
        let (there, back) = (self.lag(), self.lag());
        let lost = self.stormy() && self.dice.one_in(12);
        let silent = self.stormy() && self.dice.one_in(8);
        self.processes[number].candidate.sends();
        self.processes[number].doing = Doing::Writing { sent: self.now, write: write.clone() };
        if !lost {
            self.wire.push(Travelling {
                from: number,
                sent: self.now,
                write,
                arrives: self.now + there,
                answer: None,
                back: (!silent).then_some(back),
                done: false,
            });
        }
    }

    /// Mostly milliseconds, at times many seconds.
    fn lag(&mut self) -> u64 {
        if self.stormy() && self.dice.one_in(10) { self.dice.up_to(20_000) } else { self.dice.up_to(50) }
    }

    fn pause(&mut self, number: usize) {
        self.processes[number].doing = Doing::Pausing { until: self.now + 2_000 };
    }
}

impl Process {
    fn new(number: u32, ahead: u64, begins: u64) -> Self {
        Self {
            candidate: Candidate::new(format!("p{number}"), Terms::default()),
            ahead,
            doing: Doing::Pausing { until: begins },
            still: 0,
            led: false,
        }
    }

    fn clock(&self, now: u64) -> Moment {
        Moment::of(Duration::from_millis(now + self.ahead))
    }
}

/// xorshift64*: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn up_to(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.up_to(times) == 0
    }
}
