//! Rollouts: how long the operator takes to bring a new image into a node, against a bare script that does the same by hand.
//!
//! `cargo bench --bench rollout`. One run, one warm control plane, both in turns; what is compared are the medians. The
//! script patches the StatefulSet, waits until its controller has seen that, deletes the pod, posts mark-ready the
//! moment the sidecar of the new pod answers, and waits for the same evidence that `seid` runs: its pod is Ready, or it has
//! been up for 30 s. For the operator a rollout is over when every status reports it. Sidecars answer 3 s after their pod
//! has started.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what is wrong by panicking, and its results on standard output"
)]

mod baseline;
mod harness;
#[expect(dead_code, reason = "shared with the integration tests, which use more of it")]
#[path = "../it/kit/operator.rs"]
mod operator;
#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod requests;
#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod run;
mod script;
mod testbed;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::{process::ExitCode, time::Duration};

use devcluster::{Audit, supervisor::Guard};
use futures::future::join_all;
use harness::{Verdict, in_turns, label, median, ratio};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use requests::Requests;
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::{Delay, TaskType};
use testbed::{Place, World};
use wait::{eventually, within};

/// Highest number of requests to the API server for a rollout, events included.
const REQUESTS: f64 = 10.0;
/// Sidecars answer so long after their pod has started.
const START_DELAY: Duration = Duration::from_secs(3);

/// A part of the benchmark.
struct Part {
    /// Its name on the command line.
    name: &'static str,
    /// Nodes rolled out at once.
    nodes: usize,
    /// Measured rounds.
    rounds: usize,
    /// Highest multiple of the time of the script.
    bound: f64,
    /// Names of the measured time and requests.
    verdicts: [&'static str; 2],
}

const PARTS: [Part; 2] = [
    Part {
        name: "one",
        nodes: 1,
        rounds: 7,
        bound: 1.15,
        verdicts: ["one rollout, operator : script", "requests of one rollout"],
    },
    Part {
        name: "hundred",
        nodes: 100,
        rounds: 5,
        bound: 1.3,
        verdicts: ["100 at once, operator : script", "requests a rollout, 100 at once"],
    },
];

fn main() -> ExitCode {
    harness::hold(compare)
}

async fn compare(guard: &Guard) -> Vec<Verdict> {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let comparison = Comparison::open(World::start(guard, Audit::On).await).await;
    let mut verdicts = Vec::new();
    for part in PARTS.iter().filter(|part| chosen.is_empty() || chosen.iter().any(|name| name == part.name)) {
        verdicts.extend(comparison.hold(part).await);
    }
    assert!(!verdicts.is_empty(), "no part is called {chosen:?}: there are \"one\" and \"hundred\"");
    verdicts
}

/// Script and operator on one control plane, each with nodes of its own.
struct Comparison {
    world: World,
    script: Place,
    place: Place,
    _operator: operator::Operator,
}

impl Comparison {
    async fn open(world: World) -> Self {
        let script = Place::make(&world, "rollout-script").await;
        let place = Place::make(&world, "rollout-operator").await;
        let operator = place.operator(&world).await;
        Self { world, script, place, _operator: operator }
    }

    /// Brings nodes up on both sides, and rolls them out in turns.
    async fn hold(&self, part: &Part) -> [Verdict; 2] {
        let sidecars = &self.world.sidecars;
        sidecars.behaviour().start_delay(Delay::NONE);
        let nodes: Vec<_> = (0..part.nodes).map(node).collect();
        let by_hand = self.script.nodes(&nodes);
        let up = by_hand.iter().map(|node| script::bring_up(&self.script.client, sidecars, node, &by_hand));
        within("the script's nodes are up", join_all(up)).await;
        self.place.bring_up(sidecars, &nodes, |_| true).await;
        sidecars.behaviour().start_delay(Delay::Fixed(START_DELAY));

        println!("\nrollouts at once: {} (ms; of each round the slowest node)", part.nodes);
        println!("{:9} {:>8} {:>8} {:>8} {:>14}", "", "script", "operator", "gates", "requests each");
        let (mut rounds, mut last) = (Vec::new(), Requests::default());
        for round in 0..=part.rounds {
            let image = format!("registry.example.com/seid:{}-{round}", part.name);
            let (script, ours) =
                in_turns(round, self.by_hand(&by_hand, &image), self.by_operator(&nodes, &image)).await;
            let times = Times { script, operator: ours.over, gates: ours.gates };
            times.show(&label(round), &format!("{:.2}", ours.requests.each(part.nodes)));
            if round > 0 {
                rounds.push(times);
                last = last.and(ours.requests);
            }
        }
        self.place.clear().await;
        self.script.clear().await;
        let medians = Times::medians(&rounds);
        let requests = last.each(part.nodes * part.rounds);
        medians.show("medians", &format!("{requests:.2} (mean)"));
        last.show(part.nodes * part.rounds);
        let [time, count] = part.verdicts;
        [
            Verdict { what: time, value: ratio(medians.operator, medians.script), bound: part.bound },
            Verdict { what: count, value: requests, bound: REQUESTS },
        ]
    }

    async fn by_hand(&self, nodes: &[SeiNode], image: &str) -> Duration {
        self.script.connect().await;
        let begun = Timestamp::now();
        let rollouts = baseline::roll_all(&self.script.client, &self.world.sidecars, nodes, image);
        within("the script ends", rollouts).await;
        since(begun, Timestamp::now())
    }

    async fn by_operator(&self, nodes: &[SeiNode], image: &str) -> Ours {
        let nodes = self.place.nodes(nodes);
        let api: Api<SeiNode> = Api::namespaced(self.place.client.clone(), &nodes[0].namespace().unwrap());
        let changes = self.place.changes().await;
        self.place.connect().await;
        let begun = Timestamp::now();
        let change = Patch::Merge(json!({"spec": {"image": image}}));
        let names: Vec<_> = nodes.iter().map(ResourceExt::name_any).collect();
        let parameters = PatchParams::default();
        join_all(names.iter().map(|name| async { api.patch(name, &parameters, &change).await.unwrap() }))
            .await;
        changes.until("rolled out", &nodes, |node| is_rolled(node, image)).await;
        let over = since(begun, Timestamp::now());
        let gates = self.opened(&nodes, begun);
        Ours { over, gates, requests: Requests::settled(&self.world.cluster, begun).await }
    }

    /// Time until the last gate was opened. Each was opened since `begun`: only a new pod has one that is shut.
    fn opened(&self, nodes: &[SeiNode], begun: Timestamp) -> Duration {
        let last = |node: &SeiNode| {
            let runs = self.world.sidecars.node(&node.namespace().unwrap(), &node.name_any()).executions();
            let opened = runs.iter().rev().find(|run| run.task == TaskType::MarkReady).map(|run| run.at);
            opened.filter(|at| *at >= begun).unwrap_or_else(|| panic!("{} was not rolled", node.name_any()))
        };
        nodes.iter().map(last).max().map_or(Duration::ZERO, |at| since(begun, at))
    }
}

/// A round of the operator.
struct Ours {
    /// Time until every status reports it.
    over: Duration,
    /// Time until the last gate was open.
    gates: Duration,
    /// Requests of the operator to the API server.
    requests: Requests,
}

/// The times of a round.
struct Times {
    script: Duration,
    operator: Duration,
    gates: Duration,
}

impl Times {
    fn medians(rounds: &[Self]) -> Self {
        let of = |time: fn(&Self) -> Duration| median(rounds.iter().map(time));
        Self { script: of(|it| it.script), operator: of(|it| it.operator), gates: of(|it| it.gates) }
    }

    fn show(&self, label: &str, requests: &str) {
        let [script, operator, gates] = [self.script, self.operator, self.gates].map(|it| it.as_millis());
        println!("{label:9} {script:>8} {operator:>8} {gates:>8} {requests:>14}");
    }
}

fn node(index: usize) -> SeiNode {
    let yaml = format!(
        "{{apiVersion: sei.io/v1alpha1, kind: SeiNode, metadata: {{name: n{index}}}, \
         spec: {{chainId: atlantic-2, image: 'registry.example.com/seid:v1', fullNode: {{}}, \
         peers: [{{static: {{addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}}}]}}}}"
    );
    serde_norway::from_str(&yaml).unwrap()
}

fn is_rolled(node: &SeiNode, image: &str) -> bool {
    let Some(status) = &node.status else { return false };
    let ready = status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
    ready && status.plan.is_none() && status.current_image.as_deref() == Some(image)
}

fn since(begun: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(begun)).unwrap_or_default()
}
