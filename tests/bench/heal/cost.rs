//! An idle fleet: its requests to the API server and the CPU of its probes.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::{fleet::Fleet, harness::Verdict, requests::Requests};

/// Percent of one core, with probes every 5 s.
const CPU: f64 = 3.0;
/// Time for which the fleet is watched.
const WINDOW: Duration = Duration::from_secs(60);

pub async fn at_rest(fleet: &Fleet<'_>) -> [Verdict; 2] {
    fleet.rests().await;
    // Events and late status writes come to their end.
    Requests::settled(&fleet.world.cluster, Timestamp::now()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (quiet, begun, before) = (Timestamp::now(), Instant::now(), cpu(fleet).await);
    tokio::time::sleep(WINDOW).await;
    let used = (cpu(fleet).await - before) / begun.elapsed().as_secs_f64() * 100.0;
    let requests = Requests::settled(&fleet.world.cluster, quiet).await;
    println!("\n{} nodes at rest: {used:.2} % of one core", fleet.nodes.len());
    requests.show(1);
    [
        Verdict { what: "a fleet at rest, CPU (% of one core)", value: used, bound: CPU },
        Verdict { what: "a fleet at rest, requests but watches", value: requests.each(1), bound: 0.0 },
    ]
}

/// Seconds on CPUs so far.
async fn cpu(fleet: &Fleet<'_>) -> f64 {
    let (_, text) = fleet.operator.get("metrics", "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no CPU time in {text}"))
}
