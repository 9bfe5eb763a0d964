//! The StatefulSets of nodes: the rules that hold with and without an operator, and the warnings of their guard.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::PropagationPolicy;
use scenario::scenario;
use seinode_api::SeiNode;
use seinode_webhook::guard::{LABEL_STAYS, ON_DELETE, ONE_REPLICA, OWNER_STAYS, Rule};
use serde_json::json;

use super::{
    kubectl::{ALLOWED, Attempt, SECOND_PODS, SIDE_DOORS, WAYS_BACK, set, stranger},
    setup::{Guards, Setup},
};
use crate::kit::{Kit, eventually};

#[scenario]
async fn the_policy_alone_guards_the_sets_of_nodes(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Policy).await;
    hold(&setup).await;
    let (created, output) = setup.kubectl_with(&["create"], &set("rolling", 1, "RollingUpdate"));
    assert!(!created && output.contains(&words(ON_DELETE, "rolling")), "{output}");
}

#[scenario]
async fn the_webhooks_alone_guard_the_sets_of_nodes(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Webhooks).await;
    let _operator = setup.replica().await;
    hold(&setup).await;
    migrated(&setup).await;
}

#[scenario]
async fn policy_and_webhooks_report_the_same_messages(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Both).await;
    {
        let _operator = setup.replica().await;
        hold(&setup).await;
        migrated(&setup).await;
    }
    // The operator is gone. The rules still hold.
    refuse(&setup, &SECOND_PODS, ONE_REPLICA, "more");
    refuse(&setup, &WAYS_BACK, ON_DELETE, "lone");
}

/// Checks the rules, and that nothing else is denied.
async fn hold(setup: &Setup) {
    for object in [set("lone", 1, "OnDelete"), stranger()] {
        let (created, output) = setup.kubectl_with(&["create", "--save-config"], &object);
        assert!(created, "{output}");
    }
    for first in [&SECOND_PODS[0], &WAYS_BACK[0]] {
        setup
            .refused_eventually("the guard stands", || {
                let answer = (first.run)(setup);
                if answer.0 {
                    setup.kubectl(&["scale", "statefulset/lone", "--replicas=1"]);
                    setup.kubectl_with(&["replace"], &set("lone", 1, "OnDelete"));
                }
                answer
            })
            .await;
    }
    refuse(setup, &SECOND_PODS, ONE_REPLICA, "more");
    refuse(setup, &WAYS_BACK, ON_DELETE, "lone");
    for (field, Attempt { what, run }) in &SIDE_DOORS {
        let (done, output) = run(setup);
        assert!(!done && output.contains(field), "{what}: {output}");
    }
    for Attempt { what, run } in &ALLOWED {
        let (done, output) = run(setup);
        assert!(done, "{what}: {output}");
    }
}

fn refuse(setup: &Setup, attempts: &[Attempt], rule: Rule, created: &str) {
    for Attempt { what, run } in attempts {
        let (done, output) = run(setup);
        let node = if *what == "create" { created } else { "lone" };
        assert!(!done, "{what} was allowed: {output}");
        assert!(output.contains(&words(rule, node)), "{what}: other words: {output}");
    }
}

/// The rule and the remedy; the API server writes the field before them.
pub fn words(rule: Rule, node: &str) -> String {
    let violation = rule.broken_by(node);
    format!("{}; {}", violation.rule, violation.remedy)
}

/// A set that is created rolling becomes OnDelete, with a warning.
async fn migrated(setup: &Setup) {
    let (created, output) = setup.kubectl_with(&["create"], &set("rolling", 1, "RollingUpdate"));
    assert!(created, "{output}");
    assert!(output.contains("Warning: spec.updateStrategy was changed to OnDelete"), "{output}");
    let stored = setup.ns.api::<StatefulSet>().get("rolling").await.unwrap().spec.unwrap();
    let strategy = stored.update_strategy.unwrap();
    assert_eq!((strategy.type_.as_deref(), strategy.rolling_update), (Some("OnDelete"), None));
    assert_eq!(stored.template.spec.unwrap().termination_grace_period_seconds, Some(120));
    let annotations = stored.template.metadata.unwrap().annotations.unwrap();
    assert_eq!(annotations["karpenter.sh/do-not-disrupt"], "true");
}

#[scenario]
async fn owned_sets_stay_guarded_and_edits_are_warned_of(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Both).await;
    let _operator = setup.replica().await;
    setup.ns.full_node("n0", "").await;
    setup.ns.running("n0").await;

    let output = setup
        .refused_eventually("the guard stands", || {
            setup.kubectl(&["label", "statefulset/n0", "sei.io/node-"])
        })
        .await;
    assert!(output.contains(&words(LABEL_STAYS, "n0")), "{output}");
    let patch = r#"{"metadata":{"ownerReferences":null}}"#;
    let (done, output) = setup.kubectl(&["patch", "statefulset/n0", "--type=merge", "-p", patch]);
    assert!(!done && output.contains(&words(OWNER_STAYS, "n0")), "{output}");

    // It is carried out, and not reverted.
    let (done, output) = setup.kubectl(&["rollout", "restart", "statefulset/n0"]);
    assert!(done && !output.contains("Warning"), "{output}");
    for (arguments, warning) in [
        (
            ["set", "image", "statefulset/n0", "seid=registry.example.com/seid:by-hand"].as_slice(),
            "Warning: the operator will revert spec.template: edit SeiNode n0",
        ),
        (
            &["scale", "statefulset/n0", "--replicas=0"],
            "Warning: SeiNode n0 stays stopped until spec.replicas is 1 again",
        ),
        (
            &["delete", "statefulset/n0", "--wait=false"],
            "Warning: the operator creates this StatefulSet again for SeiNode n0",
        ),
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done && output.contains(warning), "{arguments:?}: {output}");
    }
}

#[scenario]
async fn only_edits_by_people_call_the_webhooks_of_sets(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Both).await;
    let operator = setup.replica().await;
    setup.ns.full_node("n0", "").await;
    setup.ns.running("n0").await;
    let (created, output) = setup.kubectl_with(&["create"], &stranger());
    assert!(created, "{output}");
    for arguments in [
        ["scale", "statefulset/stranger", "--replicas=3"].as_slice(),
        &["label", "statefulset/stranger", "a=b"],
        &["delete", "statefulset/stranger"],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done, "{output}");
    }
    let calls = async || {
        let (_, metrics) = operator.get("metrics", "/metrics").await;
        let of_sets = |line: &&str| {
            line.starts_with("sei_admission_requests_total") && line.contains("statefulset.sei.io")
        };
        metrics.lines().filter(of_sets).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(calls().await, Vec::<String>::new());
    // A person's edit of the node's own set does call it: the counter counts.
    let (done, output) = setup.kubectl(&["label", "statefulset/n0", "a=b"]);
    assert!(done, "{output}");
    assert_ne!(calls().await, Vec::<String>::new());
}

#[scenario]
async fn an_orphaned_set_may_lose_its_label(kit: Arc<Kit>) {
    let setup = Setup::of(&kit, Guards::Both).await;
    let _operator = setup.replica().await;
    setup.ns.full_node("n0", "").await;
    setup.ns.running("n0").await;
    setup.ns.delete::<SeiNode>("n0", PropagationPolicy::Orphan).await;
    setup.ns.gone::<SeiNode>("n0").await;
    let owners = async || {
        let set = setup.ns.api::<StatefulSet>().get("n0").await.unwrap();
        json!(set.metadata.owner_references.unwrap_or_default())
    };
    eventually("the set is an orphan", async || match owners().await {
        owners if owners == json!([]) => Ok(()),
        owners => Err(owners),
    })
    .await;
    let (done, output) = setup.kubectl(&["label", "statefulset/n0", "sei.io/node-"]);
    assert!(done, "{output}");
}
