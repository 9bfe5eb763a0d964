//! The webhooks of the real binary, called by a real API server through a Service: replicas come and go, their authority
//! is lost, and strangers hold connections, all while calls go on.

mod aged;
mod cluster;
mod revocation;
mod secure;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::api::{DeleteParams, ListParams, PostParams};
use scenario::scenario;
use serde_json::Value;
use tokio::net::TcpStream;

use self::cluster::{Cluster, SECRET};
use crate::kit::{Kit, eventually};

#[scenario]
async fn calls_succeed_while_replicas_restart_in_turn(kit: Arc<Kit>) {
    let cluster = Cluster::of(&kit).await;
    let (first, second) = (cluster.replica().await, cluster.replica().await);
    cluster.callable().await;
    let successors = cluster
        .under_load(Duration::ZERO, async {
            let third = cluster.replica().await;
            assert!(first.stop().await.success());
            let fourth = cluster.replica().await;
            assert!(second.stop().await.success());
            [third, fourth]
        })
        .await;
    for replica in [&first, &second] {
        let lines = replica.log();
        assert!(!lines.iter().any(|line| line["level"] == "ERROR"), "{lines:#?}");
        assert!(lines.iter().any(|line| line["message"] == "stopped"), "{lines:#?}");
    }
    // Which of the two an API server calls is for its connections to say.
    let [third, fourth] =
        [cluster.answered_by(&successors[0]).await, cluster.answered_by(&successors[1]).await];
    assert!(third + fourth > 0.0, "no successor was ever called");
}

#[scenario]
async fn calls_succeed_while_the_authority_is_lost(kit: Arc<Kit>) {
    let cluster = Cluster::of(&kit).await;
    let (first, second) = (cluster.replica().await, cluster.replica().await);
    cluster.callable().await;
    let third = cluster
        .under_load(Duration::ZERO, async {
            let secrets = cluster.ns.api::<Secret>();
            let lost = secrets.get(SECRET).await.unwrap();
            secrets.delete(SECRET, &DeleteParams::default()).await.unwrap();
            eventually("there is another authority", async || {
                let found = secrets.get_opt(SECRET).await.unwrap();
                found.filter(|found| found.data != lost.data).map(|_| ()).ok_or_else(|| first.log())
            })
            .await;
            // Whoever comes now has a certificate of the new authority; the others keep theirs until all API servers
            // have had the time to learn of that.
            let third = cluster.replica().await;
            let (first, second) = tokio::join!(first.stop(), second.stop());
            assert!(first.success() && second.success());
            third
        })
        .await;
    assert!(cluster.answered_by(&third).await > 0.0, "the newcomer was never called");
    // Everybody sees it: in the log at its default level, and as an event.
    let log = [first.log(), second.log()].concat();
    let is_told = |line: &Value| line["message"] == "a new authority, as the Secret is gone";
    assert!(log.iter().any(|line| is_told(line) && line["target"] == "seinode_certs::announce"), "{log:#?}");
    let events = cluster.ns.api::<Event>().list(&ListParams::default()).await.unwrap();
    let reasons: Vec<_> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
    assert!(reasons.contains(&"AuthorityCreated") && reasons.contains(&"AuthorityReplaced"), "{reasons:?}");
    for kind in ["mutating", "validating"] {
        let in_sync = format!("sei_webhook_ca_bundle_in_sync{{configuration=\"{kind}\"}}");
        assert_eq!(third.metric(&in_sync).await, 1.0, "{kind}");
    }
    assert_eq!(third.metric("sei_tls_handshake_failures_total{reason=\"certificate_rejected\"}").await, 0.0);
}

/// With the lifetimes of every day: what takes a year has happened before, and a successor settles for a minute.
#[scenario]
async fn calls_succeed_while_an_aged_authority_rotates(kit: Arc<Kit>) {
    let cluster = Cluster::of(&kit).await;
    let secrets = cluster.ns.api::<Secret>();
    let aged = secrets.create(&PostParams::default(), &aged::authority()).await.unwrap().data.unwrap();
    let replicas = [cluster.replica().await, cluster.replica().await];
    cluster.callable().await;
    let follow = async {
        let followed = eventually("another authority signs, and the old one is trusted still", async || {
            let now = secrets.get(SECRET).await.unwrap().data.unwrap();
            let retired = now.get("retired.json").map(|text| String::from_utf8_lossy(&text.0).into_owned());
            let is_over =
                now["tls.crt"] != aged["tls.crt"] && retired.is_some_and(|text| text.contains("BEGIN"));
            if is_over { Ok(now) } else { Err(now.into_keys().collect::<Vec<_>>()) }
        });
        followed.await;
        for replica in &replicas {
            let renewals = |result: &str| {
                format!("sei_webhook_certificate_renewals_total{{cert=\"leaf\",result=\"{result}\"}}")
            };
            eventually("the replica has a certificate of the new authority", async || {
                let (done, failed) =
                    (replica.metric(&renewals("success")).await, replica.metric(&renewals("error")).await);
                if (done, failed) == (2.0, 0.0) { Ok(()) } else { Err((done, failed)) }
            })
            .await;
        }
    };
    // A minute of calls without a pause would be felt by every scenario beside this one.
    cluster.under_load(Duration::from_millis(50), follow).await;
    // The API server has had to connect anew, as its bundle changed, and trusts what it is shown.
    cluster.callable().await;
    for replica in &replicas {
        let rejected = "sei_tls_handshake_failures_total{reason=\"certificate_rejected\"}";
        assert_eq!(replica.metric(rejected).await, 0.0);
    }
}

#[scenario]
async fn half_open_handshakes_keep_no_call_out(kit: Arc<Kit>) {
    let cluster = Cluster::of(&kit).await;
    let replica = cluster.replica().await;
    let address = replica.address("webhooks").await;
    let mut half_open = Vec::new();
    for _ in 0..1000 {
        half_open.push(TcpStream::connect(&address).await.unwrap());
    }
    // The first calls of this API server: each needs a handshake of its own.
    cluster.callable().await;
    eventually("half-open handshakes give way", async || {
        let ended = async |reason: &str| {
            replica.metric(&format!("sei_tls_handshake_failures_total{{reason=\"{reason}\"}}")).await
        };
        // On a slow machine some are over before their slot is wanted.
        let (displaced, late) = (ended("displaced").await, ended("timeout").await);
        if displaced + late > 400.0 { Ok(()) } else { Err((displaced, late)) }
    })
    .await;
    assert_eq!(replica.metric("sei_admission_shed_total").await, 0.0);
}
