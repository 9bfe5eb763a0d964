//! An idle fleet sends no request, by the audit log of the API server.

use std::{sync::Arc, time::Duration};

use devcluster::audit::{self, Request};
use jiff::Timestamp;
use scenario::scenario;
use seinode_api::SeiNode;

use crate::kit::{Kit, Namespace, eventually, namespace::condition_status};

/// Time without any request.
const WINDOW: Duration = Duration::from_secs(60);

#[scenario(first)]
async fn running_nodes_cost_no_request_in_a_minute(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let _operator = ns.operator();
    let begun = Timestamp::now();
    let nodes = ["n0", "n1", "n2"];
    for name in nodes {
        ns.full_node(name, "").await;
    }
    for name in nodes {
        ns.running(name).await;
        let api = ns.api::<SeiNode>();
        eventually("the pod is Available and the status is written for the last time", async || {
            let status = api.get(name).await.unwrap().status.unwrap();
            if condition_status(&status, "Available") == "True" { Ok(()) } else { Err(status) }
        })
        .await;
        eventually("its last event is sent", async || {
            let reasons = ns.event_reasons(name).await;
            if reasons.contains(&"PlanComplete".to_owned()) { Ok(()) } else { Err(reasons) }
        })
        .await;
    }
    assert!(changes(&ns, begun) > 10, "the audit log shows what the operator does");

    let quiet = Timestamp::now();
    tokio::time::sleep(WINDOW).await;
    let sent: Vec<_> = requests(&ns, quiet).into_iter().filter(|request| request.verb != "watch").collect();
    assert!(sent.is_empty(), "{sent:#?}");
}

fn changes(ns: &Namespace, since: Timestamp) -> usize {
    let changing = |request: &Request| ["create", "patch", "update"].contains(&request.verb.as_str());
    requests(ns, since).into_iter().filter(changing).count()
}

/// Requests of this namespace's operator to the API server.
fn requests(ns: &Namespace, since: Timestamp) -> Vec<Request> {
    let log = ns.world.cluster.audit_log().unwrap();
    let ours = |request: &Request| {
        request.user_agent.starts_with("seinode-operator/") && request.namespace == ns.name
    };
    audit::requests(&log, since).unwrap().into_iter().filter(ours).collect()
}
