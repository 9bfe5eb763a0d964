//! Admission: the cost of a review, against the same server with a reviewer that returns a constant.
//!
//! `cargo bench --bench admission`. One run, both servers as processes of their own, in turns; what is compared are the
//! medians of the rounds. Both are called through TLS as an API server calls them. First as fast as eight connections can;
//! then at 300 requests a second, while 200 idle connections are open and a review of 3 MiB follows the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what is wrong by panicking, and its results on standard output"
)]

#[path = "admission/caller.rs"]
mod caller;
mod harness;
#[path = "admission/review.rs"]
mod review;
#[path = "admission/served.rs"]
mod served;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use futures::future::join_all;
use harness::{Verdict, in_turns, label, median, ratio};
use tokio::time::{sleep_until, timeout};

use self::{
    caller::Caller,
    served::{Kind, Served},
};

/// Rounds that count.
const ROUNDS: usize = 6;
/// Connections that call as fast as they can, and calls of each in a round.
const CALLERS: usize = 8;
const CALLS: usize = 2000;
/// Calls in a second, and seconds of a round.
const RATE: u32 = 300;
const SECONDS: u32 = 5;
/// Connections that only stand there.
const IDLE: usize = 200;
/// At least 0.7 of the throughput: the same calls may take this many times as long.
const SLOWER: f64 = 1.0 / 0.7;
/// The 99th percentile, against that of the constant.
const LATER: f64 = 3.0;
/// Memory of the later rounds against that of the earlier ones: allocators keep a little, now more and now less.
const GROWTH: f64 = 1.1;

/// As the binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match served::asked_for() {
        Some(kind) => served::serve(kind),
        None => harness::hold(async |_| compare().await),
    }
}

async fn compare() -> Vec<Verdict> {
    let (real, constant) = (Served::start(Kind::Real).await, Served::start(Kind::Constant).await);
    println!(
        "{:9} {:>12} {:>12} {:>12} {:>12} {:>10}",
        "", "calls/s", "constant", "p99 (ms)", "constant", "KiB"
    );
    let (mut fast, mut paced, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let throughput = in_turns(round, flat_out(&real), flat_out(&constant)).await;
        let latency = in_turns(round, at_a_pace(&real), at_a_pace(&constant)).await;
        let resident = real.resident_kib();
        let per_second = |took: Duration| (CALLERS * CALLS) as f64 / took.as_secs_f64();
        println!(
            "{:9} {:>12.0} {:>12.0} {:>12.2} {:>12.2} {:>10}",
            label(round),
            per_second(throughput.0),
            per_second(throughput.1),
            latency.0.as_secs_f64() * 1e3,
            latency.1.as_secs_f64() * 1e3,
            resident
        );
        if round > 0 {
            memory.push(resident);
            fast.push(throughput);
            paced.push(latency);
        }
    }
    let of = |rounds: &[(Duration, Duration)]| {
        ratio(median(rounds.iter().map(|round| round.0)), median(rounds.iter().map(|round| round.1)))
    };
    let (earlier, later) = memory.split_at(ROUNDS / 2);
    let growth = median(later.iter().copied()) as f64 / median(earlier.iter().copied()) as f64;
    vec![
        Verdict { what: "time of the same calls, reviewed : constant", value: of(&fast), bound: SLOWER },
        Verdict { what: "p99 at 300 calls/s, reviewed : constant", value: of(&paced), bound: LATER },
        Verdict { what: "memory, later rounds : earlier", value: growth, bound: GROWTH },
    ]
}

/// Time of all calls, one right after the other.
async fn flat_out(served: &Served) -> Duration {
    let mut callers = join_all((0..CALLERS).map(|_| Caller::connect(served))).await;
    let small = review::small();
    let begun = Instant::now();
    join_all(callers.iter_mut().map(async |caller| {
        for _ in 0..CALLS {
            caller.call(&small).await;
        }
    }))
    .await;
    begun.elapsed()
}

/// The 99th percentile of calls that come at their time, whether those before them are answered or not.
async fn at_a_pace(served: &Served) -> Duration {
    let _idle = join_all((0..IDLE).map(|_| Caller::connect(served))).await;
    let mut callers = join_all((0..CALLERS).map(|_| Caller::connect(served))).await;
    let mut large = Caller::connect(served).await;
    let (small, big) = (review::small(), review::large());
    let begun = tokio::time::Instant::now();
    let total = RATE * SECONDS;
    let lanes = callers.iter_mut().enumerate().map(async |(lane, caller)| {
        let mut times = Vec::new();
        for number in (u32::try_from(lane).unwrap()..total).step_by(CALLERS) {
            let due = begun + Duration::from_secs(1) * number / RATE;
            sleep_until(due).await;
            caller.call(&small).await;
            times.push(due.elapsed());
        }
        times
    });
    let heavy = async {
        loop {
            large.call(&big).await;
        }
    };
    let heavy = timeout(Duration::from_secs(SECONDS.into()), heavy);
    let (times, _): (Vec<Vec<Duration>>, _) = tokio::join!(join_all(lanes), heavy);
    let mut times = times.concat();
    times.sort();
    times[times.len() * 99 / 100]
}
