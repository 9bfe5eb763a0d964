//! Replaces the pods of many StatefulSets at once: time, CPU, and whether each pod is removed once. Prints one line of
//! JSON. `cargo bench -p devcluster --bench replace -- 300`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "this is a bench; clippy sees a program"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use devcluster::{Audit, Cluster, Options, Progress, audit, supervisor};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

fn main() {
    let guard = supervisor::claim();
    let count = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(300);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let options = Options { audit: Audit::On, progress: Progress::lines(), ..Options::default() };
        let begin = Instant::now();
        let cluster = Cluster::start(options, &guard).await.expect("a cluster");
        let start = begin.elapsed();
        replace(&cluster, count, start).await;
    });
}

async fn replace(cluster: &Cluster, count: usize, start: Duration) {
    let sets: Api<StatefulSet> = Api::default_namespaced(cluster.client());
    let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    stream::iter(0..count).for_each_concurrent(8, |number| make(&sets, number)).await;
    let old = ready(&pods, count, &BTreeSet::new()).await;

    let (since, begin, cpu) = (Timestamp::now(), Instant::now(), cpu());
    pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    ready(&pods, count, &old).await;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = crate::cpu() - cpu;

    let requests = audit::requests(&cluster.audit_log().unwrap(), since).unwrap();
    let of_pods = || requests.iter().filter(|it| it.resource == "pods" && it.subresource.is_empty());
    let removed: Vec<_> = of_pods()
        .filter(|it| it.verb == "delete" && it.user_agent.starts_with("devcluster-kubelet"))
        .collect();
    let uids: BTreeSet<_> = removed.iter().filter_map(|it| it.uid.clone()).collect();
    let line = json!({
        "pods": count,
        "cluster_ready_s": start.as_secs_f64(),
        "replaced_s": seconds,
        "made": of_pods().filter(|it| it.verb == "create" && it.code == 201).count(),
        "removals": removed.len(),
        "removals_of_old_uids": uids.intersection(&old).count(),
        "kubelet_cpu_s": cpu,
    });
    println!("{line}");
}

async fn make(sets: &Api<StatefulSet>, number: usize) {
    let labels = json!({ "set": format!("s-{number}") });
    let container = json!({ "name": "main", "image": "example.com/main:v1" });
    let set = serde_json::from_value(json!({
        "metadata": { "name": format!("s-{number}") },
        "spec": { "serviceName": "s", "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels }, "spec": { "containers": [container] },
        } },
    }));
    sets.create(&PostParams::default(), &set.unwrap()).await.unwrap();
}

/// UIDs of `count` ready pods, none of which is in `old`.
async fn ready(pods: &Api<Pod>, count: usize, old: &BTreeSet<String>) -> BTreeSet<String> {
    let is_ready = |pod: &&Pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
    };
    loop {
        let listed = pods.list(&ListParams::default()).await.unwrap();
        let new: BTreeSet<_> = listed.iter().filter(is_ready).filter_map(ResourceExt::uid).collect();
        let new = &new - old;
        if new.len() == count {
            return new;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// CPU time of this process in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}
