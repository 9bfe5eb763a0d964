//! The ways in which people and programs try to change the StatefulSet of a node as they must not.

use serde_json::{Value, json};

use super::setup::Setup;

/// A set with the labels of node `name`, and no SeiNode behind it: nobody repairs it.
pub fn set(name: &str, replicas: i32, strategy: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": name, "labels": {"sei.io/node": name}},
        "spec": {
            "replicas": replicas, "serviceName": name,
            "selector": {"matchLabels": {"sei.io/node": name}},
            "updateStrategy": {"type": strategy},
            "template": {
                "metadata": {"labels": {"sei.io/node": name}},
                "spec": {"containers": [{"name": "seid", "image": "registry.example.com/seid:v1"}]},
            },
        },
    })
}

/// An attempt, as a run of kubectl.
pub struct Attempt {
    pub what: &'static str,
    pub run: fn(&Setup) -> (bool, String),
}

/// Attempts to give set `lone` a second pod. The last one creates another set.
pub const SECOND_PODS: [Attempt; 8] = [
    Attempt { what: "scale", run: |it| it.kubectl(&["scale", "statefulset/lone", "--replicas=2"]) },
    Attempt {
        what: "scale as an autoscaler does",
        run: |it| {
            let patch = r#"{"spec":{"replicas":2}}"#;
            it.kubectl(&["patch", "statefulset/lone", "--subresource=scale", "--type=merge", "-p", patch])
        },
    },
    Attempt {
        what: "patch",
        run: |it| it.kubectl(&["patch", "statefulset/lone", "-p", r#"{"spec":{"replicas":2}}"#]),
    },
    Attempt { what: "apply", run: |it| it.kubectl_with(&["apply"], &set("lone", 2, "OnDelete")) },
    Attempt {
        what: "server-side apply",
        run: |it| {
            it.kubectl_with(&["apply", "--server-side", "--force-conflicts"], &set("lone", 2, "OnDelete"))
        },
    },
    Attempt { what: "replace", run: |it| it.kubectl_with(&["replace"], &set("lone", 2, "OnDelete")) },
    Attempt {
        what: "dry run",
        run: |it| it.kubectl(&["scale", "statefulset/lone", "--replicas=2", "--dry-run=server"]),
    },
    Attempt { what: "create", run: |it| it.kubectl_with(&["create"], &set("more", 2, "OnDelete")) },
];

/// Ways past the guard of set `lone`, and sets that its guard must recognise, with the field that each is denied for.
pub const SIDE_DOORS: [(&str, Attempt); 5] = [
    (
        "spec.ordinals.start",
        Attempt {
            what: "another ordinal",
            run: |it| {
                let patch = r#"{"spec":{"ordinals":{"start":1}}}"#;
                it.kubectl(&["patch", "statefulset/lone", "--type=merge", "-p", patch])
            },
        },
    ),
    (
        "spec.replicas",
        Attempt {
            what: "a second pod without the label",
            run: |it| {
                it.kubectl(&["label", "statefulset/lone", "sei.io/node-"]);
                let tried = it.kubectl(&["patch", "statefulset/lone", "-p", r#"{"spec":{"replicas":2}}"#]);
                it.kubectl(&["label", "statefulset/lone", "sei.io/node=lone"]);
                tried
            },
        },
    ),
    (
        "spec.replicas",
        Attempt {
            what: "a set that has the selector only",
            run: |it| it.kubectl_with(&["create"], &labelled("bare", 2, &["/spec/selector/matchLabels"])),
        },
    ),
    (
        "spec.ordinals.start",
        Attempt {
            what: "a set that counts from 1",
            run: |it| {
                let mut object = set("counting", 1, "OnDelete");
                object["spec"]["ordinals"] = json!({"start": 1});
                it.kubectl_with(&["create"], &object)
            },
        },
    ),
    (
        "spec.selector.matchLabels[sei.io/node]",
        Attempt {
            what: "a set that only its pods belong to the node of",
            run: |it| it.kubectl_with(&["create"], &labelled("podded", 1, &[])),
        },
    ),
];

/// A set whose pods have the label of node `name`, with that label at these places too; it selects by another one.
fn labelled(name: &str, replicas: i32, places: &[&str]) -> Value {
    let mut object = set(name, replicas, "OnDelete");
    for place in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        object.pointer_mut(place).unwrap()["app"] = json!(name);
        if place != "/spec/template/metadata/labels" && !places.contains(&place) {
            object.pointer_mut(place).unwrap().as_object_mut().unwrap().remove("sei.io/node");
        }
    }
    object
}

/// Attempts to change set `lone` back from OnDelete.
pub const WAYS_BACK: [Attempt; 4] = [
    Attempt {
        what: "patch",
        run: |it| {
            let patch = r#"{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}"#;
            it.kubectl(&["patch", "statefulset/lone", "-p", patch])
        },
    },
    Attempt { what: "apply", run: |it| it.kubectl_with(&["apply"], &set("lone", 1, "RollingUpdate")) },
    Attempt {
        what: "server-side apply",
        run: |it| {
            it.kubectl_with(
                &["apply", "--server-side", "--force-conflicts"],
                &set("lone", 1, "RollingUpdate"),
            )
        },
    },
    Attempt { what: "replace", run: |it| it.kubectl_with(&["replace"], &set("lone", 1, "RollingUpdate")) },
];

/// Edits that stay allowed under every guard.
pub const ALLOWED: [Attempt; 6] = [
    Attempt { what: "a label", run: |it| it.kubectl(&["label", "statefulset/lone", "team=rpc"]) },
    Attempt {
        what: "an image",
        run: |it| it.kubectl(&["set", "image", "statefulset/lone", "seid=registry.example.com/seid:v2"]),
    },
    Attempt { what: "a restart", run: |it| it.kubectl(&["rollout", "restart", "statefulset/lone"]) },
    Attempt { what: "a stop", run: |it| it.kubectl(&["scale", "statefulset/lone", "--replicas=0"]) },
    Attempt { what: "its end", run: |it| it.kubectl(&["scale", "statefulset/lone", "--replicas=1"]) },
    Attempt {
        what: "a stranger's scale",
        run: |it| it.kubectl(&["scale", "statefulset/stranger", "--replicas=3"]),
    },
];

/// A set of another tenant, with everything that is denied for those of nodes.
pub fn stranger() -> Value {
    let mut object = set("stranger", 2, "RollingUpdate");
    for place in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        *object.pointer_mut(place).unwrap() = json!({"app": "stranger"});
    }
    object
}
