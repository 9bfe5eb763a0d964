//! While no operator is up: the rules that hold, the edits that work, and those that wait for it.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use scenario::scenario;
use seinode_api::SeiNode;
use seinode_webhook::guard::{LABEL_STAYS, ON_DELETE, ONE_REPLICA, OWNER_STAYS};

use super::{
    kubectl::stranger,
    sets::words,
    setup::{Guards, Setup},
};
use crate::kit::{Kit, namespace::condition};

const OTHER_IMAGE: [&str; 4] = ["set", "image", "statefulset/n0", "seid=registry.example.com/seid:by-hand"];

#[scenario]
async fn without_an_operator_rules_hold_and_repair_and_deletion_work(kit: Arc<Kit>) {
    let setup = abandoned(&kit, Guards::Both).await;
    let rolling = r#"{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}"#;
    let two = r#"{"spec":{"replicas":2}}"#;
    let ownerless = r#"{"metadata":{"ownerReferences":null}}"#;
    for (arguments, rule) in [
        (["scale", "statefulset/n0", "--replicas=2"].as_slice(), ONE_REPLICA),
        (&["patch", "statefulset/n0", "-p", two], ONE_REPLICA),
        (&["patch", "statefulset/n0", "--subresource=scale", "--type=merge", "-p", two], ONE_REPLICA),
        (&["patch", "statefulset/n0", "-p", rolling], ON_DELETE),
        (&["label", "statefulset/n0", "sei.io/node-"], LABEL_STAYS),
        (&["patch", "statefulset/n0", "--type=merge", "-p", ownerless], OWNER_STAYS),
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(!done && output.contains(&words(rule, "n0")), "{arguments:?}: {output}");
    }
    for arguments in [
        ["label", "statefulset/n0", "team=rpc"].as_slice(),
        &OTHER_IMAGE,
        &["scale", "statefulset/n0", "--replicas=0"],
        &["scale", "statefulset/n0", "--replicas=1"],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done, "{arguments:?}: {output}");
    }
    let set = setup.ns.api::<StatefulSet>().get("n0").await.unwrap();
    let containers = set.spec.unwrap().template.spec.unwrap().containers;
    assert!(containers.iter().any(|container| container.image.as_deref() == Some(&OTHER_IMAGE[3][5..])));

    others_are_free(&setup);
    goes(&setup).await;
}

#[scenario]
async fn without_an_operator_a_node_can_be_paused(kit: Arc<Kit>) {
    let setup = abandoned(&kit, Guards::Both).await;
    let patch = |change: &str| setup.kubectl(&["patch", "seinode/n0", "--type=merge", "-p", change]);
    let waits = |(done, output): (bool, String)| {
        assert!(!done && output.contains(r#"failed calling webhook "vseinode.sei.io""#), "{output}");
    };
    let image = r#"{"spec":{"image":"registry.example.com/seid:v2"}}"#;
    let both = r#"{"spec":{"paused":true,"image":"registry.example.com/seid:v2"}}"#;
    let labelled = r#"{"spec":{"paused":true},"metadata":{"labels":{"sei.io/foreign":"x"}}}"#;
    let added = r#"{"spec":{"paused":true,"overrides":{"evm.http_port":"1"}}}"#;
    let removed = r#"{"spec":{"paused":true,"podLabels":null}}"#;
    for change in [image, both, labelled, added, removed] {
        waits(patch(change));
    }
    waits(setup.kubectl(&["label", "seinode/n0", "sei.io/foreign=x"]));
    for arguments in [["label", "seinode/n0", "team=rpc"], ["annotate", "seinode/n0", "sei.io/retry=now"]] {
        let (done, output) = setup.kubectl(&arguments);
        assert!(done, "{arguments:?}: {output}");
    }
    let paused = async || setup.ns.api::<SeiNode>().get("n0").await.unwrap().spec.paused == Some(true);
    let stopped =
        r#"{"spec":{"paused":true},"metadata":{"annotations":{"why":"halt"},"labels":{"team":"night"}}}"#;
    for change in [r#"{"spec":{"paused":true}}"#, stopped] {
        let (done, output) = patch(change);
        assert!(done, "{change}: {output}");
        assert!(paused().await);
    }
    // To go on starts a pod: that is validated.
    waits(patch(r#"{"spec":{"paused":false}}"#));
    waits(patch(r#"{"spec":{"paused":null}}"#));
    assert!(paused().await);
    series_of_the_alert_are_there(&setup).await;

    // An operator that is back carries the pause out.
    let operator = setup.replica().await;
    setup
        .ns
        .node_until("n0", "is paused", |status| {
            condition(status, "Paused").is_some_and(|paused| paused.reason == "Paused")
        })
        .await;
    let wrong = r#"{"spec":{"paused":true,"overrides":{"evm.http_prot":"1"}}}"#;
    let (done, output) = patch(wrong);
    assert!(!done && output.contains("did you mean evm.http_port?"), "{output}");
    drop(operator);
}

/// The alert SeiNodeWebhooksUnreachable queries series that the API server really has.
async fn series_of_the_alert_are_there(setup: &Setup) {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = setup.ns.client.request_text(request).await.unwrap();
    let counts = |metric: &str, label: &str| {
        text.lines().any(|line| {
            line.starts_with(&format!("{metric}{{")) && line.contains(label) && line.contains(".sei.io\"")
        })
    };
    assert!(counts("apiserver_admission_webhook_rejection_count", r#"error_type="calling_webhook_error""#));
    assert!(counts("apiserver_admission_webhook_fail_open_count", "name="));
}

#[scenario]
async fn without_the_policy_only_nodes_sets_wait_for_an_operator(kit: Arc<Kit>) {
    let setup = abandoned(&kit, Guards::Webhooks).await;
    for (arguments, webhook) in [
        (["label", "statefulset/n0", "team=rpc"].as_slice(), "vstatefulset.sei.io"),
        (&OTHER_IMAGE, "vstatefulset.sei.io"),
        (&["scale", "statefulset/n0", "--replicas=0"], "vscale.statefulset.sei.io"),
        (&["scale", "statefulset/n0", "--replicas=2"], "vscale.statefulset.sei.io"),
    ] {
        let (done, output) = setup.kubectl(arguments);
        let expected = format!("failed calling webhook {webhook:?}");
        assert!(!done && output.contains(&expected), "{arguments:?}: {output}");
    }
    others_are_free(&setup);
    goes(&setup).await;
}

/// A namespace where node `n0` runs and its operator is gone.
async fn abandoned(kit: &Kit, guards: Guards) -> Setup {
    let setup = Setup::of(kit, guards).await;
    let operator = setup.replica().await;
    setup.ns.full_node("n0", "  podLabels: {team: rpc}\n").await;
    setup.ns.running("n0").await;
    // Before it goes, the API server has learned of everything that was installed.
    setup
        .refused_eventually("the guard of the sets stands", || {
            setup.kubectl(&["scale", "statefulset/n0", "--replicas=2", "--dry-run=server"])
        })
        .await;
    setup
        .refused_eventually("the guard of the labels stands", || {
            setup.kubectl(&["label", "statefulset/n0", "sei.io/node-", "--dry-run=server"])
        })
        .await;
    drop(operator);
    setup
}

/// The sets of other tenants are not affected.
fn others_are_free(setup: &Setup) {
    let (created, output) = setup.kubectl_with(&["create"], &stranger());
    assert!(created && !output.contains("Warning"), "{output}");
    for arguments in [
        ["scale", "statefulset/stranger", "--replicas=3"].as_slice(),
        &["label", "statefulset/stranger", "a=b"],
        &["set", "image", "statefulset/stranger", "seid=registry.example.com/other:v2"],
        &["delete", "statefulset/stranger"],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done && !output.contains("Warning"), "{arguments:?}: {output}");
    }
}

/// A node can be deleted, and its set goes with it.
async fn goes(setup: &Setup) {
    let (deleted, output) = setup.kubectl(&["delete", "seinode/n0"]);
    assert!(deleted, "{output}");
    setup.ns.gone::<SeiNode>("n0").await;
    setup.ns.gone::<StatefulSet>("n0").await;
}
