//! A life in which everything happens that an alert or a panel queries. Each step waits until its series exists.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::PropagationPolicy;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use seinode_api::SeiNode;
use serde_json::json;
use sidecar_sim::{TaskType, Times};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    chart::exposition::Seen,
    kit::{Namespace, Operator, eventually, fixtures::validator},
};

/// Lives it.
pub async fn lived(ns: &Namespace, operator: &Operator, seen: &Seen) {
    tokio::join!(
        is_updated_loses_its_gate_and_is_contested(ns, seen),
        fails(ns, seen),
        restores(ns, seen),
        is_blocked_and_then_paused(ns, seen),
        fails_to_update(ns, seen),
        is_left_behind(ns, seen),
        waits_for_a_person(ns, seen),
        nobody_trusts_it(operator, seen),
        lacks_its_keys(ns, seen),
        finds_its_volume_taken(ns, seen),
    );
    leaves_nothing_behind(ns, operator).await;
}

/// A node that is deleted takes all its series along.
async fn leaves_nothing_behind(ns: &Namespace, operator: &Operator) {
    let its = async || {
        let (_, text) = operator.get("metrics", "/metrics").await;
        text.lines().filter(|line| line.contains("name=\"n0\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(its().await.len() > 20);
    ns.delete::<SeiNode>("n0", PropagationPolicy::Background).await;
    eventually("its series are gone", async || {
        let left = its().await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

/// Waits until a series is in the metrics: what of a condition is shown, of which node.
async fn shows(seen: &Seen, metric: &str, labels: &[(&str, &str)]) {
    eventually(&format!("{metric} with {labels:?} is in the metrics"), async || {
        let of_the_metric: Vec<_> = seen.so_far().into_iter().filter(|it| it.name == metric).collect();
        let fits = of_the_metric.iter().any(|series| {
            labels.iter().all(|(label, value)| series.labels.get(*label).is_some_and(|it| it == value))
        });
        if fits { Ok(()) } else { Err(of_the_metric) }
    })
    .await;
}

async fn is(seen: &Seen, node: &str, condition: &str, status: &str) {
    let labels = [("name", node), ("type", condition), ("status", status)];
    shows(seen, "sei_controller_seinode_condition", &labels).await;
}

async fn is_updated_loses_its_gate_and_is_contested(ns: &Namespace, seen: &Seen) {
    ns.full_node("n0", "").await;
    ns.running("n0").await;
    ns.image("n0", "v2").await;
    ns.rolled("n0", "v2").await;
    ns.sidecar("n0").behaviour().hold(TaskType::MarkReady);
    ns.sidecar("n0").restart_process();
    is(seen, "n0", "SidecarReady", "False").await;
    ns.sidecar("n0").behaviour().release(TaskType::MarkReady);
    ns.running("n0").await;
    for seconds in [5, 6, 7, 8] {
        let grace = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": seconds}}}});
        ns.apply_as::<StatefulSet>("gitops", "n0", grace).await;
        eventually("the edit is noticed", async || {
            let status = ns.status("n0").await;
            let times = status["repairs"][0]["times"].as_array().map_or(0, Vec::len);
            if times >= (seconds - 4).min(3) { Ok(()) } else { Err(status) }
        })
        .await;
    }
    is(seen, "n0", "Contested", "True").await;
}

async fn fails(ns: &Namespace, seen: &Seen) {
    ns.sidecar("n1").behaviour().fail_task(TaskType::ConfigApply, Times::Always, "bad value");
    ns.full_node("n1", "").await;
    ns.reports("n1", ("Ready", "False", "PlanFailed"), &["bad value"]).await;
    shows(seen, "sei_controller_seinode_condition_reason", &[("name", "n1"), ("reason", "PlanFailed")]).await;
}

/// Work that takes hours and progresses: a restore in the node's own pod, and a bootstrap whose `seid` runs.
async fn restores(ns: &Namespace, seen: &Seen) {
    let node = |name: &str, bootstrap: &str| {
        format!(
            "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: {name}}}\nspec:\n  chainId: pacific-1\n  \
             image: registry.example.com/seid:v2\n  fullNode: {{snapshot: {{s3: {{targetHeight: 7}}{bootstrap}}}}}\n  \
             peers: [{{static: {{addresses: ['3f6c1d0a9b2e4f5867a1b2c3d4e5f60718293a4b@sentry.example.com:26656']}}}}]\n"
        )
    };
    ns.sidecar("n2").behaviour().hold(TaskType::SnapshotRestore);
    ns.create_yaml::<SeiNode>(&node("n2", "")).await;
    ns.create_yaml::<SeiNode>(&node("n7", ", bootstrapImage: 'registry.example.com/seid:v1'")).await;
    for (name, task) in [("n2", "snapshot-restore"), ("n7", "await-bootstrap-complete")] {
        shows(seen, "sei_controller_seinode_plan", &[("name", name), ("task", task)]).await;
        eventually(&format!("{task} gets on"), async || {
            let gets_on = seen.value("sei_controller_seinode_restoring", name);
            if gets_on == Some(1.0) { Ok(()) } else { Err((gets_on, ns.status(name).await)) }
        })
        .await;
    }
}

async fn is_blocked_and_then_paused(ns: &Namespace, seen: &Seen) {
    ns.full_node("n3", "").await;
    ns.running("n3").await;
    ns.patch("n3", json!({"spec": {"image": "registry.example.com/seid:does-not-exist"}})).await;
    shows(seen, "sei_controller_seinode_rollout_blocked", &[("name", "n3"), ("reason", "ImagePullBackOff")])
        .await;
    ns.patch("n3", json!({"spec": {"paused": true}})).await;
    is(seen, "n3", "Paused", "True").await;
}

async fn fails_to_update(ns: &Namespace, seen: &Seen) {
    ns.full_node("n4", "").await;
    ns.running("n4").await;
    ns.sidecar("n4").behaviour().fail_task(TaskType::ConfigApply, Times::Always, "bad value");
    ns.patch("n4", json!({"spec": {"overrides": {"evm.http_port": "1"}}})).await;
    shows(seen, "sei_controller_seinode_condition_reason", &[("name", "n4"), ("reason", "UpdateFailed")])
        .await;
}

/// A peer comes that the node selects: the configuration is another one, and nothing restarts for that.
async fn is_left_behind(ns: &Namespace, seen: &Seen) {
    ns.full_node("n5", "  peers: [{label: {selector: {role: sentry}}}]\n").await;
    let peer = |name: &str| {
        format!(
            "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {{name: {name}, labels: {{role: sentry}}}}\nspec:\n  \
             chainId: atlantic-2\n  image: registry.example.com/seid:v1\n  fullNode: {{}}\n"
        )
    };
    ns.create_yaml::<SeiNode>(&peer("peer-0")).await;
    ns.running("n5").await;
    ns.create_yaml::<SeiNode>(&peer("peer-1")).await;
    is(seen, "n5", "TemplateOutdated", "True").await;
}

async fn waits_for_a_person(ns: &Namespace, seen: &Seen) {
    let yaml = "apiVersion: sei.io/v1alpha1\nkind: SeiNode\nmetadata: {name: n6, annotations: {sei.io/suspend: 'true'}}\n\
                spec:\n  chainId: atlantic-2\n  image: registry.example.com/seid:v1\n  fullNode: {}\n";
    ns.create_yaml::<SeiNode>(yaml).await;
    is(seen, "n6", "Stalled", "True").await;
}

/// A validator whose Secrets are missing.
async fn lacks_its_keys(ns: &Namespace, seen: &Seen) {
    ns.create_yaml::<SeiNode>(&validator("n8", "")).await;
    is(seen, "n8", "SigningKeyReady", "False").await;
    shows(seen, "sei_controller_seinode_info", &[("name", "n8"), ("mode", "validator")]).await;
}

/// A node whose data volume exists and belongs to nobody.
async fn finds_its_volume_taken(ns: &Namespace, seen: &Seen) {
    ns.bound_pvc("data-n9", "2000Gi").await;
    ns.full_node("n9", "").await;
    is(seen, "n9", "DataVolumeReady", "False").await;
}

/// Somebody who calls the webhooks and rejects their certificate.
async fn nobody_trusts_it(operator: &Operator, seen: &Seen) {
    let address = operator.address("webhooks").await;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let stream = TcpStream::connect(&address).await.unwrap();
    let name = ServerName::try_from("anybody.example.com").unwrap();
    let rejected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    assert!(rejected.is_err());
    shows(seen, "sei_tls_handshake_failures_total", &[("reason", "certificate_rejected")]).await;
}
