//! One run: its time, and where that went, as the sidecars saw it.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;
use seinode_api::SeiNode;
use sidecar_sim::{Answer, Sidecars, TaskType};

use crate::harness;

/// Times that the slowest node took to each stage, from the beginning of the run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Its sidecar was asked for the first time, and may not have been there yet: the objects are applied, the pod
    /// has its address.
    pub knocked: Duration,
    /// Its sidecar answered for the first time.
    pub answered: Duration,
    /// Its last task was handed over.
    pub handed: Duration,
    /// Its gate was known to be open.
    pub over: Duration,
}

/// The beginning of a run, by both clocks.
pub struct Start {
    monotonic: Instant,
    wall: Timestamp,
}

impl Start {
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: Timestamp::now() }
    }

    /// Ends the run that brought up `nodes`.
    pub fn end(&self, sidecars: &Sidecars, nodes: &[SeiNode]) -> Run {
        let over = self.monotonic.elapsed();
        let slowest = |when: &dyn Fn(&str, &str) -> Option<Timestamp>| {
            let times = nodes.iter().filter_map(|node| when(&node.namespace()?, &node.name_any()));
            let since = times.max().map(|time| time.duration_since(self.wall));
            since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default()
        };
        let first = |namespace: &str, name: &str, answered: bool| {
            let requests = sidecars.node(namespace, name).requests();
            let mut requests = requests.iter().filter(|request| request.at >= self.wall);
            let counts = |answer: Answer| !answered || matches!(answer, Answer::Status(_));
            requests.find(|request| counts(request.answer)).map(|request| request.at)
        };
        let last_task = |namespace: &str, name: &str| {
            let tasks = sidecars.submissions(namespace, name);
            tasks.iter().rev().find(|task| task.task == TaskType::MarkReady).map(|task| task.at)
        };
        Run {
            knocked: slowest(&|namespace, name| first(namespace, name, false)),
            answered: slowest(&|namespace, name| first(namespace, name, true)),
            handed: slowest(&last_task),
            over,
        }
    }
}

impl Run {
    /// Prints it as a line of the table.
    pub fn show(&self, label: &str, who: &str) {
        let Self { knocked, answered, handed, over } = self;
        let [knocked, answered, handed, over] = [knocked, answered, handed, over].map(Duration::as_millis);
        println!("{label:9} {who:10} {knocked:>8} {answered:>8} {handed:>8} {over:>8}");
    }
}

/// Prints the head of a table of runs.
pub fn head(title: &str) {
    println!("\n{title} (ms; of each run the slowest node)");
    println!("{:9} {:10} {:>8} {:>8} {:>8} {:>8}", "", "", "asked", "answers", "tasked", "over");
}

/// The median of each time.
pub fn median(runs: &[Run]) -> Run {
    let of = |time: fn(&Run) -> Duration| harness::median(runs.iter().map(time));
    Run {
        knocked: of(|run| run.knocked),
        answered: of(|run| run.answered),
        handed: of(|run| run.handed),
        over: of(|run| run.over),
    }
}
