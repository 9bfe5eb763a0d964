//! All sidecars of a fleet restart within a second: the operator against a bare script that posts to the same sidecars.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use kube::ResourceExt;
use uuid::Uuid;

use crate::{
    fleet::Fleet,
    harness::{Verdict, label, median, ratio},
    requests::Requests,
};

/// The last mark-ready is sent at most this many times as late as the script's.
const BOUND: f64 = 1.5;
/// Writes to the API server a heal, events included.
const WRITES: f64 = 5.0;
/// Measured rounds.
const ROUNDS: usize = 3;
/// Poll interval of the script.
const GLANCE: Duration = Duration::from_millis(100);

pub async fn compare(fleet: &mut Fleet<'_>) -> Vec<Verdict> {
    let count = fleet.nodes.len();
    println!("\n{count} sidecars restarted at once (ms; until the last mark-ready)");
    println!("{:9} {:>8} {:>8} {:>10}", "", "script", "operator", "restarts");
    let (mut rounds, mut requests) = (Vec::new(), Requests::default());
    for round in 0..=ROUNDS {
        let (script, ours) = if round % 2 == 0 {
            let script = by_hand(fleet).await;
            (script, by_operator(fleet).await)
        } else {
            let ours = by_operator(fleet).await;
            (by_hand(fleet).await, ours)
        };
        let [hand, operator, restarts] = [script, ours.over, ours.restarts].map(|time| time.as_millis());
        println!("{:9} {hand:>8} {operator:>8} {restarts:>10}", label(round));
        if round > 0 {
            rounds.push((script, ours.over));
            requests = requests.and(ours.requests);
        }
    }
    requests.show(count * ROUNDS);
    let script = median(rounds.iter().map(|(script, _)| *script));
    let operator = median(rounds.iter().map(|(_, operator)| *operator));
    vec![
        Verdict { what: "all at once, operator : script", value: ratio(operator, script), bound: BOUND },
        Verdict { what: "writes a heal", value: requests.writes(count * ROUNDS), bound: WRITES },
        Verdict { what: "requests that were throttled", value: requests.throttled(), bound: 0.0 },
    ]
}

/// A round of the operator.
struct Ours {
    over: Duration,
    /// Time to restart all.
    restarts: Duration,
    requests: Requests,
}

async fn by_operator(fleet: &Fleet<'_>) -> Ours {
    let begun = Timestamp::now();
    let restarts = fleet.restart_in_place(&fleet.nodes).await;
    let over = last(begun, fleet.healed(&fleet.nodes, begun).await);
    fleet.reported(begun).await;
    let requests = Requests::settled(&fleet.world.cluster, begun).await;
    fleet.rests().await;
    Ours { over, restarts, requests }
}

/// Without an operator: it is stopped for so long.
async fn by_hand(fleet: &mut Fleet<'_>) -> Duration {
    fleet.operator.stop().await;
    let web = reqwest::Client::builder().no_proxy().build().unwrap();
    let begun = Timestamp::now();
    let post = async |base: String| {
        let is_shut = async || {
            let answer = web.get(format!("{base}/v0/healthz")).send().await;
            answer.is_ok_and(|answer| answer.status() == 503)
        };
        while !is_shut().await {
            tokio::time::sleep(GLANCE).await;
        }
        let body = serde_json::json!({ "id": Uuid::new_v4().to_string(), "type": "mark-ready" });
        web.post(format!("{base}/v0/tasks")).json(&body).send().await.unwrap();
    };
    let urls =
        fleet.nodes.iter().map(|node| fleet.world.sidecars.url(&node.namespace().unwrap(), &node.name_any()));
    let posts = join_all(urls.map(post));
    let (_, _) = futures::join!(posts, fleet.restart_in_place(&fleet.nodes));
    let over = last(begun, fleet.healed(&fleet.nodes, begun).await);
    fleet.operator = fleet.place.operator(fleet.world).await;
    fleet.rests().await;
    over
}

fn last(begun: Timestamp, healed: Vec<(Timestamp, Timestamp)>) -> Duration {
    let last = healed.into_iter().map(|(_, healed)| healed).max().unwrap_or(begun);
    Duration::try_from(last.duration_since(begun)).unwrap_or_default()
}
