//! Objects that were stored under the original CRD live on under ours, also those that ours would refuse.

use std::sync::Arc;

use scenario::scenario;
use seinode_api::{SeiNode, names};
use serde_json::{Value, json};

use super::{
    admission::refused_as_expected,
    nodes::{Nodes, Run, name},
    table::{Case, Original, cases, merged},
};
use crate::kit::{Kit, eventually};

#[scenario]
async fn objects_that_break_a_new_rule_stay_editable_and_deletable(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::copies(client, namespace, "stored.sei.io");
    nodes.install_original().await;
    let stored: Vec<_> = cases()
        .into_iter()
        .filter(|case| case.original == Original::Accepted && case.stored.is_none())
        .collect();
    assert!(stored.len() > 10, "the table lost its new rules");
    for case in &stored {
        nodes
            .create(&case.refuse, Run::Real)
            .await
            .unwrap_or_else(|causes| panic!("{}: {causes:#?}", case.label));
    }
    replace_crd(&nodes).await;
    for case in &stored {
        stays_editable(&nodes, case).await;
    }
}

/// Does to an object that breaks a rule what people and operators do.
async fn stays_editable(nodes: &Nodes, case: &Case) {
    let name = name(&case.refuse);
    let allowed = |what: &str, answer: Result<Value, _>| {
        answer.unwrap_or_else(|causes| panic!("{}: cannot {what}: {causes:#?}", case.label))
    };
    allowed("write status", nodes.write_status(name, json!({ "currentImage": "seid:v1" })).await);
    let annotation = json!({ "metadata": { "annotations": { "example.com/seen": "yes" } } });
    allowed("annotate", nodes.change(name, &annotation, Run::Real).await);
    let has_spec = !case.refuse["spec"].is_null();
    if has_spec {
        let edited =
            allowed("edit", nodes.change(name, &json!({ "spec": { "image": "seid:v2" } }), Run::Real).await);
        assert_eq!(edited["spec"]["image"], "seid:v2", "{}", case.label);
    }
    if let Some(edit) = &case.edit {
        let before = nodes.get(name).await["metadata"]["generation"].clone();
        let edited = allowed("edit beside it", nodes.change(name, edit, Run::Real).await);
        assert_ne!(edited["metadata"]["generation"], before, "{}: `edit` changes nothing", case.label);
    }
    let object = nodes.get(name).await;
    assert_eq!(serde_json::from_value::<SeiNode>(object).is_ok(), has_spec, "{}", case.label);

    let anew = merged(case.refuse.clone(), &json!({ "metadata": { "name": format!("{name}1") } }));
    refused_as_expected(case, nodes.create(&anew, Run::Dry).await);
    nodes.delete(name).await;
}

#[scenario]
async fn a_rule_that_is_met_again_cannot_be_broken_again(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::copies(client, namespace, "corrected.sei.io");
    nodes.install_original().await;
    let publishing = |keep: u8| json!({ "spec": { "archive": { "snapshotGeneration": { "tendermint": { "keepRecent": keep } } } } });
    let object = json!({
        "metadata": { "name": "archive" },
        "spec": {
            "chainId": "pacific-1", "image": "seid:v1",
            "archive": { "snapshotGeneration": { "tendermint": { "keepRecent": 1, "publish": {} } } },
        },
    });
    nodes.create(&object, Run::Real).await.unwrap();
    replace_crd(&nodes).await;
    nodes.change("archive", &publishing(2), Run::Real).await.unwrap();
    let causes = nodes.change("archive", &publishing(1), Run::Real).await.unwrap_err();
    assert_eq!(causes.len(), 1, "{causes:#?}");
    assert_eq!(causes[0].0, "spec.archive.snapshotGeneration.tendermint.keepRecent");
}

#[scenario]
async fn an_object_without_spec_can_be_deleted(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::copies(client, namespace, "empty.sei.io");
    nodes.install_original().await;
    let object = json!({ "metadata": { "name": "empty", "finalizers": [names::LEGACY_FINALIZER] } });
    nodes.create(&object, Run::Real).await.unwrap();
    replace_crd(&nodes).await;
    nodes.write_status("empty", json!({ "phase": "Failed" })).await.unwrap();
    nodes.change("empty", &json!({ "metadata": { "finalizers": null } }), Run::Real).await.unwrap();
    // Once corrected, it is a node like any other.
    let spec = json!({ "spec": { "chainId": "pacific-1", "image": "seid:v1", "fullNode": {} } });
    nodes.change("empty", &spec, Run::Dry).await.unwrap();
    let causes =
        nodes.change("empty", &json!({ "spec": { "chainId": "pacific-1" } }), Run::Dry).await.unwrap_err();
    assert!(causes.iter().any(|(field, _)| field == "spec.image"), "{causes:#?}");
    nodes.delete("empty").await;
}

#[scenario]
async fn a_plan_of_the_original_operator_can_be_overwritten(kit: Arc<Kit>) {
    let own = kit.namespace().await;
    let (client, namespace) = (&own.client, own.name.as_str());
    let nodes = Nodes::copies(client, namespace, "plans.sei.io");
    nodes.install_original().await;
    let object = json!({
        "metadata": { "name": "node" },
        "spec": { "chainId": "pacific-1", "image": "seid:v1", "fullNode": {} },
    });
    nodes.create(&object, Run::Real).await.unwrap();
    let status = json!({
        "phase": "Failed",
        "phaseTransitionTime": "2026-05-08T10:00:00Z",
        "currentImage": "seid:v1",
        "resolvedPeers": ["n1-0.n1.sei.svc.cluster.local"],
        "conditions": [{
            "type": "SidecarReady", "status": "Unknown", "reason": "Unreachable", "message": "",
            "lastTransitionTime": "2026-05-08T10:00:00Z",
        }],
        "plan": {
            "id": "6f8e9a52-9f5d-4c0e-8f5c-1b2d7f0a1c11",
            "phase": "Failed",
            "targetPhase": "Running",
            "failedPhase": "Failed",
            "failedTaskIndex": 1,
            "failedTaskDetail":
                { "type": "config-apply", "id": "b", "error": "no", "retryCount": 3, "maxRetries": 3 },
            "tasks": [
                { "type": "ensure-data-pvc", "id": "a", "status": "Complete", "params": { "nodeName": "node" } },
                {
                    "type": "config-apply", "id": "b", "status": "Failed", "error": "no", "retryCount": 3,
                    "maxRetries": 3, "submittedAt": "2026-05-08T10:00:00Z", "params": [1, { "a": null }],
                },
            ],
        },
    });
    nodes.write_status("node", status).await.unwrap();
    replace_crd(&nodes).await;

    nodes.change("node", &json!({ "metadata": { "labels": { "a": "b" } } }), Run::Real).await.unwrap();
    let node: SeiNode = serde_json::from_value(nodes.get("node").await).unwrap();
    let plan = node.status.unwrap().plan.unwrap();
    assert_eq!((plan.phase.as_str(), plan.tasks.len(), plan.tasks[1].retry_count), ("Failed", 2, Some(3)));

    let ours = json!({ "phase": "Initializing", "plan": { "id": "c", "phase": "Active", "kind": "Init", "tasks": [] } });
    let written = nodes.write_status("node", ours).await.unwrap();
    assert_eq!(written["status"]["plan"]["kind"], "Init");
    nodes.delete("node").await;
}

/// Puts our CRD in the place of the original's and waits until the server judges by it.
async fn replace_crd(nodes: &Nodes) {
    nodes.install_ours().await;
    eventually("our rules hold", async || {
        match nodes.create(&json!({ "metadata": { "name": "probe" } }), Run::Dry).await {
            Ok(_) => Err("an object without spec is let in"),
            Err(_) => Ok(()),
        }
    })
    .await;
}
