//! Every way in which people and programs ask for what the StatefulSet of a node must not be.

use serde_json::{Value, json};

use super::stage::Stage;

/// A set with the label of node `name`, and no SeiNode behind it: nobody puts it back.
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

/// An attempt and how kubectl is told to make it.
pub struct Attempt {
    pub what: &'static str,
    pub run: fn(&Stage) -> (bool, String),
}

/// A second pod for set `lone`, by every way there is. What creates another set is the last.
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

/// Ways back from OnDelete for set `lone`.
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

/// What stays allowed whoever guards.
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

/// A set of nobody's node, with everything that is refused for those.
pub fn stranger() -> Value {
    let mut object = set("stranger", 2, "RollingUpdate");
    for place in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        *object.pointer_mut(place).unwrap() = json!({"app": "stranger"});
    }
    object
}
