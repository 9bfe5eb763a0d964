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
    kubectl::{set, stranger},
    setup::{Guards, Setup},
};
use crate::kit::Kit;

#[scenario]
async fn a_second_pod_is_refused_by_every_field_that_makes_one(kit: Arc<Kit>) {
    let setup = guarded(&kit).await;
    let ordinals = r#"{"spec":{"ordinals":{"start":1}}}"#;
    for patch in [ordinals, r#"{"spec":{"ordinals":{"start":9}}}"#] {
        let (done, output) = setup.kubectl(&["patch", "statefulset/lone", "-p", patch]);
        assert!(!done && output.contains("spec.ordinals.start: SeiNode lone runs pod 0"), "{output}");
    }
    let mut elsewhere = set("elsewhere", 1, "OnDelete");
    elsewhere["spec"]["ordinals"] = json!({"start": 1});
    let (done, output) = setup.kubectl_with(&["create"], &elsewhere);
    assert!(!done && output.contains("spec.ordinals.start"), "{output}");
    let (done, output) =
        setup.kubectl(&["patch", "statefulset/lone", "-p", r#"{"spec":{"ordinals":{"start":0}}}"#]);
    assert!(done, "{output}");
    let (done, output) = setup.kubectl(&["patch", "statefulset/stranger", "-p", ordinals]);
    assert!(done, "{output}");
}

#[scenario]
async fn the_selector_tells_a_nodes_set_whatever_its_labels(kit: Arc<Kit>) {
    let setup = guarded(&kit).await;
    let create = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut object = set(name, 2, "OnDelete");
        change(&mut object);
        setup.kubectl_with(&["create"], &object)
    };
    let unlabelled = |object: &mut Value| object["metadata"]["labels"] = json!({});
    let by_expression = |object: &mut Value| {
        object["metadata"]["labels"] = json!({});
        let term = json!({"key": "sei.io/node", "operator": "In", "values": [object["metadata"]["name"]]});
        object["spec"]["selector"] = json!({"matchExpressions": [term]});
    };
    for change in [&unlabelled as &dyn Fn(&mut Value), &by_expression] {
        let (done, output) = create("more", change);
        assert!(!done && output.contains("spec.replicas: SeiNode more"), "{output}");
    }
    // One pod is fine, and then there is no way to a second one.
    for (name, change) in [("bare", &unlabelled as &dyn Fn(&mut Value)), ("expressed", &by_expression)] {
        let (done, output) = create(name, &|object: &mut Value| {
            change(object);
            object["spec"]["replicas"] = json!(1);
        });
        assert!(done, "{output}");
        stays_at_one(&setup, name);
    }
    // An orphan may lose its label, and is guarded all the same.
    let (done, output) = setup.kubectl(&["label", "statefulset/lone", "sei.io/node-"]);
    assert!(done, "{output}");
    stays_at_one(&setup, "lone");
}

/// Neither replicas nor a strategy that would replace the pod get through.
fn stays_at_one(setup: &Setup, name: &str) {
    let set = format!("statefulset/{name}");
    let two = r#"{"spec":{"replicas":2}}"#;
    for arguments in [
        ["scale", &set, "--replicas=2"].as_slice(),
        &["patch", &set, "-p", two],
        &["patch", &set, "--subresource=scale", "--type=merge", "-p", two],
        &["patch", &set, "-p", r#"{"metadata":{"labels":null},"spec":{"replicas":2}}"#],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(!done && output.contains(&format!("SeiNode {name} is one pod")), "{arguments:?}: {output}");
    }
    let rolling = r#"{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}"#;
    let both = r#"{"spec":{"replicas":2,"updateStrategy":{"type":"RollingUpdate"}}}"#;
    for patch in [rolling, both] {
        let (done, output) = setup.kubectl(&["patch", &set, "-p", patch]);
        assert!(!done && output.contains("has to be OnDelete"), "{patch}: {output}");
    }
}

#[scenario]
async fn an_owned_set_keeps_label_and_owner_without_an_operator(kit: Arc<Kit>) {
    let setup = guarded(&kit).await;
    setup.ns.full_node("owned", "").await;
    let node = setup.ns.api::<SeiNode>().get("owned").await.unwrap();
    let owner = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "owned", "controller": true,
                       "blockOwnerDeletion": true, "uid": node.uid()});
    let mut owned = set("owned", 1, "OnDelete");
    owned["metadata"]["ownerReferences"] = json!([owner]);
    let (done, output) = setup.kubectl_with(&["create"], &owned);
    assert!(done, "{output}");
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
        let (done, output) = setup.kubectl(arguments);
        assert!(
            !done && output.contains(words) && output.contains("SeiNode owned"),
            "{arguments:?}: {output}"
        );
    }
}

#[scenario]
async fn a_signers_pod_is_not_deleted_by_force(kit: Arc<Kit>) {
    let setup = guarded(&kit).await;
    let pods = setup.ns.api::<Pod>();
    for (name, volume) in [
        ("signer", json!({"name": "signing-key", "secret": {"secretName": "s"}})),
        (
            "adopted",
            json!({"name": "key", "secret": {"secretName": "s", "items": [
            {"key": "priv_validator_key.json", "path": "priv_validator_key.json"}]}}),
        ),
        ("full", json!({"name": "more", "emptyDir": {}})),
    ] {
        pods.create(&PostParams::default(), &pod(&setup, name, &volume).await).await.unwrap();
    }
    let forced = ["--force", "--grace-period=0", "--wait=false"];
    for name in ["signer", "adopted"] {
        let pod = format!("pod/{name}");
        let (done, output) = setup.kubectl(&[&["delete", &pod], &forced[..]].concat());
        assert!(!done && output.contains("cannot be deleted by force"), "{name}: {output}");
        assert!(output.contains("node.kubernetes.io/out-of-service"), "{name}: {output}");
        // A pod that has ended is deleted at once, so nobody but its kubelet may say that.
        let ended = ["--subresource=status", "--type=merge", "-p", r#"{"status":{"phase":"Failed"}}"#];
        let (done, output) = setup.kubectl(&[&["patch", &pod], &ended[..]].concat());
        assert!(!done && output.contains("status.phase: pod"), "{name}: {output}");
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
        pod(&setup, "waiting", &json!({"name": "signing-key", "secret": {"secretName": "s"}})).await;
    let spec = waiting.spec.as_mut().unwrap();
    spec.node_name = None;
    spec.node_selector = Some([("nowhere".to_owned(), "true".to_owned())].into());
    pods.create(&PostParams::default(), &waiting).await.unwrap();
    let not_a_signer = ["delete", "pod/full", "--force", "--grace-period=0"];
    for arguments in [&by_kubelet[..], &by_people, &not_a_signer, &["delete", "pod/waiting"]] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done, "{arguments:?}: {output}");
    }
}

#[scenario]
async fn a_nodes_pod_keeps_the_labels_it_is_seen_by(kit: Arc<Kit>) {
    let setup = guarded(&kit).await;
    let pods = setup.ns.api::<Pod>();
    let volume = json!({"name": "more", "emptyDir": {}});
    let mut bare = pod(&setup, "bare", &volume).await;
    bare.metadata.owner_references = None;
    for pod in [pod(&setup, "n0", &volume).await, bare] {
        pods.create(&PostParams::default(), &pod).await.unwrap();
    }
    for arguments in [
        ["label", "pod/n0", "sei.io/node-"].as_slice(),
        &["label", "pod/n0", "sei.io/node=n1", "--overwrite"],
        &["label", "pod/n0", "sei.io/component=bootstrap"],
        &["patch", "pod/n0", "--subresource=status", "-p", r#"{"metadata":{"labels":{"sei.io/node":null}}}"#],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(!done && output.contains("cannot be changed"), "{arguments:?}: {output}");
    }
    for arguments in [
        ["label", "pod/n0", "team=rpc"].as_slice(),
        &["annotate", "pod/n0", "a=b"],
        &["label", "pod/bare", "sei.io/node-"],
    ] {
        let (done, output) = setup.kubectl(arguments);
        assert!(done, "{arguments:?}: {output}");
    }
}

#[scenario]
async fn a_bootstrap_job_stays_at_one_pod(kit: Arc<Kit>) {
    let setup = guarded(&kit).await;
    let jobs = setup.ns.api::<Job>();
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
        let (done, output) = setup.kubectl(&["patch", "job/n0-bootstrap", "--type=merge", "-p", patch]);
        assert!(!done && output.contains(words), "{patch}: {output}");
    }
    let mut two = job("more", &json!({"sei.io/node": "n1"}));
    two.spec.as_mut().unwrap().parallelism = Some(2);
    let refused = jobs.create(&PostParams::default(), &two).await.unwrap_err().to_string();
    assert!(refused.contains("spec.parallelism: must be at most 1"), "{refused}");
    // The operator resumes its Job, people may stop it, and others do with theirs what they like.
    let operator = format!("--as=system:serviceaccount:{}:operator", setup.ns.name);
    let resume = r#"{"spec":{"suspend":false}}"#;
    let (done, output) = setup.kubectl(&[
        "patch",
        "job/n0-bootstrap",
        "--type=merge",
        "-p",
        resume,
        &operator,
        "--as-group=system:masters",
    ]);
    assert!(done, "{output}");
    for (job, patch) in [
        ("job/n0-bootstrap", r#"{"spec":{"suspend":true}}"#),
        ("job/stranger", r#"{"spec":{"parallelism":2,"suspend":false}}"#),
        ("job/n0-bootstrap", r#"{"spec":{"parallelism":0}}"#),
    ] {
        let (done, output) = setup.kubectl(&["patch", job, "--type=merge", "-p", patch]);
        assert!(done, "{job} {patch}: {output}");
    }
}

/// The policies alone, with a set of a node and one of a stranger.
async fn guarded(kit: &Kit) -> Setup {
    let setup = Setup::of(kit, Guards::Policy).await;
    for object in [set("lone", 1, "OnDelete"), stranger()] {
        let (created, output) = setup.kubectl_with(&["create", "--save-config"], &object);
        assert!(created, "{output}");
    }
    let second = ["scale", "statefulset/lone", "--replicas=2", "--dry-run=server"];
    setup.refused_eventually("the policies hold", || setup.kubectl(&second)).await;
    let set = setup.ns.api::<StatefulSet>().get("lone").await.unwrap();
    assert_eq!(set.spec.unwrap().replicas, Some(1));
    setup
}

/// A pod of a node, owned by a StatefulSet, on a machine that does not answer.
async fn pod(setup: &Setup, node: &str, volume: &Value) -> Pod {
    let set = setup.ns.api::<StatefulSet>().get("lone").await.unwrap();
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
