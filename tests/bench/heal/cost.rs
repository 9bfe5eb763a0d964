//! A fleet at rest: what it asks of the API server, and how much CPU its probes take.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::{crowd::Crowd, frame::Verdict, requests::Requests};

/// Issue 6: of one core, in percent, with probes every 5 s.
const CPU: f64 = 3.0;
/// So long it is watched.
const WINDOW: Duration = Duration::from_secs(60);

pub async fn at_rest(crowd: &Crowd<'_>) -> [Verdict; 2] {
    crowd.rests().await;
    // Events and late status writes come to their end.
    Requests::settled(&crowd.world.cluster, Timestamp::now()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (quiet, begun, before) = (Timestamp::now(), Instant::now(), cpu(crowd).await);
    tokio::time::sleep(WINDOW).await;
    let used = (cpu(crowd).await - before) / begun.elapsed().as_secs_f64() * 100.0;
    let asked = Requests::settled(&crowd.world.cluster, quiet).await;
    println!("\n{} nodes at rest: {used:.2} % of one core", crowd.nodes.len());
    asked.show(1);
    [
        Verdict { what: "a fleet at rest, CPU (% of one core)", value: used, bound: CPU },
        Verdict { what: "a fleet at rest, requests but watches", value: asked.each(1), bound: 0.0 },
    ]
}

/// Seconds on CPUs so far.
async fn cpu(crowd: &Crowd<'_>) -> f64 {
    let (_, text) = crowd.operator.get("metrics", "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no CPU time in {text}"))
}
