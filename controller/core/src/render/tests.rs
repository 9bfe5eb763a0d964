//! Rendered objects against the reference (crd-and-workload §3–§4), written out.

use serde_json::{Value, json};

use super::*;
use crate::{
    configuration,
    platform::{Bucket, Platform, Requests, ResultExport},
    retention::{Retention, RetentionPolicy},
};

pub(super) fn platform() -> Platform {
    let bucket = |name: &str| Bucket { name: name.into(), region: "us-east-2".into() };
    let requests =
        |cpu: &str, memory: &str| Requests { cpu: cpu.parse().unwrap(), memory: memory.parse().unwrap() };
    Platform {
        nodepool_default: "sei-node".into(),
        nodepool_archive: "sei-archive".into(),
        toleration_key: "sei.io/workload".into(),
        service_account: "seid-node".into(),
        storage_class_default: "gp3-10k-750".into(),
        storage_class_archive: "gp3-archive".into(),
        storage_size_default: "2000Gi".parse().unwrap(),
        storage_size_archive: "40Ti".parse().unwrap(),
        retention: RetentionPolicy::default(),
        resources_default: requests("4", "32Gi"),
        resources_archive: requests("48", "448Gi"),
        snapshot_bucket: bucket("test-snapshots"),
        genesis_bucket: bucket("test-genesis"),
        result_export: ResultExport { bucket: bucket("test-results"), prefix: "shadow-results/".into() },
    }
}

pub(super) fn node() -> NodeRef {
    NodeRef { namespace: "sei".into(), name: "n0".into(), uid: "uid-0".into() }
}

pub(super) fn intent(rest: &str) -> Intent {
    let object = format!(
        "metadata: {{name: n0, namespace: sei}}\nspec:\n  chainId: pacific-1\n  image: seid:1\n{rest}"
    );
    Intent::parse(&serde_norway::from_str(&object).unwrap()).unwrap()
}

fn set(rest: &str) -> Value {
    serde_json::to_value(stateful_set(&node(), &intent(rest), &platform())).unwrap()
}

pub(super) fn owner() -> Value {
    json!([{"apiVersion":"sei.io/v1alpha1","kind":"SeiNode","name":"n0","uid":"uid-0",
            "controller":true,"blockOwnerDeletion":true}])
}

#[test]
fn the_stateful_set_is_as_the_reference_says() {
    let set = set("  fullNode: {}\n  podLabels: {team: rpc, sei.io/node: stolen}\n");
    let labels = json!({"team":"rpc","sei.io/node":"n0"});
    assert_eq!(
        set["metadata"],
        json!({"name":"n0","namespace":"sei","labels":labels,"ownerReferences":owner(),
               "annotations":{"sei.io/owner-uid":"uid-0",
                              "sei.io/template-hash":set["metadata"]["annotations"]["sei.io/template-hash"]}})
    );
    let spec = &set["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["serviceName"], "n0");
    assert_eq!(spec["selector"], json!({"matchLabels":{"sei.io/node":"n0"}}));
    assert_eq!(spec["updateStrategy"], json!({"type":"OnDelete"}));
    let members: Vec<_> = spec.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["ordinals", "replicas", "selector", "serviceName", "template", "updateStrategy"]);
    assert_eq!(
        spec["template"]["metadata"],
        json!({"labels":labels,"annotations":{
            "karpenter.sh/do-not-disrupt":"true",
            "sei.io/config-hash":configuration::hash(&intent("  fullNode: {}\n")),
        }})
    );
}

#[test]
fn the_pod_is_as_the_reference_says() {
    let mut pod = set("  fullNode: {}\n")["spec"]["template"]["spec"].take();
    let containers = pod["containers"].take();
    let init = pod["initContainers"].take();
    assert_eq!(
        pod,
        json!({
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
    assert_eq!(containers.as_array().unwrap().len(), 1);
    let mut seid = containers[0].clone();
    assert!(seid["args"].take()[0].as_str().unwrap().contains("exec seid"));
    assert_eq!(
        seid,
        json!({
            "name": "seid", "image": "seid:1", "command": ["/bin/bash","-c"], "args": null,
            "env": [{"name":"TMPDIR","value":"/sei/tmp"}],
            "ports": [
                {"name":"evm-rpc","containerPort":8545,"protocol":"TCP"},
                {"name":"evm-ws","containerPort":8546,"protocol":"TCP"},
                {"name":"grpc","containerPort":9090,"protocol":"TCP"},
                {"name":"rest","containerPort":1317,"protocol":"TCP"},
                {"name":"p2p","containerPort":26656,"protocol":"TCP"},
                {"name":"rpc","containerPort":26657,"protocol":"TCP"},
                {"name":"metrics","containerPort":26660,"protocol":"TCP"}],
            "resources": {"requests":{"cpu":"4","memory":"32Gi"}},
            "startupProbe": {"httpGet":{"path":"/v0/healthz","port":7777},
                "initialDelaySeconds":5,"periodSeconds":5,"failureThreshold":86400},
            "readinessProbe": {"httpGet":{"path":"/lag_status","port":26657},
                "initialDelaySeconds":30,"periodSeconds":10,"failureThreshold":3,"timeoutSeconds":5},
            "volumeMounts": [{"name":"data","mountPath":"/sei"}],
        })
    );
    let mut seid_init = init[0].clone();
    assert!(seid_init["command"][2].take().as_str().unwrap().contains("seid init 'pacific-1'"));
    assert_eq!(
        seid_init,
        json!({"name":"seid-init","image":"seid:1","command":["/bin/sh","-c",null],
               "volumeMounts":[{"name":"data","mountPath":"/sei"}]})
    );
    assert_eq!(
        init[1],
        json!({
            "name": "sei-sidecar", "image": crate::intent::DEFAULT_SIDECAR_IMAGE, "restartPolicy": "Always",
            "command": ["seictl","serve"],
            "env": [
                {"name":"SEI_CHAIN_ID","value":"pacific-1"},
                {"name":"SEI_SIDECAR_PORT","value":"7777"},
                {"name":"SEI_HOME","value":"/sei"},
                {"name":"SEI_GENESIS_BUCKET","value":"test-genesis"},
                {"name":"SEI_GENESIS_REGION","value":"us-east-2"},
                {"name":"SEI_SNAPSHOT_BUCKET","value":"test-snapshots"},
                {"name":"SEI_SNAPSHOT_REGION","value":"us-east-2"}],
            "ports": [{"name":"sidecar","containerPort":7777,"protocol":"TCP"}],
            "livenessProbe": {"httpGet":{"path":"/v0/livez","port":7777},
                "initialDelaySeconds":5,"periodSeconds":10,"failureThreshold":3},
            "readinessProbe": {"httpGet":{"path":"/v0/healthz","port":7777},
                "initialDelaySeconds":2,"periodSeconds":5,"failureThreshold":6},
            "volumeMounts": [{"name":"data","mountPath":"/sei"}],
        })
    );
}

#[test]
fn an_archive_gets_its_own_pool_resources_and_volume() {
    let pod = &set("  archive: {}\n")["spec"]["template"]["spec"];
    assert_eq!(pod["tolerations"][0]["value"], "sei-archive");
    assert_eq!(pod["containers"][0]["resources"]["requests"], json!({"cpu":"48","memory":"448Gi"}));
    let pvc = volume(&node(), &intent("  archive: {}\n"), &platform(), Retention::Kept).spec.unwrap();
    assert_eq!(pvc.storage_class_name.as_deref(), Some("gp3-archive"));
}

#[test]
fn a_validators_keys_reach_seid_alone_as_single_files() {
    let set =
        set("  validator: {signingKey: {secret: {secretName: s}}, nodeKey: {secret: {secretName: n}}}\n");
    let pod = &set["spec"]["template"]["spec"];
    let secret = |volume: &str, name: &str, file: &str| json!({"name":volume,"secret":{"secretName":name,"defaultMode":256,"items":[{"key":file,"path":file}]}});
    assert_eq!(pod["volumes"][1], secret("signing-key", "s", "priv_validator_key.json"));
    assert_eq!(pod["volumes"][2], secret("node-key", "n", "node_key.json"));
    assert_eq!(
        pod["volumes"][3],
        json!({"name":"signing-key-copy","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}})
    );
    let mount = |volume: &str, file: &str| json!({"name":volume,"mountPath":format!("/sei/config/{file}"),"subPath":file,"readOnly":true});
    assert_eq!(
        pod["containers"][0]["volumeMounts"],
        json!([
            {"name":"data","mountPath":"/sei"},
            mount("signing-key-copy", "priv_validator_key.json"),
            mount("node-key", "node_key.json")
        ])
    );
    let init = pod["initContainers"].as_array().unwrap();
    let names: Vec<_> = init.iter().map(|container| container["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["signing-key-copy", "seid-init", "sei-sidecar"]);
    assert_eq!(
        init[0]["volumeMounts"],
        json!([
            {"name":"signing-key","mountPath":"/signing-key/secret","readOnly":true},
            {"name":"signing-key-copy","mountPath":"/signing-key/copy"}
        ])
    );
    assert_eq!((&init[0]["image"], &init[0]["command"][0]), (&json!("seid:1"), &json!("/bin/sh")));
    for container in &init[1..] {
        assert_eq!(container["volumeMounts"], json!([{"name":"data","mountPath":"/sei"}]));
    }
}

#[test]
fn the_sidecar_is_as_the_user_wants_it() {
    let rest =
        "  fullNode: {}\n  sidecar: {image: 'own:1', port: 9000, resources: {limits: {memory: 1Gi}}}\n";
    let pod = &set(rest)["spec"]["template"]["spec"];
    let sidecar = &pod["initContainers"][1];
    assert_eq!(sidecar["image"], "own:1");
    assert_eq!(sidecar["resources"], json!({"limits":{"memory":"1Gi"}}));
    assert_eq!(sidecar["livenessProbe"]["httpGet"]["port"], 9000);
    assert_eq!(pod["containers"][0]["startupProbe"]["httpGet"]["port"], 9000);
    assert!(pod["containers"][0]["args"][0].as_str().unwrap().contains("/dev/tcp/localhost/9000"));
}

#[test]
fn an_imported_volume_is_mounted_by_its_own_name() {
    let set = set("  fullNode: {}\n  dataVolume: {import: {pvcName: old-data}}\n");
    let volumes = &set["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["persistentVolumeClaim"]["claimName"], "old-data");
}

#[test]
fn the_service_is_headless_and_lists_every_port() {
    let service = serde_json::to_value(service(&node(), &intent("  fullNode: {}\n"))).unwrap();
    assert_eq!(service["metadata"]["ownerReferences"], owner());
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(service["spec"]["selector"], json!({"sei.io/node":"n0"}));
    let ports = service["spec"]["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 7);
    assert_eq!(
        ports[2],
        json!({"name":"grpc","port":9090,"targetPort":9090,"protocol":"TCP","appProtocol":"kubernetes.io/h2c"})
    );
    assert_eq!(ports[5], json!({"name":"rpc","port":26657,"targetPort":26657,"protocol":"TCP"}));
}

#[test]
fn the_volume_is_owned_and_says_for_whom_it_was_made() {
    let pvc = serde_json::to_value(volume(
        &node(),
        &intent("  fullNode: {}\n"),
        &platform(),
        Retention::GoesWithTheNode,
    ))
    .unwrap();
    assert_eq!(
        pvc,
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name":"data-n0","namespace":"sei","labels":{"sei.io/node":"n0"},
                         "annotations":{"sei.io/owner-uid":"uid-0"},"ownerReferences":owner()},
            "spec": {"accessModes":["ReadWriteOnce"],"storageClassName":"gp3-10k-750",
                     "resources":{"requests":{"storage":"2000Gi"}}},
        })
    );
}

#[test]
fn a_volume_that_is_kept_has_no_owner_and_still_says_for_whom_it_was_made() {
    let pvc = |retention| volume(&node(), &intent("  fullNode: {}\n"), &platform(), retention);
    let kept = pvc(Retention::Kept);
    assert_eq!(kept.metadata.owner_references, None);
    let gone = pvc(Retention::GoesWithTheNode);
    assert_eq!(gone.metadata.owner_references, Some(vec![node().owner_reference()]));
    assert_eq!(kept.metadata.annotations, gone.metadata.annotations);
    assert_eq!(kept.metadata.labels, gone.metadata.labels);
    assert_eq!(kept.spec, gone.spec);
}
