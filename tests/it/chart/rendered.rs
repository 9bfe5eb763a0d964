//! What both majors of the real helm render: the same, taken by the API server, strictly, as a dry run; and wrong values
//! refused by their place.

use std::sync::Arc;

use devcluster::chart;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::kit::{
    Kit, Namespace,
    release::{CRDS, Helm, Major, OPERATOR, path, rendered, values},
};

pub async fn what_is_rendered_is_taken_by_the_api_server_for_every_kind_of_values(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let [older, helm] = helms(&kit, &ns).await;
    for helm in [&older, &helm] {
        let (linted, said, _) = helm.run(&["lint", "--strict", CRDS]);
        assert!(linted, "{said}");
    }
    for (what, more) in matrix(&ns) {
        let values = values(&more);
        for helm in [&older, &helm] {
            let (linted, said, _) =
                helm.run(&["lint", "--strict", OPERATOR, "--values", &helm.file(&values)]);
            assert!(linted, "{what}: {said}");
        }
        let [before, text] = [&older, &helm].map(|helm| template(helm, &ns, &helm.file(&values)));
        let (before, after) = (sorted(&before), sorted(&text));
        let differ = before.iter().zip(&after).find(|(before, after)| before != after);
        assert!(before == after, "{what}: Helm 3 renders something else than Helm 4: {differ:#?}");
        let file = rendered(&helm, "rendered.yaml", &text);
        let (taken, said) = ns.try_kubectl(&[
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            path(&file),
        ]);
        assert!(taken, "{what}: {said}\n{text}");
        let quiet = !said.contains("Warning");
        assert!(quiet, "{what}: {said}");
    }
}

fn certificates(more: &Value) -> Value {
    json!({"admission": {"certificates": more}})
}

/// Helm 3 and 4.
async fn helms(kit: &Kit, ns: &Namespace) -> [Helm; 2] {
    let [three, four] = Major::BOTH.map(|major| Helm::major(kit, &ns.world, major));
    [three.await, four.await]
}

/// Values that render what the others do not.
fn matrix(ns: &Namespace) -> Vec<(&'static str, Value)> {
    let webhooks = |enabled: bool, policy: bool| json!({"webhooks": {"enabled": enabled}, "policy": {"enabled": policy}});
    vec![
        ("the defaults", json!({})),
        ("one replica without election", json!({"replicas": 1, "leaderElection": {"enabled": false}})),
        ("some namespaces", json!({"watchNamespaces": [ns.name]})),
        ("no webhooks", json!({"admission": webhooks(false, true)})),
        ("no policy", json!({"admission": webhooks(true, false)})),
        (
            "no admission, no election",
            json!({"admission": webhooks(false, false), "replicas": 1,
                                             "leaderElection": {"enabled": false}}),
        ),
        (
            "rights and account of somebody else's",
            json!({"rbac": {"create": false}, "serviceAccount": {"create": false, "name": "mine"}}),
        ),
        (
            "a certificate in a Secret",
            json!({"admission": {"certificates": {"source": "file", "existingSecret": "ours"}}}),
        ),
        (
            "objects of somebody else's",
            json!({"extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "{{ .Release.Name }}-more"}, "data": {"a": "{{ .Values.fullname }}"}}]}),
        ),
        (
            "a network policy",
            json!({"networkPolicy": {"enabled": true,
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 8443}]}]}}),
        ),
        (
            "everything about pods",
            json!({
            "image": {"digest": format!("sha256:{}", "0".repeat(64))}, "imagePullSecrets": [{"name": "pull"}],
            "log": {"format": "text", "filter": "warn,seinode_controller=debug"},
            "podLabels": {"team": "rpc"}, "podAnnotations": {"a": "b"}, "priorityClassName": "high",
            "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}}, "commonLabels": {"cost": "7"}, "commonAnnotations": {"owner": "rpc"},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}],
            "resources": {"requests": {"cpu": "1"}}, "serviceAccount": {"annotations": {"role": "arn:aws:iam::1:role/a"}}}),
        ),
    ]
}

pub async fn the_operators_pod_is_let_in_where_pods_are_restricted(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    let (labelled, said) = ns.try_kubectl(&["label", "namespace", &ns.name, enforce]);
    assert!(labelled, "{said}");
    let helm = Helm::of(&ns.world);
    let text = template(&helm, &ns, &helm.file(&values(&json!({}))));
    let deployment = documents(&text).into_iter().find(|it| it["kind"] == "Deployment").unwrap();
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("operator");
    let create = |pod: &Value| {
        let file = rendered(&helm, "pod.json", &pod.to_string());
        ns.try_kubectl(&["create", "--dry-run=server", "-f", path(&file)])
    };
    let (taken, said) = create(&pod);
    assert!(taken, "{said}");
    // The namespace does refuse what is not restricted.
    pod["spec"]["securityContext"] = json!({});
    let (taken, said) = create(&pod);
    assert!(!taken && said.contains("restricted"), "{said}");
}

pub async fn wrong_values_are_refused_by_their_place(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helms = helms(&kit, &ns).await;
    let mut missing = values(&json!({}));
    missing["platform"]["snapshots"]["bucket"] = json!("");
    let mut typo = values(&json!({}));
    typo["platform"]["storage"]["defualt"] = json!({"class": "gp3"});
    let mut size = values(&json!({}));
    size["platform"]["storage"]["default"]["size"] = json!("2 TB");
    let wrong = [
        (missing, "/platform/snapshots/bucket"),
        (typo, "'defualt' not allowed"),
        (size, "/platform/storage/default/size"),
        (values(&json!({"replicsa": 3})), "'replicsa' not allowed"),
        (values(&json!({"replicas": "2"})), "/replicas"),
        (values(&json!({"image": {"digest": "latest"}})), "/image/digest"),
        (values(&json!({"log": {"format": "xml"}})), "/log/format"),
        (values(&json!({"watchNamespaces": ["Sei"]})), "/watchNamespaces/0"),
        (values(&json!({"controller": {"sidecarProbeInterval": 5}})), "/controller/sidecarProbeInterval"),
        (values(&json!({"admission": {"webhooks": {"enable": true}}})), "'enable' not allowed"),
        (values(&json!({"extraObjects": [{"kind": "ConfigMap"}]})), "/extraObjects/0"),
        (values(&json!({"selftest": {"namespace": "Sei"}})), "/selftest/namespace"),
        (values(&certificates(&json!({"source": "vault"}))), "/admission/certificates/source"),
        (values(&json!({"leaderElection": {"enabled": false}})), "without leaderElection.enabled"),
        (values(&json!({"ports": {"health": 8080}})), "ports: two of them are the same"),
        (values(&certificates(&json!({"source": "file"}))), "no Secret is named"),
        (values(&certificates(&json!({"existingSecret": "a"}))), "source is self, which does not use it"),
        (values(&certificates(&json!({"source": "cert-manager"}))), "no issuer is named"),
        (
            values(&certificates(&json!({"issuerRef": {"name": "a"}}))),
            "source is self, which does not use it",
        ),
        (
            values(&json!({"podLabels": {"app.kubernetes.io/name": "a"}})),
            "podLabels: app.kubernetes.io/name is the chart's",
        ),
    ];
    for (values, place) in wrong {
        for helm in &helms {
            let file = helm.file(&values);
            let (done, _, said) = helm.run(&["template", "it", OPERATOR, "--values", &file]);
            assert!(!done && said.contains(place), "{place}: {said}");
        }
    }
    for helm in &helms {
        let (done, _, said) = helm.run(&["template", "it", CRDS, "--set", "keep=maybe"]);
        assert!(!done && said.contains("/keep"), "{said}");
    }
}

pub async fn the_chart_of_the_crd_says_what_the_operator_prints(kit: Arc<Kit>) {
    let ns = kit.namespace().await;
    let helm = Helm::of(&ns.world);
    let (done, text, said) = helm.run(&["template", "it", CRDS]);
    assert!(done, "{said}");
    let [crd] = &documents(&text)[..] else { panic!("{text}") };
    let crd: CustomResourceDefinition = serde_json::from_value(crd.clone()).unwrap();
    let ours = seinode_api::crd::seinode();
    assert!(crd.spec == ours.spec, "the chart is behind: UPDATE_GOLDEN=1 cargo test -p seinode-api");
    let (annotations, hash) = (crd.annotations(), "sei.io/schema-hash");
    assert_eq!(annotations.get(hash), ours.annotations().get(hash));
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");
}

fn template(helm: &Helm, ns: &Namespace, values: &str) -> String {
    let (done, text, said) =
        helm.run(&["template", "it", OPERATOR, "--namespace", &ns.name, "--values", values]);
    assert!(done, "{said}");
    text
}

/// The objects of a rendered chart.
pub fn documents(text: &str) -> Vec<Value> {
    chart::objects(text).unwrap()
}

/// The same, each as text, in an order of their own: each Helm has another one.
fn sorted(text: &str) -> Vec<String> {
    let mut objects: Vec<_> = documents(text).iter().map(Value::to_string).collect();
    objects.sort();
    objects
}
