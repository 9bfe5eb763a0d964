//! Job and Service of a bootstrap, against the reference (crd-and-workload §4.4), written out.

use serde_json::{Value, json};

use super::*;
use crate::render::{
    stateful_set,
    tests::{intent, node, owner, platform},
};

const FULL: &str = "  fullNode: {snapshot: {s3: {targetHeight: 42}, bootstrapImage: 'seid:0'}}\n";
const SIGNER: &str = "  validator: {snapshot: {s3: {targetHeight: 42}, bootstrapImage: 'seid:0'},\n    \
     signingKey: {secret: {secretName: s}}, nodeKey: {secret: {secretName: n}}}\n";

fn job(rest: &str) -> Value {
    serde_json::to_value(bootstrap_job(&node(), &intent(rest), &platform()).unwrap()).unwrap()
}

fn pod_of(rest: &str) -> Value {
    job(rest)["spec"]["template"]["spec"].take()
}

/// The pod of the StatefulSet of the same spec.
fn own_pod_of(rest: &str) -> Value {
    let set = stateful_set(&node(), &intent(rest), &platform());
    serde_json::to_value(set.spec.unwrap().template.spec.unwrap()).unwrap()
}

#[test]
fn the_job_is_as_the_reference_says() {
    let rest = format!("{FULL}  podLabels: {{team: rpc, sei.io/node: stolen, sei.io/component: stolen}}\n");
    let mut job = job(&rest);
    job["spec"]["template"]["spec"].take();
    let ours = json!({"sei.io/node":"n0","sei.io/component":"bootstrap"});
    assert_eq!(
        job,
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": "n0-bootstrap", "namespace": "sei",
                "labels": {"team":"rpc","sei.io/node":"n0","sei.io/component":"bootstrap"},
                "annotations": {"sei.io/target": intent(&rest).bootstrap_target().to_string(),
                                "sei.io/owner-uid": "uid-0",
                                "sei.io/template-hash": bootstrap_hash(&node(), &intent(&rest), &platform())},
                "ownerReferences": owner(),
            },
            "spec": {
                "backoffLimit": 0,
                "podReplacementPolicy": "Failed",
                "template": {
                    "metadata": {"labels":ours,"annotations":{"karpenter.sh/do-not-disrupt":"true"}},
                    "spec": null,
                },
            },
        })
    );
}

#[test]
fn the_pod_is_as_the_reference_says() {
    let mut pod = pod_of(FULL);
    let containers = pod["containers"].take();
    let init = pod["initContainers"].take();
    assert_eq!(
        pod,
        json!({
            "hostname": "n0-0",
            "subdomain": "n0",
            "restartPolicy": "Never",
            "serviceAccountName": "seid-node",
            "shareProcessNamespace": true,
            "terminationGracePeriodSeconds": 120,
            "tolerations": [{"key":"sei.io/workload","value":"sei-node","effect":"NoSchedule"}],
            "affinity": {"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
                {"matchExpressions":[{"key":"karpenter.sh/nodepool","operator":"In","values":["sei-node"]}]}]}}},
            "volumes": [{"name":"data","persistentVolumeClaim":{"claimName":"data-n0"}}],
            "containers": null,
            "initContainers": null,
        })
    );
    assert_eq!(
        containers,
        json!([{
            "name": "seid", "image": "seid:0", "command": ["/bin/bash","-c"],
            "args": [script::halting(7777, 42)],
            "env": [{"name":"TMPDIR","value":"/sei/tmp"}],
            "resources": {"requests":{"cpu":"4","memory":"32Gi"}},
            "volumeMounts": [{"name":"data","mountPath":"/sei"}],
        }])
    );
    let own = own_pod_of(FULL);
    let mut seid_init = own["initContainers"][0].clone();
    seid_init["image"] = json!("seid:0");
    let mut sidecar = own["initContainers"][1].clone();
    for probe in ["livenessProbe", "readinessProbe"] {
        sidecar.as_object_mut().unwrap().remove(probe).unwrap();
    }
    assert_eq!(init, json!([seid_init, sidecar]));
}

#[test]
fn the_service_is_headless_and_finds_the_bootstrap_pod_alone() {
    let rest = format!("{FULL}  podLabels: {{team: rpc}}\n  sidecar: {{port: 9000}}\n");
    let service = serde_json::to_value(bootstrap_service(&node(), &intent(&rest))).unwrap();
    assert_eq!(
        service,
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "n0", "namespace": "sei",
                "labels": {"team":"rpc","sei.io/node":"n0","sei.io/component":"bootstrap"},
                "annotations": {"sei.io/owner-uid": "uid-0"},
                "ownerReferences": owner(),
            },
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": true,
                "selector": {"sei.io/node":"n0","sei.io/component":"bootstrap"},
                "ports": [{"name":"sidecar","port":9000,"targetPort":9000,"protocol":"TCP"}],
            },
        })
    );
    assert_eq!(service["spec"]["selector"], job(&rest)["spec"]["template"]["metadata"]["labels"]);
}

#[test]
fn an_imported_volume_is_bootstrapped_too() {
    let pod = pod_of(&format!("{FULL}  dataVolume: {{import: {{pvcName: old-data}}}}\n"));
    assert_eq!(pod["volumes"], json!([{"name":"data","persistentVolumeClaim":{"claimName":"old-data"}}]));
}

#[test]
fn a_validators_keys_never_reach_its_bootstrap() {
    assert_eq!(own_pod_of(SIGNER)["volumes"].as_array().unwrap().len(), 4, "the node itself has them");
    let pod = pod_of(SIGNER);
    assert_eq!(pod["volumes"], json!([{"name":"data","persistentVolumeClaim":{"claimName":"data-n0"}}]));
    for containers in ["initContainers", "containers"] {
        for container in pod[containers].as_array().unwrap() {
            assert_eq!(container["volumeMounts"], json!([{"name":"data","mountPath":"/sei"}]), "{container}");
            assert_eq!(container.get("envFrom"), None);
        }
    }
    let text = job(SIGNER).to_string();
    for trace in ["secret", "signing-key", "node-key", "priv_validator_key", "node_key"] {
        assert!(!text.contains(trace), "{trace} is in {text}");
    }
}

#[test]
fn the_sidecar_and_the_gate_are_the_users_and_the_entrypoint_is_not() {
    let rest = format!(
        "{FULL}  sidecar: {{image: 'own:1', port: 9000, resources: {{limits: {{memory: 1Gi}}}}}}\n  \
         entrypoint: {{command: [other]}}\n"
    );
    let pod = pod_of(&rest);
    assert_eq!(pod["containers"][0]["args"], json!([script::halting(9000, 42)]));
    let sidecar = &pod["initContainers"][1];
    assert_eq!(sidecar["image"], "own:1");
    assert_eq!(sidecar["ports"][0]["containerPort"], 9000);
    assert_eq!(sidecar["resources"], json!({"limits":{"memory":"1Gi"}}));
}

#[test]
fn a_spec_without_bootstrap_has_no_job() {
    for rest in [
        "  fullNode: {}\n",
        "  fullNode: {snapshot: {s3: {targetHeight: 42}}}\n",
        "  fullNode: {snapshot: {stateSync: {}}}\n",
        "  archive: {}\n",
    ] {
        assert_eq!(bootstrap_job(&node(), &intent(rest), &platform()), None, "{rest}");
    }
}

#[test]
fn a_job_is_made_anew_only_for_what_it_is_made_of() {
    const SNAPSHOT: &str = "snapshot: {s3: {targetHeight: 9}, bootstrapImage: seid:0}";
    let target =
        |mode: &str, rest: &str| intent(&format!("  fullNode: {{{mode}}}\n{rest}")).bootstrap_target();
    let before = target(SNAPSHOT, "");
    assert_eq!(before, target(SNAPSHOT, "  overrides: {evm.http_port: '1'}\n  podLabels: {a: b}\n"));
    assert_ne!(before, target(&SNAPSHOT.replace("seid:0", "seid:00"), ""));
    assert_ne!(before, target(&SNAPSHOT.replace('9', "10"), ""));
    assert_ne!(before, target(SNAPSHOT, "  sidecar: {port: 9000}\n"));
}

#[test]
fn nobody_else_makes_an_object_pass_for_the_bootstraps() {
    let stolen = intent("  fullNode: {}\n  podLabels: {sei.io/component: bootstrap}\n");
    let labels = crate::render::service(&node(), &stolen).metadata.labels.unwrap();
    assert!(!labels.contains_key("sei.io/component"), "{labels:?}");
}
