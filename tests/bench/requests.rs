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
pub struct Requests(BTreeMap<String, usize>);

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
        for Request { verb, resource, subresource, .. } in all {
            let part = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
            *kinds.entry(format!("{verb} {resource}{part}")).or_default() += 1;
        }
        Self(kinds)
    }

    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        for (kind, times) in other.0 {
            *self.0.entry(kind).or_default() += times;
        }
        self
    }

    /// How many each of so many rollouts took.
    pub fn each(&self, rollouts: usize) -> f64 {
        mean(self.0.values().sum(), rollouts)
    }

    /// Prints what was asked, by verb and resource.
    pub fn show(&self, rollouts: usize) {
        println!("requests of the operator, each rollout:");
        for (kind, times) in &self.0 {
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
