//! The release binary under siege: hostile clients at its ports, while an API server sends genuine reviews.
//!
//! `cargo bench --bench siege`. The attacks, one after the other, each bounded in time and in connections: large bodies whose
//! JSON is expensive as a tree; connections that announce a body and send one byte; silent connections to the health port and
//! to the metrics port; handshakes that stall; 50 large bodies at once. No control plane runs: the binary is given a
//! certificate in files, and an API server that refuses connections. All traffic is on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark reports failures by panicking, and its results on standard output"
)]

#[path = "siege/attacks.rs"]
mod attacks;
#[path = "siege/binary.rs"]
mod binary;
#[path = "siege/genuine.rs"]
mod genuine;
#[allow(dead_code, reason = "rounds are compared by other benchmarks")]
mod harness;
#[path = "siege/review.rs"]
mod review;

use std::{process::ExitCode, sync::Arc, time::Duration};

use harness::Verdict;
use tokio_util::sync::CancellationToken;

use self::{attacks::ATTACKS, binary::Binary, genuine::Tally};

/// Time of each attack.
const LASTS: Duration = Duration::from_secs(12);
/// Time before each attack in which only genuine reviews are sent.
const CALM: Duration = Duration::from_secs(1);
/// Share of genuine reviews that may not be answered within a second.
const UNANSWERED: f64 = 0.001;
/// Resident memory of the binary, in MiB.
const RESIDENT: f64 = 200.0;
/// Time of `/livez`, in seconds.
const LIVEZ: f64 = 1.0;

fn main() -> ExitCode {
    harness::hold(async |_| siege().await)
}

async fn siege() -> Vec<Verdict> {
    let binary = Arc::new(Binary::start().await);
    println!(
        "{:28} {:>9} {:>10} {:>9} {:>12} {:>12}",
        "", "reviews", "unanswered", "p99 (ms)", "livez (ms)", "peak (MiB)"
    );
    let (mut reviews, mut unanswered, mut slowest) = (0, 0, Duration::ZERO);
    for (name, attack) in ATTACKS {
        let stop = CancellationToken::new();
        let genuine = tokio::spawn(genuine::send(Arc::clone(&binary), stop.clone()));
        let livez = tokio::spawn(genuine::probe(Arc::clone(&binary), stop.clone()));
        tokio::time::sleep(CALM).await;
        let hostile = CancellationToken::new();
        let attacker = tokio::spawn(attack(Arc::clone(&binary), hostile.clone()));
        tokio::time::sleep(LASTS).await;
        stop.cancel();
        let (tally, livez) = (genuine.await.unwrap(), livez.await.unwrap());
        hostile.cancel();
        attacker.await.unwrap();
        let Tally { sent, late, p99 } = tally;
        println!(
            "{name:28} {sent:>9} {late:>10} {:>9.1} {:>12.1} {:>12.1}",
            p99.as_secs_f64() * 1e3,
            livez.as_secs_f64() * 1e3,
            binary.peak_mib()
        );
        reviews += sent;
        unanswered += late;
        slowest = slowest.max(livez);
    }
    vec![
        Verdict {
            what: "share of genuine reviews not answered within 1 s",
            value: f64::from(unanswered) / f64::from(reviews),
            bound: UNANSWERED,
        },
        Verdict { what: "resident memory at its peak (MiB)", value: binary.peak_mib(), bound: RESIDENT },
        Verdict { what: "slowest /livez (s)", value: slowest.as_secs_f64(), bound: LIVEZ },
    ]
}
