//! Fuzzing: watched objects of which a few members are others. What is read of an object is the same after it is cut down.

use hostile::{Choices, Effort, Target, mutate};
use seinode_core::{
    node::NodeRef,
    observation::{Job as JobView, Pod as PodView, ServiceView, StatefulSetView, Volume as VolumeView},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// Most bytes of an input: each is a choice.
const CHOICES: usize = 64;
const TARGET: Target =
    Target { corpus: concat!(env!("CARGO_MANIFEST_DIR"), "/src/trim/fuzz/corpus"), longest: CHOICES };
/// Inputs in the ordinary `cargo test`.
const FEW: Effort = Effort::Inputs(1000);

fn play(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let node = NodeRef { namespace: "sei".into(), name: "n0".into(), uid: "u".into() };
    match choices.below(5) {
        0 => check_kind(set(), choices, stateful_set, |it| StatefulSetView::of(&node, it)),
        1 => check_kind(headless(), choices, service, |it| ServiceView::of(&node, it)),
        2 => check_kind(claim(), choices, volume, |it| VolumeView::of(&node, it)),
        3 => check_kind(batch(), choices, job, |it| JobView::of(&node, it)),
        _ => check_kind(host(), choices, pod, PodView::of),
    }
}

fn check_kind<K: DeserializeOwned, V: PartialEq + std::fmt::Debug>(
    mut object: Value,
    choices: &mut Choices<'_>,
    trim: fn(&mut K),
    read: impl Fn(&K) -> V,
) {
    mutate(&mut object, choices);
    let Ok(mut object) = serde_json::from_value::<K>(object) else { return };
    let whole = read(&object);
    trim(&mut object);
    assert_eq!(read(&object), whole);
}

fn meta(rest: &Value) -> Value {
    let owner = json!({"apiVersion": "sei.io/v1alpha1", "kind": "SeiNode", "name": "n0", "uid": "u", "controller": true});
    let mut meta = json!({
        "name": "n0", "namespace": "sei", "uid": "x", "resourceVersion": "1", "generation": 1,
        "labels": {"sei.io/node": "n0", "team": "rpc"}, "ownerReferences": [owner],
        "annotations": {"sei.io/template-hash": "h", "sei.io/owner-uid": "u", "sei.io/target": "t", "other": "x"},
    });
    if let (Some(meta), Some(rest)) = (meta.as_object_mut(), rest.as_object()) {
        meta.extend(rest.clone());
    }
    meta
}

fn volumes() -> Value {
    json!([
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-n0"}},
        {"name": "signing-key", "secret": {"secretName": "key"}},
        {"name": "more", "emptyDir": {}},
    ])
}

fn set() -> Value {
    json!({
        "metadata": meta(&json!({})),
        "spec": {
            "replicas": 1, "serviceName": "n0", "updateStrategy": {"type": "OnDelete"}, "ordinals": {"start": 0},
            "selector": {"matchLabels": {"sei.io/node": "n0"}},
            "template": {"spec": {"volumes": volumes(), "containers": [{"name": "seid", "image": "i"}]}},
        },
        "status": {"observedGeneration": 1, "updateRevision": "r", "replicas": 1},
    })
}

fn headless() -> Value {
    let port =
        json!({"name": "rpc", "port": 26657, "targetPort": 26657, "protocol": "TCP", "appProtocol": "http"});
    json!({
        "metadata": meta(&json!({})),
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": true, "selector": {"sei.io/node": "n0"}, "ports": [port]},
    })
}

fn claim() -> Value {
    json!({
        "metadata": meta(&json!({})),
        "spec": {"volumeName": "pv", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Ti"}}},
        "status": {"phase": "Bound", "capacity": {"storage": "1Ti"}},
    })
}

fn batch() -> Value {
    let failed =
        json!({"type": "Failed", "status": "False", "reason": "BackoffLimitExceeded", "message": "m"});
    json!({
        "metadata": meta(&json!({})),
        "spec": {"suspend": false, "template": {"spec": {"volumes": volumes(), "containers": []}}},
        "status": {"conditions": [failed], "failed": 1, "startTime": "2027-01-15T08:00:00Z"},
    })
}

fn host() -> Value {
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "n0", "uid": "x", "controller": true});
    let state = json!({"running": {"startedAt": "2027-01-15T08:00:00Z"}});
    let ended = json!({"terminated": {"exitCode": 1, "message": "m", "finishedAt": "2027-01-15T08:00:00Z"}});
    let container = |name: &str| {
        json!({
            "name": name, "image": "i", "imageID": "d", "ready": true, "restartCount": 1, "started": true,
            "state": state, "lastState": ended,
        })
    };
    let condition =
        |type_: &str| json!({"type": type_, "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"});
    json!({
        "metadata": meta(&json!({
            "ownerReferences": [owner], "deletionTimestamp": "2027-01-15T08:00:00Z", "deletionGracePeriodSeconds": 120,
        })),
        "spec": {"volumes": volumes(), "nodeName": "m", "containers": [{"name": "seid", "image": "i"}]},
        "status": {
            "phase": "Running", "podIP": "10.0.0.1",
            "conditions": [condition("Ready"), condition("PodScheduled"), condition("PodReadyToStartContainers")],
            "containerStatuses": [container("seid")],
            "initContainerStatuses": [container("seid-init"), container("sei-sidecar")],
        },
    })
}

#[test]
fn hostile_objects_read_the_same_when_cut_down() {
    TARGET.play(FEW, play);
}

#[test]
#[ignore = "cargo prove tries for a minute"]
fn hostile_objects_read_the_same_when_cut_down_for_a_minute() {
    TARGET.play(Effort::MINUTE, play);
}
