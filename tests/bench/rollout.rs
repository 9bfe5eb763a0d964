//! Rollouts: how long the operator takes to bring a new image into a node, against a bare script that does the same by hand.
//!
//! `cargo bench --bench rollout`. One run, one warm control plane, both in turns; what is compared are the medians. The
//! script patches the StatefulSet, waits until its controller has seen that, deletes the pod, and posts mark-ready the
//! moment the sidecar of the new pod answers. For both a rollout is over when the sidecar of a new pod has opened its gate,
//! by the simulated sidecar's own clock. Sidecars answer 3 s after their pod has started.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what is wrong by panicking, and its results on standard output"
)]

#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod arena;
mod floor;
#[expect(dead_code, reason = "shared with the integration tests, which use more of it")]
#[path = "../it/kit/operator.rs"]
mod operator;
#[expect(dead_code, reason = "shared with the other benchmarks, which use more of it")]
mod run;
mod script;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use arena::{Place, World};
use devcluster::{
    Audit, Cluster, Options, Progress,
    audit::{self, Request},
    guardian,
    sidecar::{Delay, Sidecars},
};
use futures::future::join_all;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use seinode_api::SeiNode;
use serde_json::json;
use wait::{eventually, within};

/// Issue 5: one rollout takes at most this many times as long as the script.
const ONE: f64 = 1.15;
/// Issue 5: a hundred at once.
const HUNDRED: f64 = 1.3;
/// Issue 5: so many requests to the API server a rollout, events included.
const REQUESTS: f64 = 10.0;
/// Sidecars answer so long after their pod has started.
const START_DELAY: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    // First of all: this executable may be running as the keeper of another run of itself.
    let guard = guardian::claim();
    // `cargo test --benches` runs this too, and means to measure nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().expect("no runtime could be made");
    runtime.block_on(run(&guard))
}

async fn run(guard: &guardian::Guard) -> ExitCode {
    let crds = vec![seinode_api::crd::seinode()];
    let options = Options { crds, audit: Audit::On, progress: Progress::lines(), ..Options::default() };
    let cluster = Cluster::start(options, guard).await.unwrap_or_else(|error| panic!("{error}"));
    let sidecars = Sidecars::start(cluster.client()).await.unwrap();
    let contest = Contest::open(World { cluster, sidecars }).await;
    let one = contest.hold("one rollout", 1, 7).await;
    let hundred = contest.hold("100 rollouts at once", 100, 3).await;
    let mut kept = true;
    for (what, value, bound) in [
        ("one rollout, operator : script", one.ratio, ONE),
        ("100 at once, operator : script", hundred.ratio, HUNDRED),
        ("requests of one rollout", one.requests, REQUESTS),
        ("requests a rollout, 100 at once", hundred.requests, REQUESTS),
    ] {
        let verdict = if value <= bound { "within" } else { "EXCEEDS" };
        println!("{what}: {value:.2} {verdict} the bound of {bound}");
        kept &= value <= bound;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Both contestants on one control plane, each with nodes of its own.
struct Contest {
    world: World,
    script: Place,
    place: Place,
    _operator: operator::Operator,
}

/// What came of the rounds.
struct Result {
    /// How many times as long as the script the operator took.
    ratio: f64,
    /// Requests of the operator a rollout, watches aside.
    requests: f64,
}

impl Contest {
    async fn open(world: World) -> Self {
        let script = Place::make(&world, "rollout-script").await;
        let place = Place::make(&world, "rollout-operator").await;
        let operator = place.operator(&world).await;
        Self { world, script, place, _operator: operator }
    }

    /// Brings nodes up on both sides, and rolls them out in turns.
    async fn hold(&self, title: &str, count: usize, rounds: usize) -> Result {
        println!("\n{title} (ms; of each round the slowest node)");
        self.world.sidecars.behaviour().start_delay(Delay::NONE);
        let nodes: Vec<_> = (0..count).map(node).collect();
        let by_hand = self.script.nodes(&nodes);
        let (client, sidecars) = (&self.script.client, &self.world.sidecars);
        let up = by_hand.iter().map(|node| script::bring_up(client, sidecars, node, &by_hand));
        within("the script's nodes are up", join_all(up)).await;
        self.place.bring_up(sidecars, &nodes, |_| true).await;
        self.world.sidecars.behaviour().start_delay(Delay::Fixed(START_DELAY));

        let (mut script, mut operator, mut requests) = (Vec::new(), Vec::new(), Vec::new());
        // The first round warms up whatever is cold.
        for round in 0..=rounds {
            let image = format!("registry.example.com/seid:{title}-{round}").replace(' ', "-");
            let (hand, ours) = if round % 2 == 0 {
                let hand = self.by_hand(&by_hand, &image).await;
                (hand, self.by_operator(&nodes, &image).await)
            } else {
                let ours = self.by_operator(&nodes, &image).await;
                (self.by_hand(&by_hand, &image).await, ours)
            };
            let label = if round == 0 { "warm-up".to_owned() } else { format!("round {round}") };
            let asked = ours.asked.values().sum::<usize>();
            let each = f64::from(u32::try_from(asked).unwrap()) / f64::from(u32::try_from(count).unwrap());
            println!(
                "{label:9} script {:>6}   operator {:>6}, told {:>6}, {each:.1} requests each",
                hand.as_millis(),
                ours.over.as_millis(),
                ours.told.as_millis()
            );
            if round > 0 {
                script.push(hand);
                operator.push(ours.over);
                requests.push(each);
            }
            if round == rounds {
                let list: Vec<_> = ours.asked.iter().map(|(what, times)| format!("{times} {what}")).collect();
                println!("requests of the last round: {}", list.join(", "));
            }
        }
        self.place.clear().await;
        self.script.clear().await;
        requests.sort_by(f64::total_cmp);
        let ratio = median(&mut operator).as_secs_f64() / median(&mut script).as_secs_f64();
        println!("ratio {ratio:.2}");
        Result { ratio, requests: requests[requests.len() / 2] }
    }

    async fn by_hand(&self, nodes: &[SeiNode], image: &str) -> Duration {
        self.script.connect().await;
        let begun = Timestamp::now();
        let (client, sidecars) = (&self.script.client, &self.world.sidecars);
        let rollouts = nodes.iter().map(|node| floor::roll(client, sidecars, node, image));
        within("the script ends", join_all(rollouts)).await;
        self.opened(nodes, begun)
    }

    async fn by_operator(&self, nodes: &[SeiNode], image: &str) -> Ours {
        let nodes = self.place.nodes(nodes);
        let api: Api<SeiNode> = Api::namespaced(self.place.client.clone(), &nodes[0].namespace().unwrap());
        self.place.connect().await;
        let begun = Timestamp::now();
        let change = Patch::Merge(json!({"spec": {"image": image}}));
        let names: Vec<_> = nodes.iter().map(ResourceExt::name_any).collect();
        let parameters = PatchParams::default();
        join_all(names.iter().map(|name| async { api.patch(name, &parameters, &change).await.unwrap() }))
            .await;
        eventually("every node is rolled out", async || {
            let all = api.list(&Default::default()).await.unwrap().items;
            let left: Vec<_> =
                all.iter().filter(|node| !is_rolled(node, image)).map(SeiNode::name_any).collect();
            if left.is_empty() { Ok(()) } else { Err(left) }
        })
        .await;
        let told = since(begun, Timestamp::now());
        let over = self.opened(&nodes, begun);
        let asked = self.settled(begun).await;
        Ours { over, told, asked }
    }

    /// When the last gate of a new pod was opened.
    fn opened(&self, nodes: &[SeiNode], begun: Timestamp) -> Duration {
        let last = |node: &SeiNode| {
            let runs = self.world.sidecars.node(&node.namespace().unwrap(), &node.name_any()).executions();
            runs.iter().rev().find(|run| run.task.to_string() == "mark-ready").map(|run| run.at)
        };
        nodes.iter().filter_map(last).max().map_or(Duration::ZERO, |at| since(begun, at))
    }

    /// What the operator asked since then, once nothing more comes.
    async fn settled(&self, begun: Timestamp) -> BTreeMap<String, usize> {
        let mut before = usize::MAX;
        eventually("no request comes any more", async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let asked = self.asked(begun);
            match std::mem::replace(&mut before, asked.len()) == asked.len() {
                true => Ok(()),
                false => Err(asked.len()),
            }
        })
        .await;
        let mut kinds = BTreeMap::new();
        for request in self.asked(begun) {
            *kinds.entry(format!("{} {}", request.verb, request.resource)).or_default() += 1;
        }
        kinds
    }

    fn asked(&self, begun: Timestamp) -> Vec<Request> {
        let log = self.world.cluster.audit_log().unwrap();
        let ours = |it: &Request| it.user_agent.starts_with("seinode-operator/") && it.verb != "watch";
        audit::requests(&log, begun).unwrap().into_iter().filter(ours).collect()
    }
}

/// A round of the operator.
struct Ours {
    /// When the last gate was open.
    over: Duration,
    /// When every status said so.
    told: Duration,
    /// What it asked of the API server, and how often.
    asked: BTreeMap<String, usize>,
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

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
