//! Requests of the operator to the API server, by its audit log. Watches are excluded: they were opened before.

use std::{collections::BTreeMap, time::Duration};

use devcluster::{
    Cluster,
    audit::{self, Request},
};
use jiff::Timestamp;

use crate::eventually;

/// Numbers of requests by verb and resource.
#[derive(Default)]
pub struct Requests {
    kinds: BTreeMap<String, usize>,
    throttled: usize,
}

impl Requests {
    /// Requests of the operator since `begun`, once no more arrive.
    pub async fn settled(cluster: &Cluster, begun: Timestamp) -> Self {
        let mut before = usize::MAX;
        let all = eventually("requests have ended", async || {
            // Events and late status writes follow within much less.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let requests = recorded(cluster, begun);
            match std::mem::replace(&mut before, requests.len()) == requests.len() {
                true => Ok(requests),
                false => Err(requests.len()),
            }
        })
        .await;
        let mut kinds = BTreeMap::new();
        let throttled = all.iter().filter(|request| request.code == 429).count();
        for Request { verb, resource, subresource, .. } in all {
            let part = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
            *kinds.entry(format!("{verb} {resource}{part}")).or_default() += 1;
        }
        Self { kinds, throttled }
    }

    /// Sum of both.
    pub fn and(mut self, other: Self) -> Self {
        for (kind, times) in other.kinds {
            *self.kinds.entry(kind).or_default() += times;
        }
        self.throttled += other.throttled;
        self
    }

    /// Requests for each rollout.
    pub fn each(&self, rollouts: usize) -> f64 {
        mean(self.kinds.values().sum(), rollouts)
    }

    /// Writes for each.
    pub fn writes(&self, count: usize) -> f64 {
        let reads = |kind: &str| kind.starts_with("get ") || kind.starts_with("list ");
        mean(self.kinds.iter().filter(|(kind, _)| !reads(kind)).map(|(_, times)| times).sum(), count)
    }

    /// Requests that were answered 429.
    pub fn throttled(&self) -> f64 {
        mean(self.throttled, 1)
    }

    /// Prints the requests by verb and resource.
    pub fn show(&self, rollouts: usize) {
        println!("requests of the operator, each rollout:");
        for (kind, times) in &self.kinds {
            println!("  {:6.2}  {kind}", mean(*times, rollouts));
        }
    }
}

fn recorded(cluster: &Cluster, begun: Timestamp) -> Vec<Request> {
    let log = cluster.audit_log().unwrap();
    let ours = |it: &Request| it.user_agent.starts_with("seinode-operator/") && it.verb != "watch";
    audit::requests(&log, begun).unwrap().into_iter().filter(ours).collect()
}

fn mean(sum: usize, count: usize) -> f64 {
    let [sum, count] = [sum, count].map(|number| f64::from(u32::try_from(number).unwrap()));
    sum / count
}
