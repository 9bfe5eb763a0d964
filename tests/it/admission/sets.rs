//! The StatefulSets of nodes: two rules that hold whoever is up, and what else their guard says.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::PropagationPolicy;
use scenario::scenario;
use seinode_api::SeiNode;
use seinode_webhook::guard::{LABEL_STAYS, ON_DELETE, ONE_REPLICA, OWNER_STAYS, Rule};
use serde_json::json;

use super::{
    hands::{ALLOWED, Attempt, SECOND_PODS, SIDE_DOORS, WAYS_BACK, set, stranger},
    stage::{Guards, Stage},
};
use crate::kit::{Kit, eventually};

#[scenario]
async fn the_sets_of_nodes_are_guarded_by_the_policy_alone_while_no_operator_is_up(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Policy).await;
    hold(&stage).await;
    let (created, said) = stage.kubectl_with(&["create"], &set("rolling", 1, "RollingUpdate"));
    assert!(!created && said.contains(&words(ON_DELETE, "rolling")), "{said}");
}

#[scenario]
async fn the_sets_of_nodes_are_guarded_by_the_webhooks_alone(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Webhooks).await;
    let _operator = stage.replica().await;
    hold(&stage).await;
    migrated(&stage).await;
}

#[scenario]
async fn the_sets_of_nodes_are_guarded_by_both_in_the_same_words(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Both).await;
    {
        let _operator = stage.replica().await;
        hold(&stage).await;
        migrated(&stage).await;
    }
    // The operator is gone. The rules still hold.
    refuse(&stage, &SECOND_PODS, ONE_REPLICA, "more");
    refuse(&stage, &WAYS_BACK, ON_DELETE, "lone");
}

/// Both rules, and that nothing else is refused.
async fn hold(stage: &Stage) {
    for object in [set("lone", 1, "OnDelete"), stranger()] {
        let (created, said) = stage.kubectl_with(&["create", "--save-config"], &object);
        assert!(created, "{said}");
    }
    for first in [&SECOND_PODS[0], &WAYS_BACK[0]] {
        stage
            .refused_in_the_end("the guard stands", || {
                let answer = (first.run)(stage);
                if answer.0 {
                    stage.kubectl(&["scale", "statefulset/lone", "--replicas=1"]);
                    stage.kubectl_with(&["replace"], &set("lone", 1, "OnDelete"));
                }
                answer
            })
            .await;
    }
    refuse(stage, &SECOND_PODS, ONE_REPLICA, "more");
    refuse(stage, &WAYS_BACK, ON_DELETE, "lone");
    for (field, Attempt { what, run }) in &SIDE_DOORS {
        let (done, said) = run(stage);
        assert!(!done && said.contains(field), "{what}: {said}");
    }
    for Attempt { what, run } in &ALLOWED {
        let (done, said) = run(stage);
        assert!(done, "{what}: {said}");
    }
}

fn refuse(stage: &Stage, attempts: &[Attempt], rule: Rule, created: &str) {
    for Attempt { what, run } in attempts {
        let (done, said) = run(stage);
        let node = if *what == "create" { created } else { "lone" };
        assert!(!done, "{what} was allowed: {said}");
        assert!(said.contains(&words(rule, node)), "{what}: other words: {said}");
    }
}

/// The rule and the remedy; before them stands the field, in the API server's form.
pub fn words(rule: Rule, node: &str) -> String {
    let violation = rule.broken_by(node);
    format!("{}; {}", violation.rule, violation.remedy)
}

/// A set that is created rolling comes to be OnDelete, and whoever created it is told.
async fn migrated(stage: &Stage) {
    let (created, said) = stage.kubectl_with(&["create"], &set("rolling", 1, "RollingUpdate"));
    assert!(created, "{said}");
    assert!(said.contains("Warning: spec.updateStrategy was changed to OnDelete"), "{said}");
    let stored = stage.ns.api::<StatefulSet>().get("rolling").await.unwrap().spec.unwrap();
    let strategy = stored.update_strategy.unwrap();
    assert_eq!((strategy.type_.as_deref(), strategy.rolling_update), (Some("OnDelete"), None));
    assert_eq!(stored.template.spec.unwrap().termination_grace_period_seconds, Some(120));
    let annotations = stored.template.metadata.unwrap().annotations.unwrap();
    assert_eq!(annotations["karpenter.sh/do-not-disrupt"], "true");
}

#[scenario]
async fn nobody_slips_out_of_the_guard_and_what_is_put_back_is_told(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Both).await;
    let _operator = stage.replica().await;
    stage.ns.full_node("n0", "").await;
    stage.ns.running("n0").await;

    let said = stage
        .refused_in_the_end("the guard stands", || {
            stage.kubectl(&["label", "statefulset/n0", "sei.io/node-"])
        })
        .await;
    assert!(said.contains(&words(LABEL_STAYS, "n0")), "{said}");
    let patch = r#"{"metadata":{"ownerReferences":null}}"#;
    let (done, said) = stage.kubectl(&["patch", "statefulset/n0", "--type=merge", "-p", patch]);
    assert!(!done && said.contains(&words(OWNER_STAYS, "n0")), "{said}");

    for (arguments, warning) in [
        (
            ["rollout", "restart", "statefulset/n0"].as_slice(),
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
        let (done, said) = stage.kubectl(arguments);
        assert!(done && said.contains(warning), "{arguments:?}: {said}");
    }
}

#[scenario]
async fn the_operator_and_other_tenants_never_call_the_webhooks_of_sets(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Both).await;
    let operator = stage.replica().await;
    stage.ns.full_node("n0", "").await;
    stage.ns.running("n0").await;
    let (created, said) = stage.kubectl_with(&["create"], &stranger());
    assert!(created, "{said}");
    for arguments in [
        ["scale", "statefulset/stranger", "--replicas=3"].as_slice(),
        &["label", "statefulset/stranger", "a=b"],
        &["delete", "statefulset/stranger"],
    ] {
        let (done, said) = stage.kubectl(arguments);
        assert!(done, "{said}");
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
    let (done, said) = stage.kubectl(&["label", "statefulset/n0", "a=b"]);
    assert!(done, "{said}");
    assert_ne!(calls().await, Vec::<String>::new());
}

#[scenario]
async fn an_orphaned_set_is_let_go(kit: Arc<Kit>) {
    let stage = Stage::of(&kit, Guards::Both).await;
    let _operator = stage.replica().await;
    stage.ns.full_node("n0", "").await;
    stage.ns.running("n0").await;
    stage.ns.delete::<SeiNode>("n0", PropagationPolicy::Orphan).await;
    stage.ns.gone::<SeiNode>("n0").await;
    let owners = async || {
        let set = stage.ns.api::<StatefulSet>().get("n0").await.unwrap();
        json!(set.metadata.owner_references.unwrap_or_default())
    };
    eventually("the set is an orphan", async || match owners().await {
        owners if owners == json!([]) => Ok(()),
        owners => Err(owners),
    })
    .await;
    let (done, said) = stage.kubectl(&["label", "statefulset/n0", "sei.io/node-"]);
    assert!(done, "{said}");
}
