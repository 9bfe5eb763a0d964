//! Harness of every benchmark: its start, rounds in turns, statistics, and bounds.

use std::{process::ExitCode, time::Duration};

use devcluster::supervisor::{self, Guard};

/// Runs a benchmark under `cargo bench`. Fails when a bound is exceeded.
pub fn hold(benchmark: impl AsyncFnOnce(&Guard) -> Vec<Verdict>) -> ExitCode {
    // First of all: this executable may be running as the watchdog of another run of itself.
    let guard = supervisor::claim();
    // `cargo test --benches` runs this too, without measuring.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().expect("no runtime could be made");
    let verdicts = runtime.block_on(benchmark(&guard));
    println!();
    for verdict in &verdicts {
        verdict.show();
    }
    if verdicts.iter().all(Verdict::is_kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Result of a benchmark, or of a part of it.
pub struct Verdict {
    /// Name of the measured value.
    pub what: &'static str,
    /// Measured value.
    pub value: f64,
    /// Highest allowed value.
    pub bound: f64,
}

impl Verdict {
    fn is_kept(&self) -> bool {
        self.value <= self.bound
    }

    fn show(&self) {
        let Self { what, value, bound } = self;
        let verdict = if self.is_kept() { "is within" } else { "EXCEEDS" };
        println!("{what}: {value:.2} {verdict} the bound of {bound}");
    }
}

/// Runs both, in an order that alternates by round, so that each meets the control plane as the other left it.
pub async fn in_turns<A, B>(
    round: usize,
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> (A, B) {
    if round.is_multiple_of(2) {
        let one = one.await;
        (one, other.await)
    } else {
        let other = other.await;
        (one.await, other)
    }
}

/// Label of a round. The first one warms up.
pub fn label(round: usize) -> String {
    if round == 0 { "warm-up".to_owned() } else { format!("round {round}") }
}

/// The median of some values.
pub fn median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort();
    values[values.len() / 2]
}

/// `time` as a multiple of `baseline`.
pub fn ratio(time: Duration, baseline: Duration) -> f64 {
    time.as_secs_f64() / baseline.as_secs_f64()
}
