//! What the operator asks of the API server, from the record that this keeps of all requests. Watches do not count: they
//! were opened before.

use std::{collections::BTreeMap, time::Duration};

use devcluster::{
    Cluster,
    audit::{self, Request},
};
use jiff::Timestamp;

use crate::eventually;

/// How often what was asked.
#[derive(Default)]
pub struct Requests {
    kinds: BTreeMap<String, usize>,
    throttled: usize,
}

impl Requests {
    /// What the operator has asked since `begun`, once nothing more comes.
    pub async fn settled(cluster: &Cluster, begun: Timestamp) -> Self {
        let mut before = usize::MAX;
        let all = eventually("no request comes any more", async || {
            // Events and late status writes follow within much less.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let asked = asked(cluster, begun);
            match std::mem::replace(&mut before, asked.len()) == asked.len() {
                true => Ok(asked),
                false => Err(asked.len()),
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

    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        for (kind, times) in other.kinds {
            *self.kinds.entry(kind).or_default() += times;
        }
        self.throttled += other.throttled;
        self
    }

    /// How many each of so many rollouts took.
    pub fn each(&self, rollouts: usize) -> f64 {
        mean(self.kinds.values().sum(), rollouts)
    }

    /// How many writes each of so many took.
    pub fn writes(&self, count: usize) -> f64 {
        let reads = |kind: &str| kind.starts_with("get ") || kind.starts_with("list ");
        mean(self.kinds.iter().filter(|(kind, _)| !reads(kind)).map(|(_, times)| times).sum(), count)
    }

    /// How many were answered 429.
    pub fn throttled(&self) -> f64 {
        mean(self.throttled, 1)
    }

    /// Prints what was asked, by verb and resource.
    pub fn show(&self, rollouts: usize) {
        println!("requests of the operator, each rollout:");
        for (kind, times) in &self.kinds {
            println!("  {:6.2}  {kind}", mean(*times, rollouts));
        }
    }
}

fn asked(cluster: &Cluster, begun: Timestamp) -> Vec<Request> {
    let log = cluster.audit_log().unwrap();
    let ours = |it: &Request| it.user_agent.starts_with("seinode-operator/") && it.verb != "watch";
    audit::requests(&log, begun).unwrap().into_iter().filter(ours).collect()
}

fn mean(sum: usize, count: usize) -> f64 {
    let [sum, count] = [sum, count].map(|number| f64::from(u32::try_from(number).unwrap()));
    sum / count
}
