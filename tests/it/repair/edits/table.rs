//! Manual edits of the children of a node, one a row.

use serde_json::{Value, json};

use crate::kit::Namespace;

/// An edit, made to a node of its own.
pub struct Edit {
    /// Name of the edit.
    pub what: &'static str,
    /// The edited field, as the operator names it.
    pub field: &'static str,
    /// Under which name it is made, if the API server keeps one.
    pub manager: &'static str,
    /// Makes it.
    pub by_hand: fn(&Namespace, &str),
}

pub const EDITS: [Edit; 17] = [
    Edit {
        what: "kubectl set image",
        field: "spec.template",
        manager: "kubectl-set",
        by_hand: |ns, node| {
            ns.kubectl(&["set", "image", &set(node), "seid=registry.example.com/seid:by-hand"]);
        },
    },
    Edit {
        what: "kubectl set env",
        field: "spec.template",
        manager: "kubectl-set",
        by_hand: |ns, node| {
            ns.kubectl(&["set", "env", &set(node), "--containers=seid", "DEBUG=1", "TMPDIR=/tmp"]);
        },
    },
    Edit {
        what: "an annotation more",
        field: "spec.template",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            let annotations = json!({"example.com/mine": "x"});
            ns.kubectl_patch(
                &set(node),
                &json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}),
            );
        },
    },
    Edit {
        what: "a container more",
        field: "spec.template",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            let container = json!({"name": "debug", "image": "registry.example.com/shell"});
            ns.kubectl_patch(
                &set(node),
                &json!({"spec": {"template": {"spec": {"containers": [container]}}}}),
            );
        },
    },
    Edit {
        what: "an annotation of the template changed in an editor",
        field: "spec.template",
        manager: "kubectl-edit",
        by_hand: |ns, node| {
            ns.kubectl_edit(&set(node), "s/do-not-disrupt: \"true\"/do-not-disrupt: \"false\"/")
        },
    },
    Edit {
        what: "fields of the pod that the operator leaves to Kubernetes",
        field: "spec.template",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            let pod = json!({"dnsPolicy": "Default", "nodeSelector": {"disk": "fast"}});
            ns.kubectl_patch(&set(node), &json!({"spec": {"template": {"spec": pod}}}));
        },
    },
    Edit {
        what: "another number of a port of the pod",
        field: "spec.template",
        manager: "kubectl-edit",
        by_hand: |ns, node| ns.kubectl_edit(&set(node), "s/containerPort: 26657/containerPort: 36657/"),
    },
    Edit {
        what: "a probe of another kind",
        field: "spec.template",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            seid(ns, node, json!({"readinessProbe": {"httpGet": null, "tcpSocket": {"port": 26657}}}));
        },
    },
    Edit {
        what: "a variable from another source",
        field: "spec.template",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            let from = json!({"fieldRef": {"fieldPath": "metadata.name"}});
            seid(ns, node, json!({"env": [{"name": "TMPDIR", "value": null, "valueFrom": from}]}));
        },
    },
    Edit {
        what: "another volume",
        field: "spec.template",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            let volume = json!({"name": "data", "persistentVolumeClaim": null, "emptyDir": {}});
            ns.kubectl_patch(&set(node), &json!({"spec": {"template": {"spec": {"volumes": [volume]}}}}));
        },
    },
    Edit {
        what: "a rolling update",
        field: "spec.updateStrategy",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
            ns.kubectl_patch(&set(node), &json!({"spec": {"updateStrategy": rolling}}));
        },
    },
    Edit {
        what: "another first number",
        field: "spec.ordinals",
        manager: "kubectl-patch",
        by_hand: |ns, node| {
            ns.kubectl_patch(&set(node), &json!({"spec": {"ordinals": {"start": 1}}}));
        },
    },
    Edit {
        what: "two replicas",
        field: "spec.replicas",
        manager: "kubectl",
        by_hand: |ns, node| {
            ns.kubectl(&["scale", &set(node), "--replicas=2"]);
        },
    },
    Edit {
        what: "a label of ours changed",
        field: "metadata.labels",
        manager: "kubectl-label",
        by_hand: |ns, node| {
            ns.kubectl(&["label", "--overwrite", &set(node), "team=theirs"]);
        },
    },
    Edit {
        what: "the label taken away by which the operator finds the set",
        field: "metadata.labels",
        manager: "somebody",
        by_hand: |ns, node| {
            ns.kubectl(&["label", &set(node), "sei.io/node-"]);
        },
    },
    Edit {
        what: "another selector of the Service",
        field: "spec.selector",
        manager: "kubectl-set",
        by_hand: |ns, node| {
            ns.kubectl(&["set", "selector", &service(node), "app=other"]);
        },
    },
    Edit {
        what: "another port of the Service",
        field: "spec.ports",
        manager: "kubectl-edit",
        by_hand: |ns, node| ns.kubectl_edit(&service(node), "s/port: 26657/port: 36657/"),
    },
];

pub fn set(node: &str) -> String {
    format!("statefulset/{node}")
}

pub fn service(node: &str) -> String {
    format!("service/{node}")
}

/// Patches the container `seid` of a node's pod template.
fn seid(ns: &Namespace, node: &str, mut change: Value) {
    change["name"] = json!("seid");
    ns.kubectl_patch(&set(node), &json!({"spec": {"template": {"spec": {"containers": [change]}}}}));
}
