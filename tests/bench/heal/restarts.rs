//! One restart of each sidecar: seen through its pod, or not seen at all.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use sidecar_sim::Delay;

use crate::{
    fleet::Fleet,
    harness::{Verdict, median},
};

/// Median and worst time from the first answer of the sidecar to mark-ready.
const MEDIAN: f64 = 300.0;
const WORST: f64 = 1000.0;
/// Time to heal a silent loss beyond the probe interval of 5 s.
const SILENT: f64 = 5500.0;
/// Sidecars begin to answer so long after their container was started, drawn from a seed.
const DELAY: Delay = Delay::Between { shortest: Duration::ZERO, longest: Duration::from_secs(20), seed: 6 };

/// Every other pod is replaced, the others are restarted in place, all at once; their sidecars answer at times of their own.
pub async fn seen(fleet: &Fleet<'_>) -> [Verdict; 2] {
    fleet.world.sidecars.behaviour().start_delay(DELAY);
    let (replaced, restarted) = fleet.nodes.split_at(fleet.nodes.len() / 2);
    let begun = Timestamp::now();
    join_all(replaced.iter().map(|node| fleet.replace_pod(node))).await;
    fleet.restart_in_place(restarted).await;
    let mut lags = Vec::new();
    for (who, nodes) in [("pods replaced", replaced), ("restarted in place", restarted)] {
        let these: Vec<_> = fleet.healed(nodes, begun).await.into_iter().map(lag).collect();
        show(who, &these);
        lags.extend(these);
    }
    fleet.world.sidecars.behaviour().start_delay(Delay::NONE);
    fleet.rests().await;
    [
        Verdict {
            what: "first answer to mark-ready, median (ms)",
            value: millis(median(lags.clone())),
            bound: MEDIAN,
        },
        Verdict { what: "first answer to mark-ready, worst (ms)", value: worst(&lags), bound: WORST },
    ]
}

/// The processes are restarted without a word of their pods.
pub async fn silent(fleet: &Fleet<'_>) -> Verdict {
    let begun = Timestamp::now();
    fleet.nodes.iter().for_each(|node| fleet.sidecar(node).restart_process());
    let lags: Vec<_> = fleet.healed(&fleet.nodes, begun).await.into_iter().map(lag).collect();
    show("silent flips", &lags);
    fleet.rests().await;
    Verdict { what: "silent flip to mark-ready, worst (ms)", value: worst(&lags), bound: SILENT }
}

fn lag((began, healed): (Timestamp, Timestamp)) -> Duration {
    Duration::try_from(healed.duration_since(began)).unwrap_or_default()
}

fn worst(lags: &[Duration]) -> f64 {
    lags.iter().max().copied().map(millis).unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn show(who: &str, lags: &[Duration]) {
    let median = millis(median(lags.iter().copied()));
    println!("{who}: {} of them, median {median:.0} ms, worst {:.0} ms", lags.len(), worst(lags));
}
