//! Ways to a second pod of a node that go past its StatefulSet's replicas, tried while no operator is up.

use std::sync::Arc;

use k8s_openapi::api::{apps::v1::StatefulSet, batch::v1::Job, core::v1::Pod};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use scenario::scenario;
use seinode_api::SeiNode;
use serde_json::{Value, json};

use super::{
    hands::{set, stranger},
    stage::{Guards, Stage},
};
use crate::kit::Kit;

#[scenario]
async fn a_second_pod_is_refused_by_every_field_that_makes_one(kit: Arc<Kit>) {
    let stage = guarded(&kit).await;
    let ordinals = r#"{"spec":{"ordinals":{"start":1}}}"#;
    for patch in [ordinals, r#"{"spec":{"ordinals":{"start":9}}}"#] {
        let (done, said) = stage.kubectl(&["patch", "statefulset/lone", "-p", patch]);
        assert!(!done && said.contains("spec.ordinals.start: SeiNode lone runs pod 0"), "{said}");
    }
    let mut elsewhere = set("elsewhere", 1, "OnDelete");
    elsewhere["spec"]["ordinals"] = json!({"start": 1});
    let (done, said) = stage.kubectl_with(&["create"], &elsewhere);
    assert!(!done && said.contains("spec.ordinals.start"), "{said}");
    let (done, said) =
        stage.kubectl(&["patch", "statefulset/lone", "-p", r#"{"spec":{"ordinals":{"start":0}}}"#]);
    assert!(done, "{said}");
    let (done, said) = stage.kubectl(&["patch", "statefulset/stranger", "-p", ordinals]);
    assert!(done, "{said}");
}

#[scenario]
async fn the_selector_tells_a_nodes_set_whatever_its_labels(kit: Arc<Kit>) {
    let stage = guarded(&kit).await;
    let create = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut object = set(name, 2, "OnDelete");
        change(&mut object);
        stage.kubectl_with(&["create"], &object)
    };
    let unlabelled = |object: &mut Value| object["metadata"]["labels"] = json!({});
    let by_expression = |object: &mut Value| {
        object["metadata"]["labels"] = json!({});
        let term = json!({"key": "sei.io/node", "operator": "In", "values": [object["metadata"]["name"]]});
        object["spec"]["selector"] = json!({"matchExpressions": [term]});
    };
    for change in [&unlabelled as &dyn Fn(&mut Value), &by_expression] {
        let (done, said) = create("more", change);
        assert!(!done && said.contains("spec.replicas: SeiNode more"), "{said}");
    }
    // One pod is fine, and then there is no way to a second one.
    let (done, said) = create("bare", &|object: &mut Value| {
        unlabelled(object);
        object["spec"]["replicas"] = json!(1);
    });
    assert!(done, "{said}");
    stays_at_one(&stage, "bare");
    // An orphan may lose its label, and is guarded all the same.
    let (done, said) = stage.kubectl(&["label", "statefulset/lone", "sei.io/node-"]);
    assert!(done, "{said}");
    stays_at_one(&stage, "lone");
}

/// Neither replicas nor a strategy that would replace the pod get through.
fn stays_at_one(stage: &Stage, name: &str) {
    let set = format!("statefulset/{name}");
    let two = r#"{"spec":{"replicas":2}}"#;
    for arguments in [
        ["scale", &set, "--replicas=2"].as_slice(),
        &["patch", &set, "-p", two],
        &["patch", &set, "--subresource=scale", "--type=merge", "-p", two],
        &["patch", &set, "-p", r#"{"metadata":{"labels":null},"spec":{"replicas":2}}"#],
    ] {
        let (done, said) = stage.kubectl(arguments);
        assert!(!done && said.contains(&format!("SeiNode {name} is one pod")), "{arguments:?}: {said}");
    }
    let rolling = r#"{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}"#;
    let both = r#"{"spec":{"replicas":2,"updateStrategy":{"type":"RollingUpdate"}}}"#;
    for patch in [rolling, both] {
        let (done, said) = stage.kubectl(&["patch", &set, "-p", patch]);
        assert!(!done && said.contains("has to be OnDelete"), "{patch}: {said}");
    }
}

#[scenario]
async fn an_owned_set_keeps_label_and_owner_without_an_operator(kit: Arc<Kit>) {
    let stage = guarded(&kit).await;
    stage.ns.full_node("owned", "").await;
    let node = stage.ns.api::<SeiNode>().get("owned").await.unwrap();
    let owner = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "owned", "controller": true,
                       "blockOwnerDeletion": true, "uid": node.uid()});
    let mut owned = set("owned", 1, "OnDelete");
    owned["metadata"]["ownerReferences"] = json!([owner]);
    let (done, said) = stage.kubectl_with(&["create"], &owned);
    assert!(done, "{said}");
    let renamed =
        json!({"metadata": {"ownerReferences": [{"name": "other", "uid": owner["uid"]}]}}).to_string();
    let loose =
        json!({"metadata": {"ownerReferences": [{"controller": false, "uid": owner["uid"]}]}}).to_string();
    for (arguments, words) in [
        (["label", "statefulset/owned", "sei.io/node-"].as_slice(), "metadata.labels[sei.io/node]"),
        (&["label", "statefulset/owned", "sei.io/node=other", "--overwrite"], "metadata.labels[sei.io/node]"),
        (
            &["patch", "statefulset/owned", "--type=merge", "-p", r#"{"metadata":{"ownerReferences":null}}"#],
            "metadata.ownerReferences",
        ),
        (
            &[
                "patch",
                "statefulset/owned",
                "--subresource=status",
                "--type=merge",
                "-p",
                r#"{"metadata":{"ownerReferences":null}}"#,
            ],
            "metadata.ownerReferences",
        ),
        (&["patch", "statefulset/owned", "-p", &renamed], "metadata.ownerReferences"),
        (&["patch", "statefulset/owned", "-p", &loose], "metadata.ownerReferences"),
    ] {
        let (done, said) = stage.kubectl(arguments);
        assert!(!done && said.contains(words) && said.contains("SeiNode owned"), "{arguments:?}: {said}");
    }
}

#[scenario]
async fn a_signers_pod_is_not_deleted_by_force(kit: Arc<Kit>) {
    let stage = guarded(&kit).await;
    let pods = stage.ns.api::<Pod>();
    for (name, volume) in [
        ("signer", json!({"name": "signing-key", "secret": {"secretName": "s"}})),
        (
            "adopted",
            json!({"name": "key", "secret": {"secretName": "s", "items": [
            {"key": "priv_validator_key.json", "path": "priv_validator_key.json"}]}}),
        ),
        ("full", json!({"name": "more", "emptyDir": {}})),
    ] {
        pods.create(&PostParams::default(), &pod(&stage, name, &volume).await).await.unwrap();
    }
    let forced = ["--force", "--grace-period=0", "--wait=false"];
    for name in ["signer", "adopted"] {
        let pod = format!("pod/{name}");
        let (done, said) = stage.kubectl(&[&["delete", &pod], &forced[..]].concat());
        assert!(!done && said.contains("cannot be deleted by force"), "{name}: {said}");
        assert!(said.contains("node.kubernetes.io/out-of-service"), "{name}: {said}");
        // A pod that has ended is deleted at once, so nobody but its kubelet may say that.
        let ended = ["--subresource=status", "--type=merge", "-p", r#"{"status":{"phase":"Failed"}}"#];
        let (done, said) = stage.kubectl(&[&["patch", &pod], &ended[..]].concat());
        assert!(!done && said.contains("status.phase: pod"), "{name}: {said}");
    }
    let all = ListParams::default().labels("sei.io/node=signer");
    let forced = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    let refused = pods.delete_collection(&forced, &all).await.unwrap_err().to_string();
    assert!(refused.contains("cannot be deleted by force"), "{refused}");
    assert!(pods.get_opt("signer").await.unwrap().is_some());

    // Its kubelet may, and people without force.
    let kubelet = ["--as=system:node:a", "--as-group=system:nodes", "--as-group=system:masters"];
    let by_kubelet = [&["delete", "pod/adopted", "--force", "--grace-period=0"], &kubelet[..]].concat();
    let by_people = ["delete", "pod/signer", "--wait=false"];
    // Without a machine nothing runs, and the API server waives the grace period by itself.
    let mut waiting =
        pod(&stage, "waiting", &json!({"name": "signing-key", "secret": {"secretName": "s"}})).await;
    let spec = waiting.spec.as_mut().unwrap();
    spec.node_name = None;
    spec.node_selector = Some([("nowhere".to_owned(), "true".to_owned())].into());
    pods.create(&PostParams::default(), &waiting).await.unwrap();
    let not_a_signer = ["delete", "pod/full", "--force", "--grace-period=0"];
    for arguments in [&by_kubelet[..], &by_people, &not_a_signer, &["delete", "pod/waiting"]] {
        let (done, said) = stage.kubectl(arguments);
        assert!(done, "{arguments:?}: {said}");
    }
}

#[scenario]
async fn a_nodes_pod_keeps_the_labels_it_is_seen_by(kit: Arc<Kit>) {
    let stage = guarded(&kit).await;
    let pods = stage.ns.api::<Pod>();
    let volume = json!({"name": "more", "emptyDir": {}});
    let mut bare = pod(&stage, "bare", &volume).await;
    bare.metadata.owner_references = None;
    for pod in [pod(&stage, "n0", &volume).await, bare] {
        pods.create(&PostParams::default(), &pod).await.unwrap();
    }
    for arguments in [
        ["label", "pod/n0", "sei.io/node-"].as_slice(),
        &["label", "pod/n0", "sei.io/node=n1", "--overwrite"],
        &["label", "pod/n0", "sei.io/component=bootstrap"],
        &["patch", "pod/n0", "--subresource=status", "-p", r#"{"metadata":{"labels":{"sei.io/node":null}}}"#],
    ] {
        let (done, said) = stage.kubectl(arguments);
        assert!(!done && said.contains("cannot be changed"), "{arguments:?}: {said}");
    }
    for arguments in [
        ["label", "pod/n0", "team=rpc"].as_slice(),
        &["annotate", "pod/n0", "a=b"],
        &["label", "pod/bare", "sei.io/node-"],
    ] {
        let (done, said) = stage.kubectl(arguments);
        assert!(done, "{arguments:?}: {said}");
    }
}

#[scenario]
async fn a_bootstrap_job_stays_at_one_pod(kit: Arc<Kit>) {
    let stage = guarded(&kit).await;
    let jobs = stage.ns.api::<Job>();
    let job = |name: &str, labels: &Value| -> Job {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "suspend": true, "backoffLimit": 0, "podReplacementPolicy": "Failed",
                "template": {"metadata": {"labels": labels}, "spec": {
                    "restartPolicy": "Never", "containers": [{"name": "seid", "image": "registry.example.com/seid:v1"}]}},
            },
        }))
        .unwrap()
    };
    jobs.create(&PostParams::default(), &job("n0-bootstrap", &json!({"sei.io/node": "n0"}))).await.unwrap();
    jobs.create(&PostParams::default(), &job("stranger", &json!({"app": "x"}))).await.unwrap();
    let label = r#"{"spec":{"template":{"metadata":{"labels":{"sei.io/node":null}}}}}"#;
    for (patch, words) in [
        (r#"{"spec":{"parallelism":2}}"#, "spec.parallelism: must be at most 1"),
        (r#"{"metadata":{"labels":null},"spec":{"parallelism":2}}"#, "spec.parallelism: must be at most 1"),
        (r#"{"spec":{"podReplacementPolicy":"TerminatingOrFailed"}}"#, "spec.podReplacementPolicy"),
        (r#"{"spec":{"suspend":false}}"#, "spec.suspend: Job n0-bootstrap is resumed by the operator"),
        (label, "spec.template.metadata.labels[sei.io/node]"),
    ] {
        let (done, said) = stage.kubectl(&["patch", "job/n0-bootstrap", "--type=merge", "-p", patch]);
        assert!(!done && said.contains(words), "{patch}: {said}");
    }
    let mut two = job("more", &json!({"sei.io/node": "n1"}));
    two.spec.as_mut().unwrap().parallelism = Some(2);
    let refused = jobs.create(&PostParams::default(), &two).await.unwrap_err().to_string();
    assert!(refused.contains("spec.parallelism: must be at most 1"), "{refused}");
    // The operator resumes its Job, people may stop it, and others do with theirs what they like.
    let operator = format!("--as=system:serviceaccount:{}:operator", stage.ns.name);
    let resume = r#"{"spec":{"suspend":false}}"#;
    let (done, said) = stage.kubectl(&[
        "patch",
        "job/n0-bootstrap",
        "--type=merge",
        "-p",
        resume,
        &operator,
        "--as-group=system:masters",
    ]);
    assert!(done, "{said}");
    for (job, patch) in [
        ("job/n0-bootstrap", r#"{"spec":{"suspend":true}}"#),
        ("job/stranger", r#"{"spec":{"parallelism":2,"suspend":false}}"#),
        ("job/n0-bootstrap", r#"{"spec":{"parallelism":0}}"#),
    ] {
        let (done, said) = stage.kubectl(&["patch", job, "--type=merge", "-p", patch]);
        assert!(done, "{job} {patch}: {said}");
    }
}

/// The policies alone, with a set of a node and one of a stranger.
async fn guarded(kit: &Kit) -> Stage {
    let stage = Stage::of(kit, Guards::Policy).await;
    for object in [set("lone", 1, "OnDelete"), stranger()] {
        let (created, said) = stage.kubectl_with(&["create", "--save-config"], &object);
        assert!(created, "{said}");
    }
    let second = ["scale", "statefulset/lone", "--replicas=2", "--dry-run=server"];
    stage.refused_in_the_end("the policies hold", || stage.kubectl(&second)).await;
    let set = stage.ns.api::<StatefulSet>().get("lone").await.unwrap();
    assert_eq!(set.spec.unwrap().replicas, Some(1));
    stage
}

/// A pod of a node, owned by a StatefulSet, on a machine that does not answer.
async fn pod(stage: &Stage, node: &str, volume: &Value) -> Pod {
    let set = stage.ns.api::<StatefulSet>().get("lone").await.unwrap();
    let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "lone", "uid": set.uid()});
    serde_json::from_value(json!({
        "metadata": {"name": node, "labels": {"sei.io/node": node}, "ownerReferences": [owner]},
        "spec": {
            "nodeName": "nowhere", "volumes": [volume],
            "containers": [{"name": "seid", "image": "registry.example.com/seid:v1"}],
        },
    }))
    .unwrap()
}
